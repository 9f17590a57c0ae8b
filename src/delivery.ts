// SPDX-License-Identifier: MIT
/** A sink over the journal: batches, waiting, and what becomes of points that the target does not take. */
import type { IPoint } from "influx";
import type { Verdict } from "./answer.js";
import { Outage, type OutageLimits } from "./outage.js";
import { type PointOptions, samplePoints } from "./point.js";
import { type Content, type Entry, type Feed, isSample, type Sink, type SinkStatus } from "./sink.js";

/** What takes points. */
export interface Target {
  /** As messages name it. */
  readonly place: string;
  /** Never rejects, and settles within a deadline of its own. */
  write(points: IPoint[]): Promise<Verdict>;
  /** Ends what is under way. */
  close(): void;
}

export interface DeliveryLimits extends OutageLimits {
  /** A batch is sent when it has so many points, or when the last one was sent so many milliseconds ago. */
  maxBatchPoints: number;
  batchMs: number;
}

export const DELIVERY_LIMITS: DeliveryLimits = {
  backoffMinMs: 500,
  backoffMaxMs: 60_000,
  holdMs: 60_000,
  maxBatchPoints: 5_000,
  batchMs: 1_000,
};

/** Requests that may be spent on finding the bad points of one batch. */
const MAX_BISECTIONS = 64;
/** Between two lines about refused points; milliseconds. */
const NOTE_MS = 60_000;

export interface DeliveryOptions extends PointOptions {
  name: string;
  feed: Feed;
  target: Target;
  limits: DeliveryLimits;
  say(line: string): void;
  /** Keeps points that the target cannot read. */
  quarantine?(points: readonly IPoint[], reason: string): Promise<void>;
}

/** Of a batch, until it is committed. */
interface Tally {
  written: number;
  droppedBy: Record<string, number>;
  bisections: number;
}

export class Delivery implements Sink {
  readonly name: string;
  readonly #options: DeliveryOptions;
  readonly #outage: Outage;
  #written = 0;
  readonly #droppedBy: Record<string, number> = {};
  #lastError: string | undefined;
  #notedMs = Number.NEGATIVE_INFINITY;
  /** An entry that was taken and did not fit into the batch. */
  #next: Entry | undefined;
  #dueMs: number;
  #ended: Promise<void>;
  #closing: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.name = options.name;
    this.#options = options;
    this.#outage = new Outage(options.limits, (line) => this.#say(line));
    // Hosts that were started together do not write together.
    this.#dueMs = performance.now() + Math.random() * options.limits.batchMs;
    this.#ended = this.#run();
  }

  status(): SinkStatus {
    const { feed } = this.#options;
    const droppedBy = { ...this.#droppedBy, ...feed.lost };
    const dropped = Object.values(droppedBy).reduce((sum, n) => sum + n, 0);
    return {
      name: this.name,
      state: this.#outage.isOn ? "failing" : "ok",
      written: this.#written,
      queued: feed.queued,
      dropped,
      droppedBy,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#flush(deadlineMs);
    return this.#closing;
  }

  async #flush(deadlineMs: number): Promise<void> {
    const { feed, target } = this.#options;
    queueMicrotask(() => this.#interrupt());
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([this.#ended, deadline]);
    clearTimeout(timer);
    this.#stopped = true;
    this.#interrupt();
    target.close();
    if (feed.queued > 0) this.#say(`${feed.queued} points are still to be written and stay in the journal`);
    feed.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#closing && this.#options.feed.queued < this.#options.limits.maxBatchPoints) {
        await this.#pause(this.#dueMs - performance.now());
      }
      const entries = await this.#gather();
      const last = entries.at(-1);
      if (last === undefined) {
        if (this.#closing) return;
        await this.#options.feed.wait();
        continue;
      }
      this.#dueMs = performance.now() + this.#options.limits.batchMs;
      const tally = await this.#deliver(entries);
      if (tally === undefined) return;
      this.#options.feed.commit(last);
      this.#written += tally.written;
      for (const [reason, n] of Object.entries(tally.droppedBy)) {
        this.#droppedBy[reason] = (this.#droppedBy[reason] ?? 0) + n;
      }
    }
  }

  /** Entries of one batch, and one entry at least if there is any. */
  async #gather(): Promise<Entry[]> {
    const entries: Entry[] = [];
    let points = 0;
    for (;;) {
      const entry = this.#next ?? (await this.#options.feed.take());
      this.#next = undefined;
      if (entry === undefined) return entries;
      points += entry.points;
      if (entries.length > 0 && points > this.#options.limits.maxBatchPoints) {
        this.#next = entry;
        return entries;
      }
      entries.push(entry);
    }
  }

  #makePoints(content: Content, tally: Tally): IPoint[] {
    if (!isSample(content)) return content.points;
    return samplePoints(content, this.#options, (error) => this.#refuse(tally, 1, "invalid", (error as Error).message));
  }

  /** Until each point is stored or dropped; undefined when the end came first. */
  async #deliver(entries: readonly Entry[]): Promise<Tally | undefined> {
    const { limits, target } = this.#options;
    const tally: Tally = { written: 0, droppedBy: {}, bisections: 0 };
    const points = entries.flatMap(({ content }) => this.#makePoints(content, tally));
    const chunks = slice(points, limits.maxBatchPoints);
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      const verdict = await target.write(chunk);
      if (this.#stopped) return undefined;
      const waitMs = await this.#settle(chunk, verdict, tally, chunks);
      if (waitMs === undefined) continue;
      chunks.unshift(chunk);
      // A server that was down before the end gets one attempt more, one that fails at the end gets two.
      if (this.#closing && this.#outage.failures > 1) return undefined;
      await this.#pause(this.#closing ? Math.min(waitMs, limits.backoffMinMs) : waitMs);
      if (this.#stopped) return undefined;
    }
    return tally;
  }

  /** Accounts for a chunk, whose parts may go back to `chunks`; resolves to the wait before it is sent again, if it is. */
  async #settle(chunk: IPoint[], verdict: Verdict, tally: Tally, chunks: IPoint[][]): Promise<number | undefined> {
    switch (verdict.kind) {
      case "retry":
        this.#lastError = verdict.reason;
        return this.#outage.retry(verdict.reason, verdict.retryAfterMs);
      case "hold":
        this.#lastError = verdict.reason;
        return this.#outage.hold(verdict.reason, verdict.hint);
      case "split":
        if (chunk.length > 1) chunks.unshift(...halve(chunk));
        else this.#refuse(tally, 1, "tooLarge", verdict.reason);
        return undefined;
      case "done":
        tally.written += chunk.length;
        break;
      case "partial":
        tally.written += Math.max(0, chunk.length - verdict.dropped);
        this.#refuse(tally, Math.min(chunk.length, verdict.dropped), "refused", verdict.reason);
        break;
      case "refused":
        if (chunk.length > 1 && tally.bisections++ < MAX_BISECTIONS) {
          chunks.unshift(...halve(chunk));
          break;
        }
        this.#refuse(tally, chunk.length, "unreadable", verdict.reason);
        await this.#options.quarantine?.(chunk, verdict.reason);
    }
    this.#outage.end();
    return undefined;
  }

  /** Count points that nobody will ever take. One line in a while: it may concern every sample. */
  #refuse(tally: Tally, points: number, kind: string, reason: string): void {
    if (points === 0) return;
    tally.droppedBy[kind] = (tally.droppedBy[kind] ?? 0) + points;
    this.#lastError = reason;
    const now = performance.now();
    if (now - this.#notedMs < NOTE_MS) return;
    this.#notedMs = now;
    this.#say(`${points} points are refused and dropped: ${reason}`);
  }

  #say(line: string): void {
    this.#options.say(`${this.#options.target.place}: ${line}`);
  }

  #interrupt(): void {
    this.#wake?.();
    this.#options.feed.wake();
  }

  /** Waits without keeping the process alive; `#interrupt` ends it. */
  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms).unref();
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

function halve(points: IPoint[]): [IPoint[], IPoint[]] {
  const middle = Math.ceil(points.length / 2);
  return [points.slice(0, middle), points.slice(middle)];
}

function slice(points: IPoint[], size: number): IPoint[][] {
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => points.slice(i * size, (i + 1) * size));
}
