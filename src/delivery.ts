// SPDX-License-Identifier: MIT
/** A sink over the journal: batches, waiting, and what becomes of points that the target does not take. */
import { setImmediate as breathe } from "node:timers/promises";
import type { Verdict } from "./answer.js";
import { LineEncoder } from "./encoder.js";
import { formatLines } from "./line.js";
import { Lines } from "./lines.js";
import { Outage, type OutageLimits } from "./outage.js";
import { type Content, type Entry, type Feed, isSample, type Sink, type SinkStatus } from "./sink.js";
import type { TagOptions } from "./tag.js";

/** What takes points, as lines of line protocol. */
export interface Target {
  /** As messages name it. */
  readonly place: string;
  /** Never rejects, and settles within a deadline of its own. */
  write(lines: Lines): Promise<Verdict>;
  /** Ends what is under way. */
  close(): void;
}

export interface DeliveryLimits extends OutageLimits {
  /**
   * A batch is made when there are so many points, or so many milliseconds after the last one, of whole samples; of large
   * samples after some times as long.
   */
  maxBatchPoints: number;
  batchMs: number;
  /** It is sent in requests of so many points. */
  maxRequestPoints: number;
}

export const DELIVERY_LIMITS: DeliveryLimits = {
  backoffMinMs: 500,
  backoffMaxMs: 60_000,
  holdMs: 60_000,
  maxBatchPoints: 65_536,
  batchMs: 1_000,
  maxRequestPoints: 5_000,
};

/** Points of a sample above which a batch is to hold several, and how many at most: a server needs half the time for five. */
const LARGE_POINTS = 2_000;
const MAX_SAMPLES_AWAITED = 5;
/** Requests that may be spent on finding the bad points of one batch. */
const MAX_BISECTIONS = 64;
/** Between two lines about refused points; milliseconds. */
const NOTE_MS = 60_000;

export interface DeliveryOptions extends TagOptions {
  name: string;
  feed: Feed;
  target: Target;
  limits: DeliveryLimits;
  say(line: string): void;
  /** Keeps points that the target cannot read. */
  quarantine?(lines: Lines, reason: string): Promise<void>;
}

/** Samples on their way, until they are committed. */
interface Batch {
  last: Entry;
  points: number;
  /** Of each sample. */
  lines: Lines[];
  written: number;
  droppedBy: Record<string, number>;
  bisections: number;
}

export class Delivery implements Sink {
  readonly name: string;
  readonly #options: DeliveryOptions;
  readonly #outage: Outage;
  readonly #encoder: LineEncoder;
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
    this.#encoder = new LineEncoder(options);
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
    const { feed, limits } = this.#options;
    while (!this.#stopped) {
      if (!this.#closing && feed.queued < limits.maxBatchPoints) await this.#pause(this.#dueMs - performance.now());
      const batch = await this.#gather();
      if (batch === undefined) {
        if (this.#closing) return;
        await feed.wait();
        continue;
      }
      const awaited = Math.min(MAX_SAMPLES_AWAITED, Math.max(1, batch.last.points / LARGE_POINTS));
      this.#dueMs = performance.now() + limits.batchMs * awaited;
      if (!(await this.#deliver(batch))) return;
      feed.commit(batch.last);
      if (batch.lines[0] !== undefined) this.#encoder.reuse(batch.lines[0]);
      this.#written += batch.written;
      for (const [reason, n] of Object.entries(batch.droppedBy)) {
        this.#droppedBy[reason] = (this.#droppedBy[reason] ?? 0) + n;
      }
    }
  }

  /** What waits, up to the bound, and one sample at least if there is any. */
  async #gather(): Promise<Batch | undefined> {
    const { feed, limits } = this.#options;
    let batch: Batch | undefined;
    for (;;) {
      if (this.#stopped) return undefined; // the feed is closed: what was taken is not to be looked at any more
      const entry = this.#next ?? (await feed.take());
      this.#next = undefined;
      if (entry === undefined) return batch;
      if (batch && batch.points + entry.points > limits.maxBatchPoints) {
        this.#next = entry;
        return batch;
      }
      batch ??= { last: entry, points: 0, lines: [], written: 0, droppedBy: {}, bisections: 0 };
      batch.last = entry;
      batch.points += entry.points;
      batch.lines.push(this.#makeLines(entry.content, batch));
      // Samples are taken between two of them.
      await breathe();
    }
  }

  #makeLines(content: Content, batch: Batch): Lines {
    if (!isSample(content)) return formatLines(content.points);
    return this.#encoder.encode(content, (error) => this.#refuse(batch, 1, "invalid", (error as Error).message));
  }

  /** Until each point is stored or dropped; false when the end came first. */
  async #deliver(batch: Batch): Promise<boolean> {
    const { limits, target } = this.#options;
    const chunks = slice(Lines.gather(batch.lines), limits.maxRequestPoints);
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      const verdict = await target.write(chunk);
      if (this.#stopped) return false;
      const waitMs = await this.#settle(chunk, verdict, batch, chunks);
      if (waitMs === undefined) continue;
      chunks.unshift(chunk);
      // A server that was down before the end gets one attempt more, one that fails at the end gets two.
      if (this.#closing && this.#outage.failures > 1) return false;
      await this.#pause(this.#closing ? Math.min(waitMs, limits.backoffMinMs) : waitMs);
      if (this.#stopped) return false;
    }
    return true;
  }

  /** Accounts for a chunk, whose parts may go back to `chunks`; resolves to the wait before it is sent again, if it is. */
  async #settle(chunk: Lines, verdict: Verdict, batch: Batch, chunks: Lines[]): Promise<number | undefined> {
    switch (verdict.kind) {
      case "retry":
        this.#lastError = verdict.reason;
        return this.#outage.retry(verdict.reason, verdict.retryAfterMs);
      case "hold":
        this.#lastError = verdict.reason;
        return this.#outage.hold(verdict.reason, verdict.hint);
      case "split":
        if (chunk.length > 1) chunks.unshift(...halve(chunk));
        else this.#refuse(batch, 1, "tooLarge", verdict.reason);
        return undefined;
      case "done":
        batch.written += chunk.length;
        break;
      case "partial":
        batch.written += Math.max(0, chunk.length - verdict.dropped);
        this.#refuse(batch, Math.min(chunk.length, verdict.dropped), "refused", verdict.reason);
        break;
      case "refused":
        if (chunk.length > 1 && batch.bisections++ < MAX_BISECTIONS) {
          chunks.unshift(...halve(chunk));
          break;
        }
        this.#refuse(batch, chunk.length, "unreadable", verdict.reason);
        await this.#options.quarantine?.(chunk, verdict.reason);
    }
    this.#outage.end();
    return undefined;
  }

  /** Count points that nobody will ever take. One line in a while: it may concern every sample. */
  #refuse(batch: Batch, points: number, kind: string, reason: string): void {
    if (points === 0) return;
    batch.droppedBy[kind] = (batch.droppedBy[kind] ?? 0) + points;
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

function halve(lines: Lines): [Lines, Lines] {
  const middle = Math.ceil(lines.length / 2);
  return [lines.slice(0, middle), lines.slice(middle, lines.length)];
}

function slice(lines: Lines, size: number): Lines[] {
  return Array.from({ length: Math.ceil(lines.length / size) }, (_, i) =>
    lines.slice(i * size, Math.min(lines.length, (i + 1) * size)),
  );
}
