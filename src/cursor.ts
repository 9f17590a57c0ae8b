// SPDX-License-Identifier: MIT
/** A sink's place in the journal, kept in a file beside the segments. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Segment } from "./archive.js";
import { decodeContent, type FoundFrame } from "./frame.js";
import { scanFrames } from "./segment.js";
import { type Content, type Entry, type Feed, hold, release } from "./sink.js";

/** Number of the first sample that is not done, and points of all before it. */
export interface Position {
  number: number;
  points: number;
}

/** What a cursor needs of its journal. */
export interface Shelf {
  readonly directory: string;
  /** Behind the latest sample. */
  readonly end: Position;
  /** Number behind the latest sample that is to be had: on disk, or any while the disk refuses. */
  readonly ready: number;
  /** On disk, oldest first. */
  readonly segments: readonly Segment[];
  /** The first sample in memory whose number is this or a later one. */
  recall(number: number): Entry | undefined;
  release(cursor: Cursor): void;
}

export function positionPath(directory: string, name: string): string {
  return join(directory, `${name}.position`);
}

/** The stored position; undefined when there is none, or none that can be read. */
export function readPosition(path: string): Position | undefined {
  try {
    const { number, points } = JSON.parse(readFileSync(path, "utf8")) as Position;
    return Number.isSafeInteger(number) && Number.isSafeInteger(points) ? { number, points } : undefined;
  } catch {
    return undefined;
  }
}

export class Cursor implements Feed {
  readonly lost: Record<string, number> = {};
  readonly #shelf: Shelf;
  readonly #path: string;
  /** Up to here all is done; up to there it was taken; and what is in the file. */
  #done: Position;
  #taken: Position;
  #stored: Position | undefined;
  /** The segment that is being read, and the frames left in it. */
  #reading: { path: string; frames: Iterator<FoundFrame | "corrupt" | "torn"> } | undefined;
  /** Why samples are missing before the one that was read last. */
  #missing: "expired" | "damaged" = "damaged";
  #wake: (() => void) | undefined;
  /** Of the entry that was taken last. */
  #held: Content | undefined;

  /** A new cursor begins at the end: what was stored before is for `rtcprobe replay`. */
  constructor(shelf: Shelf, name: string) {
    this.#shelf = shelf;
    this.#path = positionPath(shelf.directory, name);
    this.#stored = readPosition(this.#path);
    this.#done = this.#stored ?? { ...shelf.end };
    this.#taken = this.#done;
    if (this.#stored === undefined) this.#storeNow();
  }

  /** Number of the first sample that may still be asked for. */
  get number(): number {
    return this.#taken.number;
  }

  get queued(): number {
    return this.#shelf.end.points - this.#done.points;
  }

  async take(): Promise<Entry | undefined> {
    const { number, points } = this.#taken;
    if (number >= this.#shelf.ready) return undefined;
    const held = this.#shelf.recall(number);
    const entry = held?.number === number ? held : ((await this.#read(number)) ?? this.#shelf.recall(number));
    if (entry === undefined) return undefined;
    // Between the two there were samples that nobody can read any more.
    const missed = entry.pointsBefore - points;
    if (missed > 0) this.lost[this.#missing] = (this.lost[this.#missing] ?? 0) + missed;
    this.#taken = { number: entry.number + 1, points: entry.pointsBefore + entry.points };
    this.#hold(entry.content);
    return entry;
  }

  /** The journal may forget what whoever took it still looks at. */
  #hold(content: Content | undefined): void {
    if (content !== undefined) hold(content);
    if (this.#held !== undefined) release(this.#held);
    this.#held = content;
  }

  commit(entry: Entry): void {
    this.#done = { number: entry.number + 1, points: entry.pointsBefore + entry.points };
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  close(): void {
    this.#hold(undefined);
    this.#shelf.release(this);
    this.wake();
  }

  /** Writes the position, if it moved, so that the file holds the old one or the new one. Throws the system's error. */
  async store(): Promise<void> {
    const done = this.#done;
    if (done.number === this.#stored?.number) return;
    await writeFile(`${this.#path}.new`, JSON.stringify(done), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
    this.#stored = done;
  }

  /** Before the first sample: what a daemon that is killed early did not send is sent by the next one. */
  #storeNow(): void {
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#done), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
      this.#stored = this.#done;
    } catch {
      // The disk refuses, which the journal says; `store` tries again.
    }
  }

  /** The first sample on disk from this number on. */
  async #read(number: number): Promise<Entry | undefined> {
    const segments = [...this.#shelf.segments];
    const oldest = segments[0];
    this.#missing = oldest !== undefined && oldest.first > number ? "expired" : "damaged";
    const begin = Math.max(
      0,
      segments.findLastIndex((segment) => segment.first <= number),
    );
    for (const { path } of segments.slice(begin)) {
      const entry = await this.#readFrom(path, number);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  async #readFrom(path: string, number: number): Promise<Entry | undefined> {
    if (this.#reading?.path === path) {
      const entry = await this.#scan(this.#reading.frames, number);
      if (entry !== undefined) return entry;
      // The segment may have grown since it was read.
    }
    // Deleted meanwhile, or unreadable: as if it were empty.
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    this.#reading = { path, frames: scanFrames(bytes) };
    return this.#scan(this.#reading.frames, number);
  }

  /** The first sample from this number on, of which those before it are forgotten. */
  async #scan(frames: Iterator<FoundFrame | "corrupt" | "torn">, number: number): Promise<Entry | undefined> {
    for (let next = frames.next(); !next.done; next = frames.next()) {
      const frame = next.value;
      if (frame === "corrupt" || frame === "torn" || frame.number < number) continue;
      const content = await decodeContent(frame).catch(() => undefined);
      if (content === undefined) continue;
      const { pointsBefore, points, timestamp } = frame;
      return { number: frame.number, pointsBefore, points, timestamp, content };
    }
    this.#reading = undefined;
    return undefined;
  }
}
