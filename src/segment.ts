// SPDX-License-Identifier: MIT
/** The files of a journal: their names, and what can be read from them after any end of the writer. */
import { readdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { errnoName, RtcprobeError } from "./errors.js";
import type { Sample } from "./stats.js";

const FILE_NAME = /^\d{8}T\d{6}\.\d{3}Z\.ndjson$/;

/** Order of the names is order of time. */
export function fileName(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:]/g, "")}.ndjson`;
}

/** Milliseconds since the Unix epoch. */
export function timeOfName(name: string): number {
  return Date.parse(name.replace(/^(....)(..)(..)T(..)(..)(.*)\.ndjson$/, "$1-$2-$3T$4:$5:$6"));
}

/** Names of a journal's files, oldest first. Throws the system's error. */
export function listNames(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && FILE_NAME.test(entry.name) && Number.isFinite(timeOfName(entry.name)))
    .map((entry) => entry.name)
    .sort();
}

/** The samples of a journal, oldest first. */
export interface JournalReader extends AsyncIterable<Sample> {
  /** Lines passed over so far, for they hold no whole sample: the writer died in them. */
  readonly torn: number;
}

function parseLine(line: string): Sample | undefined {
  try {
    const sample = JSON.parse(line) as Partial<Sample> | null;
    const whole = typeof sample?.timeNs === "string" && Array.isArray(sample.streams) && sample.datagrams !== undefined;
    return whole ? (sample as Sample) : undefined;
  } catch {
    return undefined;
  }
}

class Reader implements JournalReader {
  torn = 0;

  constructor(private readonly directory: string) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Sample> {
    try {
      for (const name of listNames(this.directory)) yield* this.#readFile(join(this.directory, name));
    } catch (error) {
      const message = `cannot read the journal in ${this.directory}: ${errnoName(error) ?? (error as Error).message}`;
      throw new RtcprobeError("ERR_JOURNAL", message, "see whether it is a journal and you may read it", {
        cause: error,
      });
    }
  }

  async *#readFile(path: string): AsyncGenerator<Sample> {
    let handle: FileHandle;
    try {
      handle = await open(path);
    } catch (error) {
      if (errnoName(error) === "ENOENT") return;
      throw error;
    }
    try {
      for await (const line of handle.readLines()) {
        const sample = parseLine(line);
        if (sample) yield sample;
        else this.torn++;
      }
    } finally {
      await handle.close();
    }
  }
}

/**
 * Read what a journal holds now. A file that is deleted meanwhile, for its age, is passed over.
 * @throws RtcprobeError ERR_JOURNAL while iterating, when the directory or a file cannot be read.
 */
export function readJournal(directory: string): JournalReader {
  return new Reader(directory);
}
