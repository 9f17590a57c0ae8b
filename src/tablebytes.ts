// SPDX-License-Identifier: MIT
/**
 * Columns in bytes: [u32 rows][u32 columns], and of each column its name as [u32 length][UTF-8], [u8 kind], a bit per row where
 * some rows have nothing, and its values. Whole numbers, and those that are some in a smaller unit, are differences from the row
 * before in seven bits per byte: neighbours are alike. Texts are numbers of a list of them. All is exact, and little-endian.
 */
import type { Columns, NumberColumn, TextColumn } from "./streamtable.js";

const TEXT = 0;
const DOUBLES = 1;
const ONE_VALUE = 2;
/** And kinds from here on are numbers in a unit. */
const UNIT = 3;
/** Added to a kind: not all rows have a value. */
const SPARSE = 128;

/**
 * A value is a whole number times 1, 1/4096 or 1/256/1e9: counts; milliseconds of this century, of which doubles have no finer
 * parts; and the core's times in seconds.
 */
const UNITS: readonly (readonly [number, number])[] = [
  [1, 1],
  [4096, 1],
  [256, 1e9],
];
/** A difference down to here is exact when it is doubled and its sign put into the last bit. */
const LEAST_DIFFERENCE = -(2 ** 52);

class Writer {
  #bytes = Buffer.allocUnsafeSlow(65_536);
  #length = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  reserve(room: number): void {
    if (this.#length + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + room));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.#length++] = value;
  }

  word(value: number): void {
    this.reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  double(value: number): void {
    this.reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.word(length);
    this.reserve(length);
    this.#length += this.#bytes.write(text, this.#length, "utf8");
  }

  /** Each as its difference from the one before; NaN is left out. */
  differences(values: NumberColumn): void {
    this.reserve(8 * values.length);
    const bytes = this.#bytes;
    let at = this.#length;
    let before = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (Number.isNaN(value)) continue;
      const difference = value - before;
      before = value;
      let rest = difference < 0 ? -2 * difference - 1 : 2 * difference;
      for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
      let small = rest | 0;
      for (; small >= 128; small >>= 7) bytes[at++] = (small & 127) | 128;
      bytes[at++] = small;
    }
    this.#length = at;
  }

  /** A bit per row: 1 where there is a value. */
  presence(values: NumberColumn): void {
    const begin = this.#length;
    this.reserve(Math.ceil(values.length / 8));
    this.#length += Math.ceil(values.length / 8);
    this.#bytes.fill(0, begin, this.#length);
    for (let i = 0; i < values.length; i++) {
      if (!Number.isNaN(values[i]))
        this.#bytes[begin + (i >> 3)] = (this.#bytes[begin + (i >> 3)] as number) | (1 << (i & 7));
    }
  }
}

/** The values as whole numbers of the unit, if all are some. */
function wholeNumbers(values: NumberColumn, [first, second]: readonly [number, number]): NumberColumn | undefined {
  const whole = new Float64Array(values.length);
  let before = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    whole[i] = Number.NaN;
    if (Number.isNaN(value)) continue;
    const number = Math.round(value * first * second);
    if (number / first / second !== value || !Number.isSafeInteger(number)) return undefined;
    const difference = number - before;
    if (difference < LEAST_DIFFERENCE || difference > Number.MAX_SAFE_INTEGER) return undefined;
    whole[i] = number;
    before = number;
  }
  return whole;
}

function writeNumbers(writer: Writer, values: NumberColumn, present: number): void {
  const sparse = present < values.length ? SPARSE : 0;
  const begin = (kind: number): void => {
    writer.byte(kind + sparse);
    if (sparse) writer.presence(values);
  };
  const first = values.find((value) => !Number.isNaN(value)) as number;
  if (values.every((value) => value === first || Number.isNaN(value))) {
    begin(ONE_VALUE);
    writer.double(first);
    return;
  }
  for (const [unit, parts] of UNITS.entries()) {
    const whole = wholeNumbers(values, parts);
    if (whole === undefined) continue;
    begin(UNIT + unit);
    writer.differences(whole);
    return;
  }
  begin(DOUBLES);
  for (const value of values) if (!Number.isNaN(value)) writer.double(value);
}

function writeTexts(writer: Writer, texts: TextColumn): void {
  const numbers = new Map<string, number>();
  let [latest, latestNumber] = ["", Number.NaN];
  const column = Float64Array.from(texts, (text) => {
    if (text === undefined) return Number.NaN;
    if (text === latest && !Number.isNaN(latestNumber)) return latestNumber;
    latest = text;
    latestNumber = numbers.get(text) ?? numbers.size;
    numbers.set(text, latestNumber);
    return latestNumber;
  });
  writer.word(numbers.size);
  for (const text of numbers.keys()) writer.text(text);
  writeNumbers(writer, column, texts.length - texts.filter((text) => text === undefined).length);
}

function countNumbers(column: NumberColumn): number {
  let count = 0;
  for (let i = 0; i < column.length; i++) if (!Number.isNaN(column[i])) count++;
  return count;
}

/** Columns in which there is nothing are left out. */
export function writeColumns({ numbers, texts }: Columns, rows: number): Buffer {
  const writer = new Writer();
  const full = [...numbers].map(([name, column]) => ({ name, column, count: countNumbers(column) }));
  const written = full.filter(({ count }) => count > 0);
  const writtenTexts = [...texts].filter(([, column]) => column.some((text) => text !== undefined));
  writer.word(rows);
  writer.word(written.length + writtenTexts.length);
  for (const { name, column, count } of written) {
    writer.text(name);
    writeNumbers(writer, column, count);
  }
  for (const [name, column] of writtenTexts) {
    writer.text(name);
    writer.byte(TEXT);
    writeTexts(writer, column);
  }
  return writer.bytes;
}

/** Throws a RangeError where the bytes end too early. */
class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.at++);
  }

  word(): number {
    this.at += 4;
    return this.#bytes.readUInt32LE(this.at - 4);
  }

  double(): number {
    this.at += 8;
    return this.#bytes.readDoubleLE(this.at - 8);
  }

  text(): string {
    const length = this.word();
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError("a text ends behind the frame");
    return this.#bytes.toString("utf8", this.at - length, this.at);
  }

  /** NaN where there is no value. */
  presence(rows: number): NumberColumn {
    const begin = this.at;
    this.at += Math.ceil(rows / 8);
    const column = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      const isThere = this.#bytes.readUInt8(begin + (i >> 3)) & (1 << (i & 7));
      if (!isThere) column[i] = Number.NaN;
    }
    return column;
  }

  difference(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
}

function readNumbers(reader: Reader, rows: number): NumberColumn {
  const said = reader.byte();
  const column = said >= SPARSE ? reader.presence(rows) : new Float64Array(rows);
  const kind = said % SPARSE;
  const one = kind === ONE_VALUE ? reader.double() : 0;
  const unit = UNITS[kind - UNIT];
  if (kind > ONE_VALUE && unit === undefined) throw new RangeError(`a column is of kind ${kind}`);
  const [first, second] = unit ?? [1, 1];
  let whole = 0;
  for (let i = 0; i < rows; i++) {
    if (Number.isNaN(column[i])) continue;
    if (kind === ONE_VALUE) column[i] = one;
    else if (kind === DOUBLES) column[i] = reader.double();
    else {
      whole += reader.difference();
      column[i] = whole / first / second;
    }
  }
  return column;
}

/** @returns the columns that lie at `at`, and where they end. Throws a RangeError if there are none. */
export function readColumns(bytes: Buffer, at: number): Columns & { rows: number; end: number } {
  const reader = new Reader(bytes, at);
  const [rows, columns] = [reader.word(), reader.word()];
  const numbers = new Map<string, NumberColumn>();
  const texts = new Map<string, TextColumn>();
  for (let n = 0; n < columns; n++) {
    const name = reader.text();
    if (bytes[reader.at] !== TEXT) {
      numbers.set(name, readNumbers(reader, rows));
      continue;
    }
    reader.byte();
    const list = Array.from({ length: reader.word() }, () => reader.text());
    texts.set(
      name,
      Array.from(readNumbers(reader, rows), (number) => list[number]),
    );
  }
  return { numbers, texts, rows, end: reader.at };
}
