// SPDX-License-Identifier: MIT
/** A journal as a sink's feed, from its begin to its end. */
import type { JournalReader } from "./journal.js";
import { type Content, countPoints, type Entry, type Feed } from "./sink.js";

export class ReplayFeed implements Feed {
  readonly lost = {};
  /** What reading ended with, if it failed. */
  error: unknown;
  readonly #contents: AsyncIterator<Content>;
  #taken = 0;
  #committed = 0;
  #points = 0;
  #ended = false;
  #wake = (): void => {};

  constructor(reader: JournalReader) {
    this.#contents = reader[Symbol.asyncIterator]();
  }

  /** All that was there is sent. */
  get isDone(): boolean {
    return this.#ended && this.#committed === this.#taken;
  }

  get queued(): number {
    return 0;
  }

  async take(): Promise<Entry | undefined> {
    if (this.#ended) return undefined;
    try {
      const { value, done } = await this.#contents.next();
      if (!done) return this.#makeEntry(value);
    } catch (error) {
      this.error = error;
    }
    this.#ended = true;
    return undefined;
  }

  #makeEntry(content: Content): Entry {
    const points = countPoints(content);
    const entry = { number: this.#taken++, pointsBefore: this.#points, points, timestamp: content.timestamp, content };
    this.#points += points;
    return entry;
  }

  commit(entry: Entry): void {
    this.#committed = entry.number + 1;
  }

  /** There is no more to come: only the end ends it. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }

  close(): void {
    void this.#contents.return?.();
  }
}
