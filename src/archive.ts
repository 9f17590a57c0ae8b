// SPDX-License-Identifier: MIT
/** The segments of a journal on disk: appended to, cut where the last writer died, and deleted oldest first at the bounds. */
import { accessSync, constants, readFileSync, statSync, truncateSync } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "./directory.js";
import { errnoName, RtcprobeError } from "./errors.js";
import { listSegments, numberOfName, scanFrames, segmentName } from "./segment.js";

export interface JournalOptions {
  directory: string;
  /** Of all segments together. */
  maxBytes: number;
  /** Of a segment since its last sample, milliseconds. */
  maxAgeMs: number;
}

const SEGMENT_BYTES = 8 * 2 ** 20;
/** A bound is kept by deleting whole segments: a small one needs small segments. */
const SEGMENTS_PER_BOUND = 8;

export interface Segment {
  path: string;
  /** Number of its first sample. */
  first: number;
  bytes: number;
  lastWriteMs: number;
}

/** Why samples left the disk. */
export type Expiry = "bytes" | "age" | "space";

export const HINTS: Readonly<Record<string, string>> = {
  EACCES: "give this user the right to write there, or choose another journal.directory",
  EROFS: "the file system is read-only: choose another journal.directory",
  ENOENT: "make the directory, or choose another journal.directory",
  ENOSPC: "the file system is full: make room, or choose another journal.directory",
  EDQUOT: "the quota is used up: make room, or choose another journal.directory",
};

/** What may pass while the daemon runs: the measurement begins all the same, and samples wait in memory. */
const PASSING = new Set(["EROFS", "ENOSPC", "EDQUOT"]);

/** @throws RtcprobeError ERR_JOURNAL when it can be no journal of ours, whatever is done to the disk */
export function prepareDirectory(directory: string): void {
  try {
    makeDirectory(directory, 0o700);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    listSegments(directory);
  } catch (error) {
    const errno = errnoName(error) ?? "";
    if (PASSING.has(errno)) return;
    const hint = HINTS[errno] ?? "choose a directory as journal.directory";
    throw new RtcprobeError("ERR_JOURNAL", `cannot keep a journal in ${directory}: ${errno}`, hint, { cause: error });
  }
}

export class Archive {
  /** Number of the next sample, and points of all before it, as far as the disk knows. */
  next = 0;
  points = 0;
  /** Found when opened: tails that a writer left unfinished and that were cut, places that are damaged. */
  torn = 0;
  corrupt = 0;
  /** Samples that are on disk no more. */
  readonly expired: Record<Expiry, number> = { bytes: 0, age: 0, space: 0 };
  readonly #options: JournalOptions;
  readonly #segmentBytes: number;
  /** Oldest first; the last is the open one while there is a handle. */
  #segments: Segment[] = [];
  #handle: FileHandle | undefined;
  #openedMs = 0;
  #dirty = false;
  /** The segment that the last writer left may be gone on with. */
  #resumes = true;

  /** Of a directory that is prepared, and locked. Throws the system's error. */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#segmentBytes = Math.min(SEGMENT_BYTES, options.maxBytes / SEGMENTS_PER_BOUND);
    for (const name of listSegments(options.directory)) {
      const path = join(options.directory, name);
      const { size, mtimeMs } = statSync(path);
      this.#segments.push({ path, first: numberOfName(name), bytes: size, lastWriteMs: mtimeMs });
    }
    this.#findEnd();
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Of a sample that is to be written; above it, none can be. */
  get maxFrameBytes(): number {
    return this.#options.maxBytes;
  }

  /** Follows the last segment to its last whole frame, and cuts what comes after it. */
  #findEnd(): void {
    const last = this.#segments.at(-1);
    if (last === undefined) return;
    this.next = last.first;
    let end = 0;
    for (const frame of scanFrames(readFileSync(last.path))) {
      if (frame === "torn") this.torn++;
      else if (frame === "corrupt") this.corrupt++;
      else {
        end = frame.end;
        this.next = frame.number + 1;
        this.points = frame.pointsBefore + frame.points;
      }
    }
    if (end === 0) this.#findPoints();
    if (end === last.bytes) return;
    try {
      truncateSync(last.path, end);
      last.bytes = end;
    } catch (error) {
      // Read-only: nothing is appended to it; later, it is cut or left as it is.
      if (!PASSING.has(errnoName(error) ?? "")) throw error;
      this.next++;
    }
  }

  /** The points of all samples, when the last segment does not hold one that could tell. */
  #findPoints(): void {
    for (const { path } of this.#segments.slice(0, -1).reverse()) {
      for (const frame of scanFrames(readFileSync(path))) {
        if (typeof frame === "object") this.points = frame.pointsBefore + frame.points;
      }
      if (this.points > 0) return;
    }
  }

  /** Appends one frame. Throws the system's error, and then nothing of the frame is kept. */
  async append(frame: Buffer, number: number): Promise<void> {
    const now = Date.now();
    await this.#roll(frame.length, now);
    await this.#expire(frame.length, now);
    try {
      await this.#write(frame, number, now);
    } catch (error) {
      if (errnoName(error) !== "ENOSPC" || this.#segments.length < 2) throw error;
      // What comes now is worth more than the oldest.
      await this.#deleteOldest("space");
      await this.#write(frame, number, now);
    }
    this.next = number + 1;
  }

  async #write(frame: Buffer, number: number, now: number): Promise<void> {
    const [handle, segment] = await this.#openSegment(number, now);
    try {
      await handle.appendFile(frame);
    } catch (error) {
      await this.#giveUp(handle, segment);
      throw error;
    }
    this.#dirty = true;
    segment.bytes += frame.length;
    segment.lastWriteMs = now;
  }

  /** Takes back a part of a frame. Where even that fails, the segment is written no more: its torn end stays its end. */
  async #giveUp(handle: FileHandle, segment: Segment): Promise<void> {
    const cut = await handle.truncate(segment.bytes).then(
      () => true,
      () => false,
    );
    if (cut && segment.bytes > 0) return;
    await this.closeSegment().catch(() => undefined);
    if (segment.bytes > 0) return;
    this.#segments.pop();
    await unlink(segment.path).catch(() => undefined);
  }

  async #openSegment(number: number, now: number): Promise<[FileHandle, Segment]> {
    const last = this.#segments.at(-1);
    if (this.#handle && last) return [this.#handle, last];
    this.#openedMs = now;
    const resumes = this.#resumes && last !== undefined && last.bytes < this.#segmentBytes / 2 && this.#isWhole(last);
    this.#resumes = false;
    if (resumes) {
      this.#handle = await open(last.path, "a");
      return [this.#handle, last];
    }
    makeDirectory(this.#options.directory, 0o700);
    const path = join(this.#options.directory, segmentName(number));
    this.#handle = await open(path, "ax", 0o600);
    const segment = { path, first: number, bytes: 0, lastWriteMs: now };
    this.#segments.push(segment);
    return [this.#handle, segment];
  }

  /** Ends the file where we think it does? */
  #isWhole({ path, bytes }: Segment): boolean {
    try {
      return statSync(path).size === bytes;
    } catch {
      return false;
    }
  }

  async #roll(bytes: number, now: number): Promise<void> {
    const current = this.#handle && this.#segments.at(-1);
    if (current === undefined) return;
    const { maxAgeMs } = this.#options;
    const full = current.bytes + bytes > this.#segmentBytes && current.bytes > 0;
    const old = now - this.#openedMs > maxAgeMs / SEGMENTS_PER_BOUND;
    if (full || old || !this.#isWhole(current)) await this.closeSegment();
  }

  /** Makes room for so many bytes more. Never the open segment: it is closed first when it alone is too big. */
  async #expire(bytes: number, now: number): Promise<void> {
    const { maxAgeMs, maxBytes } = this.#options;
    for (;;) {
      const [oldest] = this.#segments;
      const isOpen = this.#handle !== undefined && this.#segments.length === 1;
      if (!oldest || isOpen) return;
      const reason = this.bytes + bytes > maxBytes ? "bytes" : "age";
      if (reason === "age" && now - oldest.lastWriteMs <= maxAgeMs) return;
      await this.#deleteOldest(reason);
    }
  }

  async #deleteOldest(reason: Expiry): Promise<void> {
    const [oldest, second] = this.#segments;
    if (oldest === undefined) return;
    await unlink(oldest.path).catch((error) => {
      if (errnoName(error) !== "ENOENT") throw error;
    });
    this.#segments.shift();
    this.expired[reason] += Math.max(0, (second?.first ?? this.next) - oldest.first);
  }

  /** What was appended is on the disk, not only on its way, when it resolves. */
  async sync(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#handle?.datasync();
  }

  /** Nothing is lost by it: the next append opens a segment. */
  async closeSegment(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    try {
      if (this.#dirty) await handle.datasync();
    } finally {
      this.#dirty = false;
      await handle.close();
    }
  }
}
