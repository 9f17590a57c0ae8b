// SPDX-License-Identifier: MIT
/** The sink that writes to an InfluxDB: batches, waiting, and what becomes of points that it does not take. */
import type { IPoint } from "influx";
import { describeFailure, judgeFailure, type Verdict } from "./answer.js";
import { Database, failed, type InfluxOptions } from "./database.js";
import { samplePoints } from "./point.js";
import { countPoints, type Sink, type SinkStatus } from "./sink.js";
import type { Sample } from "./stats.js";

export type { InfluxOptions } from "./database.js";
export { checkInflux, type InfluxCheck } from "./readiness.js";

export interface InfluxLimits {
  /** For one request, milliseconds. */
  deadlineMs: number;
  /** First and longest ceiling of the random wait after a failure that may pass; milliseconds. */
  backoffMinMs: number;
  backoffMaxMs: number;
  /** Wait while somebody has to mend something, and between two lines about refused points; milliseconds. */
  holdMs: number;
  maxBatchPoints: number;
  /** Beside the batch that is under way. */
  maxQueuedPoints: number;
}

const LIMITS: InfluxLimits = {
  deadlineMs: 10_000,
  backoffMinMs: 500,
  backoffMaxMs: 60_000,
  holdMs: 60_000,
  maxBatchPoints: 5_000,
  maxQueuedPoints: 100_000,
};

/** From the first failure until points are taken again. */
interface Outage {
  beganMs: number;
  failures: number;
  droppedBefore: number;
  /** Said that it began; said that somebody has to mend something. */
  announced: boolean;
  alarmed: boolean;
  /** The database was created, and should be there. */
  created: boolean;
}

type Hold = Extract<Verdict, { kind: "hold" }>;

class InfluxSink implements Sink {
  readonly name = "influxdb";
  readonly #database: Database;
  readonly #options: InfluxOptions;
  readonly #limits: InfluxLimits;
  readonly #say: (event: string) => void;
  #queue: IPoint[] = [];
  #inFlight = 0;
  #batchPoints: number;
  #written = 0;
  #dropped = 0;
  #lastError: string | undefined;
  #outage: Outage | undefined;
  #refusalNotedMs = Number.NEGATIVE_INFINITY;
  #draining = false;
  #drained: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(options: InfluxOptions, onEvent: (line: string) => void, limits: InfluxLimits) {
    this.#database = new Database(options, limits.deadlineMs);
    this.#options = options;
    this.#limits = limits;
    this.#say = (event) => onEvent(`${this.#database.place}: ${event}`);
    this.#batchPoints = limits.maxBatchPoints;
  }

  write(sample: Sample): void {
    if (this.#closing) {
      this.#dropped += countPoints(sample);
      return;
    }
    const points = samplePoints(sample, this.#options.host, (error) => this.#refuse(1, (error as Error).message));
    this.#queue = this.#queue.concat(points);
    this.#trim();
    if (!this.#draining) this.#drained = this.#drain();
  }

  status(): SinkStatus {
    return {
      name: this.name,
      state: this.#outage ? "failing" : "ok",
      written: this.#written,
      queued: this.#queue.length + this.#inFlight,
      dropped: this.#dropped,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#flush(deadlineMs);
    return this.#closing;
  }

  async #flush(deadlineMs: number): Promise<void> {
    this.#wake?.();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([this.#drained, deadline]);
    clearTimeout(timer);
    this.#stopped = true;
    const lost = this.#queue.length + this.#inFlight;
    this.#queue = [];
    this.#inFlight = 0;
    this.#dropped += lost;
    if (lost > 0) this.#say(`${lost} points were still to be written at the end and are lost`);
    this.#database.close();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#queue.length > 0 && !this.#stopped) {
      const batch = this.#queue.splice(0, this.#batchPoints);
      this.#inFlight = batch.length;
      const verdict = await this.#database.write(batch);
      if (this.#stopped) break;
      this.#inFlight = 0;
      const waitMs = await this.#settle(batch, verdict);
      if (waitMs === 0) continue;
      // A server that was down before the end gets one attempt more, one that fails at the end gets two.
      if (this.#closing && (this.#outage?.failures ?? 0) > 1) break;
      await this.#pause(this.#closing ? Math.min(waitMs, this.#limits.backoffMinMs) : waitMs);
    }
    this.#draining = false;
  }

  /** Account for a batch; resolves to the milliseconds to wait before the next. */
  async #settle(batch: IPoint[], verdict: Verdict): Promise<number> {
    switch (verdict.kind) {
      case "done":
        this.#written += batch.length;
        this.#endOutage();
        return 0;
      case "partial":
        this.#written += Math.max(0, batch.length - verdict.dropped);
        this.#refuse(Math.min(batch.length, verdict.dropped), verdict.reason);
        this.#endOutage();
        return 0;
      case "refused":
        this.#refuse(batch.length, verdict.reason);
        this.#endOutage();
        return 0;
      case "split":
        if (batch.length === 1) return this.#settle(batch, { kind: "refused", reason: verdict.reason });
        this.#batchPoints = Math.ceil(batch.length / 2);
        this.#requeue(batch);
        return 0;
      case "retry":
        this.#requeue(batch);
        return this.#retry(verdict.reason);
      case "hold":
        this.#requeue(batch);
        return this.#hold(verdict);
    }
  }

  #retry(reason: string): number {
    const outage = this.#beginOutage(reason);
    if (!outage.announced) this.#say(`${reason}; points wait in memory until it answers`);
    outage.announced = true;
    const { backoffMinMs, backoffMaxMs } = this.#limits;
    const ceiling = Math.min(backoffMaxMs, backoffMinMs * 2 ** (outage.failures - 1));
    // Full jitter: hosts that failed together do not come back together.
    return 1 + Math.random() * ceiling;
  }

  async #hold(verdict: Hold): Promise<number> {
    const outage = this.#beginOutage(verdict.reason);
    const create = verdict.missing === "database" && this.#options.createDatabase && !outage.created;
    if (!create) return this.#alarm(outage, verdict);
    const outcome = await this.#database.create();
    outage.created = !failed(outcome);
    if (!failed(outcome)) return 0;
    const creation = judgeFailure(outcome);
    if (creation.kind === "retry") return this.#retry(creation.reason);
    const reason = `the database cannot be created: ${describeFailure(outcome)}`;
    return this.#alarm(outage, { ...verdict, reason, hint: "create it by hand, as an administrator of the server" });
  }

  #alarm(outage: Outage, { reason, hint }: Hold): number {
    this.#lastError = reason;
    if (!outage.alarmed) this.#say(`${reason}; ${hint}; points wait in memory`);
    outage.alarmed = true;
    outage.announced = true;
    return this.#limits.holdMs;
  }

  #beginOutage(reason: string): Outage {
    this.#lastError = reason;
    this.#outage ??= {
      beganMs: performance.now(),
      failures: 0,
      droppedBefore: this.#dropped,
      announced: false,
      alarmed: false,
      created: false,
    };
    this.#outage.failures++;
    return this.#outage;
  }

  #endOutage(): void {
    const outage = this.#outage;
    this.#outage = undefined;
    if (!outage?.announced) return;
    const seconds = ((performance.now() - outage.beganMs) / 1000).toFixed(1);
    const dropped = this.#dropped - outage.droppedBefore;
    this.#say(`points are taken again after ${seconds} s; ${dropped} were dropped meanwhile`);
  }

  /** Count points that nobody will ever take. One line in a while: it may concern every sample. */
  #refuse(points: number, reason: string): void {
    this.#dropped += points;
    this.#lastError = reason;
    const now = performance.now();
    if (now - this.#refusalNotedMs < this.#limits.holdMs) return;
    this.#refusalNotedMs = now;
    this.#say(`${points} points are refused and dropped: ${reason}`);
  }

  #requeue(batch: IPoint[]): void {
    this.#queue = batch.concat(this.#queue);
    this.#trim();
  }

  #trim(): void {
    const excess = this.#queue.length - this.#limits.maxQueuedPoints;
    if (excess <= 0) return;
    this.#queue.splice(0, excess);
    this.#dropped += excess;
  }

  /** Waits without keeping the process alive; `#wake` ends it. */
  async #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms).unref();
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

/**
 * A sink that writes to an InfluxDB. `onEvent` gets one line when an outage begins, one when it ends, and one when points
 * are lost.
 * @throws RtcprobeError ERR_CONFIG when the URL or the token is unusable.
 */
export function openInflux(
  options: InfluxOptions,
  onEvent: (line: string) => void,
  limits: Partial<InfluxLimits> = {},
): Sink {
  return new InfluxSink(options, onEvent, { ...LIMITS, ...limits });
}
