// SPDX-License-Identifier: MIT
/**
 * Calls on disk, so that no end of the daemon loses one: a file for the call, which is replaced as a whole, one for the rows
 * of its intervals, which grows, and one for Daily's records.
 */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Raw } from "../daily/record.js";
import { makeDirectory } from "../directory.js";
import { errnoName, RtcprobeError } from "../errors.js";
import { lockDirectory, type Unlock } from "../lock.js";
import type { Call } from "./call.js";
import { RowLog, rowFile } from "./rowlog.js";
import type { Row } from "./traffic.js";

const CALL_NAME = /^([0-9a-f]{8})\.call\.json$/;

const FULL = new Set(["ENOSPC", "EDQUOT"]);
/** Only daemons write; commands read, too, and have no flag for the directory. */
const HINTS = {
  read: "let calls.directory be a directory that you may read",
  write: "let the daemon's calls.directory be one that it may write",
};

function parseOrNothing<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

export class CallStore {
  readonly #directory: string;
  readonly #rows: RowLog;

  constructor(directory: string) {
    this.#directory = directory;
    this.#rows = new RowLog(directory);
  }

  /**
   * For one daemon: two would both measure a call that is on. Where the directory cannot be made, the first call says so.
   * @throws RtcprobeError ERR_FILE when another has it
   */
  lock(): Promise<Unlock> {
    try {
      this.#makeDirectory();
    } catch {}
    return lockDirectory("calls", this.#directory);
  }

  /** Newest first. A file that is no call is passed over. @throws RtcprobeError ERR_FILE */
  load(): Call[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch (error) {
      if (errnoName(error) === "ENOENT") return [];
      throw this.#failure("read", error);
    }
    return names
      .filter((name) => CALL_NAME.test(name))
      .map((name) => parseOrNothing<Call>(this.#read(name) ?? ""))
      .filter((call) => typeof call?.id === "string" && typeof call.startedAt === "number" && call.daily !== undefined)
      .sort((a, b) => (b as Call).startedAt - (a as Call).startedAt) as Call[];
  }

  /** @throws RtcprobeError ERR_FILE */
  save(call: Call): void {
    this.#replace(`${call.id}.call.json`, JSON.stringify(call));
  }

  saveMetrics(id: string, metrics: readonly Raw[]): void {
    this.#replace(`${id}.daily.json`, JSON.stringify(metrics));
  }

  /** Undefined when nothing was fetched. */
  loadMetrics(id: string): Raw[] | undefined {
    return parseOrNothing<Raw[]>(this.#read(`${id}.daily.json`) ?? "");
  }

  /** To be written by writeRows. Until then it waits in memory, within a bound. */
  addRow(id: string, row: Row): void {
    this.#rows.add(id, row);
  }

  /** @throws RtcprobeError ERR_FILE, and then the rows that the disk did not take wait */
  writeRows(): void {
    try {
      this.#rows.write();
    } catch (error) {
      throw this.#failure("write", error);
    }
  }

  /** Rows that wait, and those that were dropped at the bound. */
  get heldRows(): number {
    return this.#rows.held;
  }

  get droppedRows(): number {
    return this.#rows.dropped;
  }

  /** Oldest first. A line that a dying daemon left half written is passed over. @throws RtcprobeError ERR_FILE */
  loadRows(id: string): Row[] {
    const lines = [...(this.#read(rowFile(id)) ?? "").split("\n"), ...this.#rows.waiting(id)];
    return lines.map((line) => parseOrNothing<Row>(line)).filter((row) => typeof row?.at === "number") as Row[];
  }

  remove(id: string): void {
    this.#rows.forget(id);
    // The call last: without it nobody would look for the others.
    for (const name of [rowFile(id), `${id}.daily.json`, `${id}.call.json`]) {
      rmSync(join(this.#directory, name), { force: true });
    }
  }

  #makeDirectory(): void {
    makeDirectory(this.#directory, 0o700);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#directory, name), "utf8");
    } catch (error) {
      if (errnoName(error) === "ENOENT") return undefined;
      throw this.#failure("read", error);
    }
  }

  /** The old content or the new one, whenever the power fails. */
  #replace(name: string, text: string): void {
    const path = join(this.#directory, name);
    const aside = `${path}.new`;
    try {
      this.#makeDirectory();
      const file = openSync(aside, "w", 0o600);
      try {
        writeFileSync(file, text);
        fsyncSync(file);
      } catch (error) {
        // A part of it would take room that there is not.
        rmSync(aside, { force: true });
        throw error;
      } finally {
        closeSync(file);
      }
      renameSync(aside, path);
    } catch (error) {
      throw this.#failure("write", error);
    }
  }

  #failure(what: keyof typeof HINTS, cause: unknown): RtcprobeError {
    const reason = errnoName(cause) ?? (cause as Error).message;
    const hint = FULL.has(reason) ? "the disk is full: make room there" : HINTS[what];
    return new RtcprobeError("ERR_FILE", `cannot ${what} the calls in ${this.#directory}: ${reason}`, hint, { cause });
  }
}
