// SPDX-License-Identifier: MIT
/**
 * The journal against a model of it: any order of appending, committing, closing, crashing, tearing and flipping. Oracle: the
 * model, which is a list of numbers, and the conservation of points (appended = delivered + lost + waiting).
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Cursor } from "../src/cursor.js";
import { type Journal, openJournal, readJournal } from "../src/journal.js";
import { inboundStream, makeSample } from "./samples.js";

type Step =
  | { kind: "append"; samples: number; streams: number }
  | { kind: "deliver"; entries: number; commit: boolean }
  | { kind: "reopen" }
  | { kind: "crash"; tornBytes: number; flip: number | undefined };

const STEPS: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("append" as const), samples: fc.nat(20), streams: fc.nat(6) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("deliver" as const), entries: fc.nat(30), commit: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      tornBytes: fc.oneof(fc.constant(0), fc.nat(800)),
      flip: fc.option(fc.nat(), { nil: undefined }),
    }),
  },
);

const WIDTH = 4;
const MAX_AGE_MS = 1e9;

/** A journal with one cursor, beside what must be true of them. */
class Run {
  readonly #root = mkdtempSync(join(tmpdir(), "rtcprobe-model-"));
  #directory = join(this.#root, "0");
  #crashes = 0;
  #journal!: Journal;
  #cursor!: Cursor;
  /** Points by sample; a number is the index. */
  readonly #points: number[] = [];
  /** Samples that damage may have cost. */
  readonly #damaged = new Set<number>();
  /** Of this opening of the cursor: where it began, what was delivered, and lost before. */
  #begun = 0;
  #committed = 0;
  #delivered: number[] = [];

  #expired = false;

  constructor(readonly maxBytes: number) {}

  async open(): Promise<void> {
    const options = { directory: this.#directory, maxBytes: this.maxBytes, maxAgeMs: MAX_AGE_MS };
    this.#journal = await openJournal(options);
    const { number } = this.#journal.end;
    expect(number).toBeLessThanOrEqual(this.#points.length);
    // A torn tail takes the latest numbers with it: they are given again.
    for (let lost = number; lost < this.#points.length; lost++) expect(this.#damaged).toContain(lost);
    this.#points.length = number;
    for (const lost of this.#damaged) if (lost >= number) this.#damaged.delete(lost);
    this.#cursor = this.#journal.openCursor("model");
    this.#begun = Math.min(this.#committed, number);
    this.#delivered = [];
  }

  async #settle(): Promise<void> {
    await vi.waitFor(() => expect(this.#journal.status().queued).toBe(0), { timeout: 50_000, interval: 1 });
  }

  append(samples: number, streams: number): void {
    for (let i = 0; i < samples; i++) {
      const number = this.#points.length;
      const all = Array.from({ length: streams * WIDTH }, (_, ssrc) => inboundStream({ ssrc }));
      const sample = makeSample({ timestamp: number, streams: all, candidatePairs: [] });
      this.#points.push(all.length + 1);
      this.#journal.append(sample);
    }
  }

  #sum(from: number, to: number): number {
    return this.#points.slice(from, to).reduce((sum, n) => sum + n, 0);
  }

  async deliver(entries: number, commit: boolean): Promise<void> {
    for (let i = 0; i < entries; i++) {
      const entry = await this.#cursor.take();
      if (entry === undefined) break;
      expect(entry.content.timestamp).toBe(entry.number);
      expect(entry.points).toBe(this.#points[entry.number]);
      expect(entry.number).toBeGreaterThan(this.#delivered.at(-1) ?? this.#begun - 1);
      this.#delivered.push(entry.number);
      if (!commit) continue;
      this.#cursor.commit(entry);
      this.#committed = entry.number + 1;
    }
    this.#checkConservation();
  }

  #checkConservation(): void {
    const lost = Object.values(this.#cursor.lost).reduce((sum, n) => sum + n, 0);
    const delivered = this.#delivered.reduce((sum, number) => sum + (this.#points[number] ?? 0), 0);
    const taken = (this.#delivered.at(-1) ?? this.#begun - 1) + 1;
    expect(delivered + lost).toBe(this.#sum(this.#begun, taken));
    expect(this.#cursor.queued).toBe(this.#sum(Math.min(this.#committed, this.#points.length), this.#points.length));
  }

  async reopen(): Promise<void> {
    await this.#journal.close(5_000);
    await this.#checkStored();
    await this.open();
  }

  /** The disk as a kill leaves it, with the position that was stored last, and damage done to it. */
  async crash(tornBytes: number, flip: number | undefined): Promise<void> {
    await this.#settle();
    await this.#cursor.store();
    const next = join(this.#root, String(++this.#crashes));
    cpSync(this.#directory, next, { recursive: true });
    await this.#journal.close(5_000);
    this.#directory = next;
    await this.#damage(tornBytes, flip);
    await this.open();
  }

  async #damage(tornBytes: number, flip: number | undefined): Promise<void> {
    const before = await this.#stored();
    const name = readdirSync(this.#directory)
      .filter((file) => file.endsWith(".seg"))
      .sort()
      .at(-1);
    if (name === undefined) return;
    const path = join(this.#directory, name);
    const size = statSync(path).size;
    truncateSync(path, Math.max(0, size - tornBytes));
    const untorn = await this.#stored();
    const bytes = readFileSync(path);
    if (flip !== undefined && bytes.length > 0) {
      const at = flip % bytes.length;
      bytes[at] = (bytes[at] as number) ^ (1 << (flip % 8));
      writeFileSync(path, bytes);
    }
    const after = new Set(await this.#stored());
    // A bit lies in one sample.
    expect(untorn.length - after.size).toBeLessThanOrEqual(1);
    for (const number of before) if (!after.has(number)) this.#damaged.add(number);
  }

  async #stored(): Promise<number[]> {
    const numbers: number[] = [];
    for await (const { timestamp } of readJournal(this.#directory)) numbers.push(timestamp);
    return numbers;
  }

  /** Everything that was appended, but for the oldest at the bound and what was damaged. */
  async #checkStored(): Promise<void> {
    const stored = await this.#stored();
    const oldest = stored[0] ?? this.#points.length;
    const expected = this.#points.map((_, number) => number).filter((n) => n >= oldest && !this.#damaged.has(n));
    expect(stored).toEqual(expected);
    // An earlier life of the journal may have dropped the oldest already.
    this.#expired ||= this.#journal.status().expired.bytes > 0;
    if (!this.#expired && this.#crashes === 0) expect(stored).toHaveLength(this.#points.length);
  }

  async end(): Promise<void> {
    await this.deliver(Number.MAX_SAFE_INTEGER, true);
    await this.#journal.close(5_000);
    rmSync(this.#root, { recursive: true, force: true });
  }

  async perform(step: Step): Promise<void> {
    switch (step.kind) {
      case "append":
        return this.append(step.samples, step.streams);
      case "deliver":
        return this.deliver(step.entries, step.commit);
      case "reopen":
        return this.reopen();
      case "crash":
        return this.crash(step.tornBytes, step.flip);
    }
  }
}

describe("journal: as its model", () => {
  it.each([
    ["with room for all", 2 ** 26],
    ["at its bound", 6_000],
  ])("%s", { timeout: 60_000 }, async (_, maxBytes) => {
    const property = fc.asyncProperty(fc.array(STEPS, { minLength: 5, maxLength: 25 }), async (steps) => {
      const run = new Run(maxBytes);
      await run.open();
      for (const step of steps) await run.perform(step);
      await run.end();
    });
    await fc.assert(property, { numRuns: 30, interruptAfterTimeLimit: 20_000 });
  });
});
