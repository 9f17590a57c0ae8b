// SPDX-License-Identifier: MIT
/** The files of a journal: their names, and what can be read from them after any end of the writer. */
import { type Dirent, readdirSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoName, RtcprobeError } from "./errors.js";
import { decodeContent, type FoundFrame, findFrame, isWhole, readFrame } from "./frame.js";
import type { Content } from "./sink.js";

const FILE_NAME = /^\d{16}\.seg$/;

/** A segment is named after the number of its first sample: order of the names is order of the samples. */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, "0")}.seg`;
}

/** Number of the first sample that the name promises. */
export function numberOfName(name: string): number {
  return Number.parseInt(name, 10);
}

/** Names of a journal's segments, oldest first; none where there is no directory. Throws the system's error. */
export function listSegments(directory: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (errnoName(error) === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.isFile() && FILE_NAME.test(entry.name) && Number.isSafeInteger(numberOfName(entry.name)))
    .map((entry) => entry.name)
    .sort();
}

/**
 * The frames of a segment. Bytes with a whole frame somewhere behind them are "corrupt" and passed over; what follows the last whole
 * frame is "torn" if the writer could have died there.
 */
export function* scanFrames(bytes: Buffer): Generator<FoundFrame | "corrupt" | "torn"> {
  for (let at = 0; at < bytes.length; ) {
    const found = readFrame(bytes, at);
    if (isWhole(found)) {
      yield found;
      at = found.end;
      continue;
    }
    const next = findFrame(bytes, at + 1);
    if (next === undefined) {
      // Zeros are what a file system leaves of a write that power did not wait for.
      const isTorn = found === "torn" || found.end === bytes.length || isZero(bytes.subarray(at));
      yield isTorn ? "torn" : "corrupt";
      return;
    }
    yield "corrupt";
    at = next;
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The samples of a journal, oldest first. */
export interface JournalReader extends AsyncIterable<Content> {
  /** Places passed over so far that hold no whole sample, and samples of a version that this one does not know. */
  readonly damaged: number;
}

export interface ReadOptions {
  /** Milliseconds since the Unix epoch: the samples from the first time on and before the second. */
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
}

class Reader implements JournalReader {
  damaged = 0;
  readonly #directory: string;
  readonly #sinceMs: number;
  readonly #untilMs: number;

  constructor(directory: string, { sinceMs, untilMs }: ReadOptions) {
    this.#directory = directory;
    this.#sinceMs = sinceMs ?? Number.NEGATIVE_INFINITY;
    this.#untilMs = untilMs ?? Number.POSITIVE_INFINITY;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Content> {
    try {
      await stat(this.#directory);
      for (const name of listSegments(this.#directory)) yield* this.#readSegment(join(this.#directory, name));
    } catch (error) {
      const message = `cannot read the journal in ${this.#directory}: ${errnoName(error) ?? (error as Error).message}`;
      const hint = "see whether it is a journal and you may read it";
      throw new RtcprobeError("ERR_JOURNAL", message, hint, { cause: error });
    }
  }

  async *#readSegment(path: string): AsyncGenerator<Content> {
    const bytes = await this.#readBytes(path);
    if (bytes === undefined) return;
    for (const frame of scanFrames(bytes)) {
      if (frame === "torn" || frame === "corrupt") {
        this.damaged++;
        continue;
      }
      if (frame.timestamp < this.#sinceMs || frame.timestamp >= this.#untilMs) continue;
      const content = await decodeContent(frame);
      if (content) yield content;
      else this.damaged++;
    }
  }

  /** Nothing if the segment is all too old, or was deleted meanwhile for its age. */
  async #readBytes(path: string): Promise<Buffer | undefined> {
    try {
      if ((await stat(path)).mtimeMs < this.#sinceMs) return undefined;
      return await readFile(path);
    } catch (error) {
      if (errnoName(error) === "ENOENT") return undefined;
      throw error;
    }
  }
}

/**
 * Read what a journal holds now, also while a daemon writes it.
 * @throws RtcprobeError ERR_JOURNAL while iterating, when the directory or a file cannot be read.
 */
export function readJournal(directory: string, options: ReadOptions = {}): JournalReader {
  return new Reader(directory, options);
}
