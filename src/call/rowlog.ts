// SPDX-License-Identifier: MIT
/**
 * The rows of calls: a file for each call, a line for each row. What the disk does not take waits in memory; above a bound the
 * oldest rows are dropped, and counted.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "./traffic.js";

/** Of all calls together: some hours of one. */
const MAX_HELD_BYTES = 16 * 2 ** 20;
/** Written at once. */
const BATCH_ROWS = 256;
const NEWLINE = 10;

/** Throws the system's error, and then nothing of the text is kept. */
function appendLines(path: string, text: string): void {
  const file = openSync(path, "a+", 0o600);
  try {
    const { size } = fstatSync(file);
    // Whoever wrote before us may have been killed in the middle of a line.
    const last = Buffer.from([NEWLINE]);
    if (size > 0) readSync(file, last, 0, 1, size - 1);
    try {
      writeFileSync(file, last[0] === NEWLINE ? text : `\n${text}`);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

/** Name of a call's file. */
export const rowFile = (id: string): string => `${id}.rows.ndjson`;

export class RowLog {
  /** Rows, for want of memory while the disk refused them. */
  dropped = 0;
  readonly #directory: string;
  /** Lines by call, oldest first. */
  readonly #held = new Map<string, string[]>();
  #heldBytes = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Rows that wait. */
  get held(): number {
    return [...this.#held.values()].reduce((sum, lines) => sum + lines.length, 0);
  }

  /** Into memory. */
  add(id: string, row: Row): void {
    const line = `${JSON.stringify(row)}\n`;
    const lines = this.#held.get(id) ?? [];
    lines.push(line);
    this.#held.set(id, lines);
    this.#heldBytes += line.length;
    while (this.#heldBytes > MAX_HELD_BYTES) this.#dropOldest();
  }

  /** Of the call that holds most. */
  #dropOldest(): void {
    const lines = [...this.#held.values()].reduce((most, other) => (other.length > most.length ? other : most));
    this.#heldBytes -= lines.shift()?.length ?? 0;
    this.dropped++;
  }

  /** To disk. Throws the system's error, and then what was not written waits. */
  write(): void {
    const failures: unknown[] = [];
    for (const [id, lines] of this.#held) {
      try {
        this.#writeLines(id, lines);
        this.#held.delete(id);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #writeLines(id: string, lines: string[]): void {
    while (lines.length > 0) {
      const text = lines.slice(0, BATCH_ROWS).join("");
      appendLines(join(this.#directory, rowFile(id)), text);
      lines.splice(0, BATCH_ROWS);
      this.#heldBytes -= text.length;
    }
  }

  /** Lines of a call that wait, oldest first. */
  waiting(id: string): readonly string[] {
    return this.#held.get(id) ?? [];
  }

  /** What waits of a call is wanted no more. */
  forget(id: string): void {
    for (const line of this.waiting(id)) this.#heldBytes -= line.length;
    this.#held.delete(id);
  }
}
