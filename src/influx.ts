// SPDX-License-Identifier: MIT
/** The sink that writes to an InfluxDB. */
import { describeFailure, judgeFailure, type Verdict } from "./answer.js";
import { Database, failed, type InfluxOptions } from "./database.js";
import { DELIVERY_LIMITS, Delivery, type DeliveryLimits, type DeliveryOptions, type Target } from "./delivery.js";
import type { Lines } from "./lines.js";
import type { Sink } from "./sink.js";

export type { InfluxOptions } from "./database.js";
export { checkInflux, type InfluxCheck } from "./readiness.js";

export interface InfluxLimits extends DeliveryLimits {
  /** For one request, milliseconds. */
  deadlineMs: number;
}

const LIMITS: InfluxLimits = { ...DELIVERY_LIMITS, deadlineMs: 10_000 };

/** Writes, and makes the database if it may when the server does not have it. */
class InfluxTarget implements Target {
  readonly #database: Database;
  readonly #createDatabase: boolean;
  /** Since the last success: a database that was made and is missing still is not made again. */
  #created = false;

  constructor(options: InfluxOptions, deadlineMs: number) {
    this.#database = new Database(options, deadlineMs);
    this.#createDatabase = options.createDatabase;
  }

  get place(): string {
    return this.#database.place;
  }

  async write(lines: Lines): Promise<Verdict> {
    const verdict = await this.#database.write(lines);
    if (verdict.kind === "done") this.#created = false;
    const missing = verdict.kind === "hold" && verdict.missing === "database";
    if (!missing || !this.#createDatabase || this.#created) return verdict;
    const outcome = await this.#database.create();
    if (!failed(outcome)) {
      this.#created = true;
      return this.#database.write(lines);
    }
    const creation = judgeFailure(outcome);
    if (creation.kind === "retry") return creation;
    const reason = `the database cannot be created: ${describeFailure(outcome)}`;
    return { ...verdict, reason, hint: "create it by hand, as an administrator of the server" };
  }

  close(): void {
    this.#database.close();
  }
}

/** @throws RtcprobeError ERR_CONFIG when the URL or the token is unusable */
export function makeInfluxTarget(options: InfluxOptions, deadlineMs = LIMITS.deadlineMs): Target {
  return new InfluxTarget(options, deadlineMs);
}

/**
 * A sink that writes to an InfluxDB. `say` gets one line when an outage begins, one when it ends, and one when points are
 * lost.
 * @throws RtcprobeError ERR_CONFIG as makeInfluxTarget
 */
export function openInflux(
  options: InfluxOptions,
  delivery: Omit<DeliveryOptions, "target" | "limits">,
  limits: Partial<InfluxLimits> = {},
): Sink {
  const all = { ...LIMITS, ...limits };
  return new Delivery({ ...delivery, target: makeInfluxTarget(options, all.deadlineMs), limits: all });
}
