// SPDX-License-Identifier: MIT
/** Lines of line protocol in one piece of memory, for a string per line would cost more than to write it. */

const LINE_END = "\n";

export class Lines implements Iterable<string> {
  readonly #bytes: Buffer;
  /** Where each line begins, and behind the last of them. */
  readonly #starts: Float64Array;
  /** What each line's series is: lines of one have the same text. */
  readonly #series: readonly string[];

  constructor(bytes: Buffer, starts: Float64Array, series: readonly string[]) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#series = series;
  }

  static of(lines: readonly { series: string; text: string }[]): Lines {
    const texts = lines.map(({ text }) => Buffer.from(text + LINE_END));
    const starts = new Float64Array(texts.length + 1);
    for (const [i, { length }] of texts.entries()) starts[i + 1] = (starts[i] as number) + length;
    return new Lines(
      Buffer.concat(texts),
      starts,
      lines.map(({ series }) => series),
    );
  }

  get length(): number {
    return this.#series.length;
  }

  /** All that it lies in. */
  get memory(): Buffer {
    return this.#bytes;
  }

  /** Each line with its end. */
  get bytes(): Buffer {
    return this.#bytes.subarray(this.#starts[0], this.#starts[this.length]);
  }

  /** Without the end of the last one. */
  get body(): Buffer {
    return this.bytes.subarray(0, -LINE_END.length);
  }

  /** The lines from `begin` to before `end`. */
  slice(begin: number, end: number): Lines {
    return new Lines(this.#bytes, this.#starts.subarray(begin, end + 1), this.#series.slice(begin, end));
  }

  /** Without their ends. */
  *[Symbol.iterator](): Generator<string> {
    for (let i = 0; i < this.length; i++) {
      yield this.#bytes.toString("utf8", this.#starts[i], (this.#starts[i + 1] as number) - LINE_END.length);
    }
  }

  seriesOf(i: number): string {
    return this.#series[i] as string;
  }

  /** Those of several samples as one, the lines of a series together: a server needs half the time for them. */
  static gather(parts: readonly Lines[]): Lines {
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return first;
    const bySeries = new Map<string, [part: Lines, i: number][]>();
    for (const part of parts) {
      for (let i = 0; i < part.length; i++) {
        const found = bySeries.get(part.seriesOf(i));
        if (found === undefined) bySeries.set(part.seriesOf(i), [[part, i]]);
        else found.push([part, i]);
      }
    }
    return Lines.#copy([...bySeries.values()].flat());
  }

  /** Those for which it says so. */
  filter(isWanted: (i: number) => boolean): Lines {
    const wanted = Array.from({ length: this.length }, (_, i) => i).filter(isWanted);
    return Lines.#copy(wanted.map((i) => [this, i]));
  }

  static #copy(wanted: readonly [part: Lines, i: number][]): Lines {
    const starts = new Float64Array(wanted.length + 1);
    for (const [to, [part, i]] of wanted.entries()) {
      const bytes = (part.#starts[i + 1] as number) - (part.#starts[i] as number);
      starts[to + 1] = (starts[to] as number) + bytes;
    }
    const bytes = Buffer.allocUnsafe(starts[wanted.length] as number);
    for (const [to, [part, i]] of wanted.entries()) {
      part.#bytes.copy(bytes, starts[to], part.#starts[i], part.#starts[i + 1]);
    }
    return new Lines(
      bytes,
      starts,
      wanted.map(([part, i]) => part.seriesOf(i)),
    );
  }
}
