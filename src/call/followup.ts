// SPDX-License-Identifier: MIT
/** After the call: what Daily has of it, fetched until it stands still, and stored once. Each step survives a kill. */
import { createHash } from "node:crypto";
import type { IPoint } from "influx";
import type { Verdict } from "../answer.js";
import type { Daily } from "../daily/client.js";
import type { Raw } from "../daily/record.js";
import { RtcprobeError } from "../errors.js";
import type { Call, DailyProgress } from "./call.js";
import { chooseFallback } from "./fallback.js";
import { readReadings } from "./reading.js";
import type { CallStore } from "./store.js";

/** Milliseconds. */
export interface FollowupTimes {
  /** From a call's end to the first look: Daily's clients report every 15 s. */
  firstPoll: number;
  pollInterval: number;
  /** From a call's end to the last look. */
  deadline: number;
}

export interface FollowupOptions {
  store: CallStore;
  times: FollowupTimes;
  host: string;
  /** Absent: there is no key. */
  daily?: Daily | undefined;
  /** Absent: Daily's records stay in their file. */
  write?: ((points: IPoint[]) => Promise<Verdict>) | undefined;
  say(line: string): void;
}

const BATCH = 500;
/** Between two attempts to write, milliseconds. */
const WRITE_AGAIN_MS = 30_000;
/** Daily's clocks and ours, and a sample that was begun before the call was told; milliseconds. */
const MARGIN_MS = 60_000;

function digestOf(raws: readonly Raw[]): string {
  const lines = raws.map((raw) => JSON.stringify(raw)).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

export class Followup {
  readonly #options: FollowupOptions;

  constructor(options: FollowupOptions) {
    this.#options = options;
  }

  /** When the call wants its first step; undefined when there is none left. */
  firstDue({ endedAt, daily }: Call): number | undefined {
    if (endedAt === undefined) return undefined;
    if (daily.phase === "fetched") return this.#options.write === undefined ? undefined : endedAt;
    return daily.phase === "pending" ? endedAt + this.#options.times.firstPoll : undefined;
  }

  /**
   * Does the next step of an ended call and saves what came of it.
   * @returns milliseconds until the step after it, undefined when that was the last
   * @throws RtcprobeError ERR_FILE, ERR_CLOSED when the signal is aborted
   */
  async step(call: Call, signal: AbortSignal): Promise<number | undefined> {
    if (call.daily.phase === "pending") return this.#poll(call, signal);
    if (call.daily.phase === "fetched") return this.#store(call);
    return undefined;
  }

  async #poll(call: Call, signal: AbortSignal): Promise<number | undefined> {
    const { daily, times } = this.#options;
    if (daily === undefined) return this.#finish(call, { phase: "absent", reason: "no Daily key is configured" });
    if (call.meeting === undefined && call.participant === undefined) {
      return this.#finish(call, { phase: "absent", reason: "neither its meeting nor its participant is known" });
    }
    const isLast = Date.now() >= (call.endedAt ?? 0) + times.deadline;
    const before = call.daily;
    let raws: Raw[];
    try {
      raws = await this.#fetch(daily, call, signal);
    } catch (error) {
      if (!(error instanceof RtcprobeError) || error.code === "ERR_CLOSED") throw error;
      const { message: reason } = error;
      if (before.reason !== reason) this.#options.say(`call ${call.id}: ${reason}`);
      return this.#finish(call, { reason, ...(isLast ? { phase: "absent" as const } : {}) }, times.pollInterval);
    }
    const digest = digestOf(raws);
    const settled = raws.length > 0 && before.digest === digest;
    const found = { digest, metrics: raws.length };
    if (raws.length > 0 && (settled || isLast)) {
      this.#options.store.saveMetrics(call.id, raws);
      this.#finish(call, { phase: "fetched", settled, ...found });
      return this.firstDue(call) === undefined ? undefined : 0;
    }
    const reason = "Daily had no metrics of it: it keeps none of a participant who is alone";
    if (isLast) return this.#finish(call, { phase: "absent", reason, ...found });
    return this.#finish(call, found, times.pollInterval);
  }

  async #fetch(daily: Daily, call: Call, signal: AbortSignal): Promise<Raw[]> {
    const { meeting, participant, startedAt, endedAt = Date.now() } = call;
    // The times only where an id alone could mean more than this call.
    const query =
      meeting === undefined
        ? { participant, startTime: Math.floor(startedAt - MARGIN_MS), endTime: Math.ceil(endedAt + MARGIN_MS) }
        : { meeting };
    const raws: Raw[] = [];
    for await (const { raw } of daily.allMetrics(query, signal)) raws.push(raw);
    return raws;
  }

  /** Writes again what may have been written: the same points are the same. */
  async #store(call: Call): Promise<number | undefined> {
    const { store, write, host, say } = this.#options;
    if (write === undefined) return undefined;
    const raws = store.loadMetrics(call.id) ?? [];
    const { ours } = readReadings(raws, call);
    const fallback = chooseFallback(ours, store.loadRows(call.id));
    // InfluxDB's client, of which points need the types, is memory that a host without calls does not need.
    const { fallbackPoints, metricPoints } = await import("./metricpoint.js");
    const points = [...metricPoints(raws, call), ...fallbackPoints(fallback, call, host)];
    for (let i = 0; i < points.length; i += BATCH) {
      const verdict = await this.#writeBatch(write, points.slice(i, i + BATCH));
      if (verdict.kind === "done") continue;
      const { reason } = verdict;
      if (verdict.kind === "retry" || verdict.kind === "hold") {
        if (call.daily.reason !== reason) say(`call ${call.id}: Daily's metrics wait: ${reason}`);
        return this.#finish(call, { reason }, WRITE_AGAIN_MS);
      }
      say(`call ${call.id}: points of Daily's metrics are refused: ${reason}`);
    }
    return this.#finish(call, { phase: "stored" });
  }

  async #writeBatch(write: (points: IPoint[]) => Promise<Verdict>, points: IPoint[]): Promise<Verdict> {
    const verdict = await write(points);
    if (verdict.kind !== "split" || points.length === 1) return verdict;
    const half = Math.ceil(points.length / 2);
    const first = await this.#writeBatch(write, points.slice(0, half));
    if (first.kind === "retry" || first.kind === "hold") return first;
    const second = await this.#writeBatch(write, points.slice(half));
    return second.kind === "done" ? first : second;
  }

  #finish(call: Call, change: Partial<DailyProgress>, nextMs?: number): number | undefined {
    const polled = call.daily.phase === "pending" ? 1 : 0;
    const { reason: _, ...kept } = call.daily;
    call.daily = { ...kept, polls: kept.polls + polled, ...change };
    this.#options.store.save(call);
    return nextMs;
  }
}
