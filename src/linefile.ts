// SPDX-License-Identifier: MIT
/** Points as line protocol in a file, or on a stream: for Telegraf, and by it for whatever Telegraf writes to. */
import { type FileHandle, open, rename } from "node:fs/promises";
import type { Verdict } from "./answer.js";
import type { Target } from "./delivery.js";
import { errnoName } from "./errors.js";
import type { Lines } from "./lines.js";

/** More than a line has. */
const TAIL_BYTES = 65_536;

/** A file that is appended to in whole texts, and begun anew when it is full; the full one is kept as `PATH.1`. */
export class LineFile {
  readonly #path: string;
  readonly #maxBytes: number;
  /** Whoever wrote before us may have been killed in the middle of a line, which would be the begin of our first. */
  #isWhole = false;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** All of it, or nothing. Opened each time: who rotates logs may take the file away. Throws the system's error. */
  async append(bytes: Buffer): Promise<void> {
    if (await this.#appendWithin(bytes)) return;
    await rename(this.#path, `${this.#path}.1`);
    await this.#appendWithin(bytes);
  }

  /** @returns false when the file is too full for it */
  async #appendWithin(bytes: Buffer): Promise<boolean> {
    // "a+" and not "a": a FIFO that nobody reads would block.
    const handle = await open(this.#path, "a+", 0o640);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw Object.assign(new Error("no file"), { code: "ENOTSUP" });
      if (!this.#isWhole) found.size = await cutTail(handle, found.size);
      this.#isWhole = true;
      if (found.size > 0 && found.size + bytes.length > this.#maxBytes) return false;
      await handle.appendFile(bytes).catch(async (error) => {
        await handle.truncate(found.size).catch(() => undefined);
        throw error;
      });
      return true;
    } finally {
      await handle.close();
    }
  }
}

/** Cuts off what comes behind the last whole line; what holds none is not ours. @returns the size that is left */
async function cutTail(handle: FileHandle, size: number): Promise<number> {
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  const { bytesRead } = await handle.read(tail, 0, tail.length, size - tail.length);
  const end = tail.subarray(0, bytesRead).lastIndexOf("\n");
  if (end < 0 || end + 1 === bytesRead) return size;
  const left = size - bytesRead + end + 1;
  await handle.truncate(left);
  return left;
}

/** Appends points to a file. */
export class FileTarget implements Target {
  readonly place: string;
  readonly #file: LineFile;

  constructor(path: string, maxBytes: number) {
    this.place = `file ${path}`;
    this.#file = new LineFile(path, maxBytes);
  }

  async write(lines: Lines): Promise<Verdict> {
    try {
      await this.#file.append(lines.bytes);
      return { kind: "done" };
    } catch (error) {
      const reason = `cannot write: ${errnoName(error) ?? (error as Error).message}`;
      return { kind: "hold", reason, hint: "make room, or give another path; it must be a plain file" };
    }
  }

  close(): void {}
}

/** Takes a text; settles when its reader has it, and rejects when there is none any more. */
export type WriteText = (text: string) => Promise<void>;

/** Writes points to a stream that somebody else owns. */
export class StreamTarget implements Target {
  readonly place = "standard output";
  readonly #write: WriteText;

  constructor(write: WriteText) {
    this.#write = write;
  }

  async write(lines: Lines): Promise<Verdict> {
    try {
      await this.#write(lines.bytes.toString("utf8"));
      return { kind: "done" };
    } catch (error) {
      const name = errnoName(error) ?? "no reader";
      // What was a pipe's end stays one: another reader needs another pipe.
      const hint = name === "ENOSPC" ? "make room" : "start rtcprobe again with a reader";
      return { kind: "hold", reason: `cannot write: ${name}`, hint };
    }
  }

  close(): void {}
}

/** Why these points are here, as a comment of line protocol, and the points. */
export function formatRefused(lines: Lines, reason: string): Buffer {
  return Buffer.concat([Buffer.from(`# ${reason}\n`), lines.bytes]);
}
