// SPDX-License-Identifier: MIT
/**
 * Samples on disk: append-only files of one JSON object a line, bounded in bytes and age. A file is written by one opening of
 * the journal only, and never again after a failed write, so that a torn line is always the last of its file.
 */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { errnoName, RtcprobeError } from "./errors.js";
import { fileName, listNames, timeOfName } from "./segment.js";
import { countPoints, type Sink, type SinkStatus } from "./sink.js";
import type { Sample } from "./stats.js";

export { type JournalReader, readJournal } from "./segment.js";

export interface JournalOptions {
  directory: string;
  /** Of all files together. */
  maxBytes: number;
  /** Of a file since its last line, milliseconds. */
  maxAgeMs: number;
}

const FILE_BYTES = 8 * 2 ** 20;
/** A bound is kept by deleting whole files: a small one needs small files. */
const FILES_PER_BOUND = 8;
const QUEUE_BYTES = 32 * 2 ** 20;
interface JournalFile {
  path: string;
  /** At least what is in it. */
  bytes: number;
  lastWriteMs: number;
  isEmpty: boolean;
}

interface Line {
  text: string;
  bytes: number;
  points: number;
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "give this user the right to write there, or choose another journal.directory",
  EROFS: "the file system is read-only: choose another journal.directory",
  ENOENT: "the directory is gone: make it again",
  ENOSPC: "the file system is full: make room, or choose another journal.directory",
};

function openDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    listNames(directory);
  } catch (error) {
    const errno = errnoName(error) ?? "";
    const hint = HINTS[errno] ?? "choose a directory as journal.directory";
    throw new RtcprobeError("ERR_JOURNAL", `cannot keep a journal in ${directory}: ${errno}`, hint, { cause: error });
  }
}

class Journal implements Sink {
  readonly name = "journal";
  readonly #options: JournalOptions;
  readonly #onEvent: (line: string) => void;
  readonly #fileBytes: number;
  /** Oldest first; the last is the open one while there is a handle. */
  readonly #files: JournalFile[];
  #newestNameMs: number;
  #openedMs = 0;
  #handle: FileHandle | undefined;
  #queue: Line[] = [];
  #queuedBytes = 0;
  #inFlight = 0;
  #written = 0;
  #dropped = 0;
  #lastError: string | undefined;
  #failing = false;
  #writing = false;
  #idle: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: JournalOptions, onEvent: (line: string) => void) {
    const { directory, maxBytes } = options;
    openDirectory(directory);
    this.#options = options;
    this.#onEvent = onEvent;
    this.#fileBytes = Math.min(FILE_BYTES, maxBytes / FILES_PER_BOUND);
    const names = listNames(directory);
    this.#newestNameMs = timeOfName(names.at(-1) ?? fileName(0));
    this.#files = names.map((name) => {
      const path = join(directory, name);
      const { size, mtimeMs } = statSync(path);
      return { path, bytes: size, lastWriteMs: mtimeMs, isEmpty: size === 0 };
    });
  }

  write(sample: Sample): void {
    const points = countPoints(sample);
    if (this.#closing) {
      this.#dropped += points;
      return;
    }
    const text = `${JSON.stringify(sample)}\n`;
    const bytes = Buffer.byteLength(text);
    this.#queue.push({ text, bytes, points });
    this.#queuedBytes += bytes;
    while (this.#queuedBytes > QUEUE_BYTES) this.#dropped += this.#take().points;
    if (!this.#writing) this.#idle = this.#writeQueue();
  }

  status(): SinkStatus {
    return {
      name: this.name,
      state: this.#failing ? "failing" : "ok",
      written: this.#written,
      queued: this.#queue.reduce((sum, line) => sum + line.points, this.#inFlight),
      dropped: this.#dropped,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#finish(deadlineMs);
    return this.#closing;
  }

  async #finish(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    // A disk that hangs must not hang the end.
    await Promise.race([this.#idle.then(() => this.#closeFile()).catch((error) => this.#fail(error)), deadline]);
    clearTimeout(timer);
    while (this.#queue.length > 0) this.#dropped += this.#take().points;
  }

  #take(): Line {
    const line = this.#queue.shift() as Line;
    this.#queuedBytes -= line.bytes;
    return line;
  }

  async #writeQueue(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      const line = this.#take();
      this.#inFlight = line.points;
      try {
        await this.#writeLine(line);
        this.#written += line.points;
        this.#recover();
      } catch (error) {
        this.#dropped += line.points;
        await this.#fail(error);
      }
      this.#inFlight = 0;
    }
    this.#writing = false;
  }

  async #writeLine(line: Line): Promise<void> {
    const now = Date.now();
    const { maxAgeMs, maxBytes } = this.#options;
    if (line.bytes > maxBytes) throw new Error(`a sample of ${line.bytes} bytes is more than journal.maxBytes`);
    const current = this.#handle && this.#files.at(-1);
    if (
      current &&
      (current.bytes + line.bytes > this.#fileBytes || now - this.#openedMs > maxAgeMs / FILES_PER_BOUND)
    ) {
      await this.#closeFile();
    }
    await this.#deleteOld(line.bytes, now);
    const [handle, file] = await this.#openFile(now);
    // Before the write: one that fails may have written a part.
    file.bytes += line.bytes;
    file.lastWriteMs = now;
    await handle.appendFile(line.text);
    file.isEmpty = false;
  }

  async #openFile(now: number): Promise<[FileHandle, JournalFile]> {
    const current = this.#files.at(-1);
    if (this.#handle && current) return [this.#handle, current];
    // Also when the clock was set back: names stay in the order of writing.
    this.#newestNameMs = Math.max(now, this.#newestNameMs + 1);
    const path = join(this.#options.directory, fileName(this.#newestNameMs));
    this.#handle = await open(path, "ax", 0o600);
    this.#openedMs = now;
    const file = { path, bytes: 0, lastWriteMs: now, isEmpty: true };
    this.#files.push(file);
    return [this.#handle, file];
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** Make room for so many bytes more. Never the open file: it is closed first when it alone is too big. */
  async #deleteOld(bytes: number, now: number): Promise<void> {
    const { maxAgeMs, maxBytes } = this.#options;
    let total = this.#files.reduce((sum, file) => sum + file.bytes, bytes);
    for (;;) {
      const oldest = this.#files[0];
      const isOpen = this.#handle !== undefined && this.#files.length === 1;
      if (!oldest || isOpen || (total <= maxBytes && now - oldest.lastWriteMs <= maxAgeMs)) return;
      await unlink(oldest.path).catch((error) => {
        if (errnoName(error) !== "ENOENT") throw error;
      });
      this.#files.shift();
      total -= oldest.bytes;
    }
  }

  /** The file is given up, for its last line may be torn; one without a whole line is deleted. */
  async #fail(error: unknown): Promise<void> {
    const errno = errnoName(error);
    this.#lastError = `cannot write to ${this.#options.directory}: ${errno ?? (error as Error).message}`;
    if (!this.#failing) {
      const hint = errno === undefined ? "raise journal.maxBytes" : (HINTS[errno] ?? "see whether the disk is well");
      this.#onEvent(`journal: ${this.#lastError}; ${hint}; samples are dropped until then`);
    }
    this.#failing = true;
    const file = this.#handle && this.#files.at(-1);
    await this.#closeFile().catch(() => undefined);
    if (!file?.isEmpty) return;
    this.#files.pop();
    await unlink(file.path).catch(() => undefined);
  }

  #recover(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#onEvent(
      `journal: ${this.#options.directory} takes samples again; ${this.#dropped} points were dropped so far`,
    );
  }
}

/**
 * A sink that keeps samples in files of `directory`, which is made (mode 0700) if it is not there. `onEvent` gets one line
 * when samples cannot be written, and one when they can again.
 * @throws RtcprobeError ERR_JOURNAL when the directory cannot be made or is unusable.
 */
export function openJournal(options: JournalOptions, onEvent: (line: string) => void = () => {}): Sink {
  return new Journal(options, onEvent);
}
