// SPDX-License-Identifier: MIT
/**
 * Every sample, written ahead to disk: sinks are cursors over it, and get no sample that a kill could take from the others.
 * Samples wait in memory until they are on disk, and while the disk refuses them sinks go on from memory.
 */
import { readdirSync } from "node:fs";
import { Archive, type Expiry, HINTS, type JournalOptions, prepareDirectory } from "./archive.js";
import { Cursor, type Position, readPosition, type Shelf } from "./cursor.js";
import { errnoName } from "./errors.js";
import { encodeFrame } from "./frame.js";
import { lockDirectory, type Unlock } from "./lock.js";
import { type Content, countPoints, type Entry, hold, JOURNAL_NAME, release, type SinkStatus } from "./sink.js";

export type { JournalOptions } from "./archive.js";
export { type JournalReader, readJournal } from "./segment.js";

/** Time after which what was appended is on the disk, and positions are stored; milliseconds. */
const SYNC_MS = 500;
/** Points kept in memory: of samples that wait for the disk, and of those that are kept for sinks. */
const MAX_WAITING_POINTS = 50_000;
const MAX_KEPT_POINTS = 10_000;
/** And samples, however large: reading one from disk costs more than writing it to a sink. */
const MIN_WAITING = 3;
const MIN_KEPT = 6;

export interface JournalStatus extends SinkStatus {
  /** On disk. */
  bytes: number;
  segments: number;
  /** Samples that left the disk at a bound (`space`: to make room on a full file system). */
  expired: Record<Expiry, number>;
  /** Found when opened: tails cut, for their writer died there, and places that are damaged. */
  torn: number;
  corrupt: number;
}

const REASONS: Readonly<Record<string, string>> = { ENOSPC: "full", EDQUOT: "full", EROFS: "readOnly" };

interface Held extends Entry {
  state: "waiting" | "done";
}

export class Journal implements Shelf {
  readonly directory: string;
  readonly #archive: Archive;
  readonly #unlock: Unlock;
  readonly #say: (line: string) => void;
  readonly #cursors = new Set<Cursor>();
  /** Behind the latest sample. */
  #end: Position;
  /** Oldest first; the waiting ones behind those that are done. */
  #held: Held[] = [];
  #written = 0;
  readonly #droppedBy: Record<string, number> = {};
  #lastError: string | undefined;
  /** The reason for which samples would be dropped now. */
  #failing: string | undefined;
  #noted = false;
  #writing: Promise<void> | undefined;
  readonly #timer: NodeJS.Timeout;
  #syncing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(archive: Archive, options: JournalOptions, unlock: Unlock, say: (line: string) => void) {
    this.#archive = archive;
    this.directory = options.directory;
    this.#unlock = unlock;
    this.#say = say;
    this.#end = { number: archive.next, points: archive.points };
    // A position may be ahead of a disk that lost its latest samples to a power failure: no number is given twice.
    for (const position of storedPositions(this.directory)) {
      if (position.number > this.#end.number) this.#end = position;
    }
    this.#timer = setInterval(() => this.#sync(), SYNC_MS).unref();
  }

  get end(): Position {
    return this.#end;
  }

  get segments() {
    return this.#archive.segments;
  }

  /** Takes it into memory, from where it goes to disk and to the cursors. Never throws, never blocks. */
  append(content: Content): void {
    const points = countPoints(content);
    if (this.#closing) {
      this.#drop(points, "closed");
      return;
    }
    const { number, points: pointsBefore } = this.#end;
    hold(content);
    this.#held.push({ number, pointsBefore, points, timestamp: content.timestamp, content, state: "waiting" });
    this.#end = { number: number + 1, points: pointsBefore + points };
    this.#trim();
    this.#writing ??= this.#writeHeld();
  }

  /** Resolves when what was appended is written; to false when it cannot be for now, and waits in memory. */
  async settle(): Promise<boolean> {
    await this.#writing;
    return this.#failing === undefined;
  }

  /** A cursor of that name: it goes on where the last one of the name stood. */
  openCursor(name: string): Cursor {
    const cursor = new Cursor(this, name);
    this.#cursors.add(cursor);
    return cursor;
  }

  release(cursor: Cursor): void {
    this.#cursors.delete(cursor);
    void cursor.store().catch(() => undefined);
  }

  get ready(): number {
    const waiting = this.#failing === undefined ? this.#nextWaiting() : undefined;
    return (waiting ?? this.#end).number;
  }

  recall(number: number): Entry | undefined {
    return this.#held.find((held) => held.number >= number);
  }

  status(): JournalStatus {
    const { bytes, segments, expired, torn, corrupt } = this.#archive;
    const droppedBy = { ...this.#droppedBy };
    return {
      name: JOURNAL_NAME,
      state: this.#failing === undefined ? "ok" : "failing",
      written: this.#written,
      queued: this.#held.reduce((sum, { state, points }) => sum + (state === "waiting" ? points : 0), 0),
      dropped: Object.values(droppedBy).reduce((sum, n) => sum + n, 0),
      droppedBy,
      bytes,
      segments: segments.length,
      expired: { ...expired },
      torn,
      corrupt,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  /** Writes what waits, within so many milliseconds; the rest is dropped and counted. Idempotent. */
  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#finish(deadlineMs);
    return this.#closing;
  }

  async #finish(deadlineMs: number): Promise<void> {
    clearInterval(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    const ended = async () => {
      await this.#writing;
      await this.#syncing;
      await this.#archive.closeSegment().catch((error) => this.#fail(error));
      await this.#storePositions();
    };
    // A disk that hangs must not hang the end.
    await Promise.race([ended(), deadline]);
    clearTimeout(timer);
    for (const held of this.#held) {
      if (held.state === "waiting") this.#drop(held.points, this.#failing ?? "closed");
    }
    for (const { content } of this.#held.splice(0)) release(content);
    this.#wakeCursors();
    this.#unlock();
  }

  #wakeCursors(): void {
    for (const cursor of this.#cursors) cursor.wake();
  }

  async #writeHeld(): Promise<void> {
    for (let next = this.#nextWaiting(); next !== undefined; next = this.#nextWaiting()) {
      try {
        const frame = await encodeFrame(next.content, next);
        if (frame.length > this.#archive.maxFrameBytes) {
          this.#note(`a sample of ${frame.length} bytes is more than journal.maxBytes`, "raise journal.maxBytes");
          if (next.state === "waiting") this.#drop(next.points, "tooLarge");
          next.state = "done";
          this.#wakeCursors();
          continue;
        }
        await this.#archive.append(frame, next.number);
      } catch (error) {
        this.#fail(error);
        this.#wakeCursors();
        break;
      }
      if (next.state === "waiting") this.#written += next.points;
      next.state = "done";
      this.#recover();
      this.#wakeCursors();
    }
    this.#writing = undefined;
    this.#trim();
  }

  #nextWaiting(): Held | undefined {
    return this.#held.find((held) => held.state === "waiting");
  }

  /** Forgets what nobody needs: first what every cursor has, then, above the bounds, the oldest. */
  #trim(): void {
    const latest = this.#held.at(-1)?.points ?? 0;
    const maxWaiting = Math.max(MAX_WAITING_POINTS, MIN_WAITING * latest);
    const maxKept = Math.max(MAX_KEPT_POINTS, MIN_KEPT * latest);
    let kept = this.#held.reduce((sum, held) => sum + held.points, 0);
    const needed = Math.min(this.#end.number - 1, ...[...this.#cursors].map((cursor) => cursor.number));
    let forget = 0;
    for (const held of this.#held.slice(0, -1)) {
      const waits = held.state === "waiting";
      const unneeded = !waits && held.number < needed;
      if (!unneeded && kept <= (waits ? maxWaiting : maxKept)) break;
      if (waits) {
        held.state = "done";
        this.#drop(held.points, this.#failing ?? "slow");
      }
      kept -= held.points;
      forget++;
    }
    for (const { content } of this.#held.splice(0, forget)) release(content);
  }

  #drop(points: number, reason: string): void {
    this.#droppedBy[reason] = (this.#droppedBy[reason] ?? 0) + points;
  }

  #sync(): void {
    this.#syncing = this.#syncing
      .then(() => this.#archive.sync())
      .then(() => this.#storePositions())
      .catch((error) => this.#fail(error));
  }

  async #storePositions(): Promise<void> {
    // A disk that refuses it is heard of by the samples; the sink sends some of them again.
    for (const cursor of this.#cursors) await cursor.store().catch(() => undefined);
  }

  #fail(error: unknown): void {
    const errno = errnoName(error);
    const reason = errno ?? (error as Error).message;
    this.#failing ??= REASONS[errno ?? ""] ?? "failed";
    const hint = HINTS[errno ?? ""] ?? "see whether the disk is well";
    this.#note(`cannot write to ${this.directory}: ${reason}`, `${hint}; samples wait in memory, and then are dropped`);
  }

  /** Says it once, until writing succeeds. */
  #note(message: string, hint: string): void {
    if (!this.#noted) this.#say(`journal: ${message}; ${hint}`);
    this.#noted = true;
    this.#lastError = message;
  }

  #recover(): void {
    this.#noted = false;
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    const { dropped } = this.status();
    this.#say(`journal: ${this.directory} takes samples again; ${dropped} points were dropped so far`);
  }
}

function storedPositions(directory: string): Position[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(".position"));
    return names.map((name) => readPosition(`${directory}/${name}`)).filter((position) => position !== undefined);
  } catch {
    return [];
  }
}

/**
 * The journal in a directory, which is made (mode 0700) if it is not there. `say` gets one line when samples cannot be
 * written, and one when they can again.
 * @throws RtcprobeError ERR_JOURNAL when the directory cannot be a journal's, or is another daemon's.
 */
export async function openJournal(options: JournalOptions, say: (line: string) => void = () => {}): Promise<Journal> {
  prepareDirectory(options.directory);
  const unlock = await lockDirectory("journal", options.directory);
  let archive: Archive;
  try {
    archive = new Archive(options);
  } catch (error) {
    unlock();
    throw error;
  }
  const { torn, corrupt } = archive;
  if (torn > 0) say(`journal: the last sample in ${options.directory} was not whole and is cut off`);
  if (corrupt > 0) say(`journal: ${options.directory} is damaged in ${corrupt} places, which are passed over`);
  return new Journal(archive, options, unlock, say);
}
