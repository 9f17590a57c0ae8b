// SPDX-License-Identifier: MIT
/** Lines of line protocol in one piece of memory, for a string per line would cost more than to write it. */

const LINE_END = "\n";

/** What the lines are of, one after the other. */
interface SeriesList {
  readonly length: number;
  at(i: number): string | undefined;
}

/** Two lists as one, for to join long ones costs more than to look them up. */
class JoinedSeries implements SeriesList {
  readonly #first: SeriesList;
  readonly #second: SeriesList;

  constructor(first: SeriesList, second: SeriesList) {
    this.#first = first;
    this.#second = second;
  }

  get length(): number {
    return this.#first.length + this.#second.length;
  }

  at(i: number): string | undefined {
    return i < this.#first.length ? this.#first.at(i) : this.#second.at(i - this.#first.length);
  }
}

/** Lines that are written, and where the next one begins. */
interface Written {
  bytes: Uint8Array;
  starts: Float64Array;
  line: number;
  at: number;
}

export class Lines implements Iterable<string> {
  readonly #bytes: Buffer;
  /** Where each line begins, and behind the last of them; from #begin on. */
  readonly #starts: Float64Array;
  /** What each line's series is: lines of one have the same text. */
  readonly #series: SeriesList;
  readonly #begin: number;
  readonly #end: number;

  constructor(bytes: Buffer, starts: Float64Array, series: SeriesList, begin = 0, end = series.length) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#series = series;
    this.#begin = begin;
    this.#end = end;
  }

  static of(lines: readonly { series: string; text: string }[]): Lines {
    const starts = new Float64Array(lines.length + 1);
    let all = "";
    for (const [i, { text }] of lines.entries()) {
      all += text + LINE_END;
      starts[i + 1] = (starts[i] as number) + Buffer.byteLength(text) + LINE_END.length;
    }
    return new Lines(
      Buffer.from(all),
      starts,
      lines.map(({ series }) => series),
    );
  }

  get length(): number {
    return this.#end - this.#begin;
  }

  /** All that it lies in, for who wants to write there again. */
  get memory(): Buffer {
    return this.#bytes;
  }

  get starts(): Float64Array {
    return this.#starts;
  }

  /** Each line with its end. */
  get bytes(): Buffer {
    return this.#bytes.subarray(this.#starts[this.#begin], this.#starts[this.#end]);
  }

  /** Without the end of the last one. */
  get body(): Buffer {
    return this.bytes.subarray(0, -LINE_END.length);
  }

  /** The lines from `begin` to before `end`. */
  slice(begin: number, end: number): Lines {
    return new Lines(this.#bytes, this.#starts, this.#series, this.#begin + begin, this.#begin + end);
  }

  /** Copies them behind those that are written there, for which there is room. `series` is of those. */
  appendTo({ bytes, starts, line, at }: Written, series: SeriesList): Lines {
    bytes.set(this.bytes, at);
    for (let i = 0; i <= this.length; i++) {
      starts[line + i] = at + (this.#starts[this.#begin + i] as number) - (this.#starts[this.#begin] as number);
    }
    return new Lines(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      starts,
      new JoinedSeries(series, this.#series),
    );
  }

  /** Without their ends. */
  *[Symbol.iterator](): Generator<string> {
    for (let i = this.#begin; i < this.#end; i++) {
      yield this.#bytes.toString("utf8", this.#starts[i], (this.#starts[i + 1] as number) - LINE_END.length);
    }
  }

  seriesOf(i: number): string {
    return this.#series.at(this.#begin + i) as string;
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

  static #copy(wanted: readonly [part: Lines, i: number][]): Lines {
    const starts = new Float64Array(wanted.length + 1);
    for (const [to, [part, i]] of wanted.entries()) {
      const at = part.#begin + i;
      starts[to + 1] = (starts[to] as number) + (part.#starts[at + 1] as number) - (part.#starts[at] as number);
    }
    const bytes = Buffer.allocUnsafe(starts[wanted.length] as number);
    for (const [to, [part, i]] of wanted.entries()) {
      part.#bytes.copy(bytes, starts[to], part.#starts[part.#begin + i], part.#starts[part.#begin + i + 1]);
    }
    return new Lines(
      bytes,
      starts,
      wanted.map(([part, i]) => part.seriesOf(i)),
    );
  }
}
