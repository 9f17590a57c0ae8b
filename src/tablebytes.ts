// SPDX-License-Identifier: MIT
/**
 * Columns in bytes: [u32 rows][u32 columns], and of each column its name as [u32 length][UTF-8], [u8 kind], a bit per row where
 * some rows have nothing, and its values. Whole numbers, and those that are some in a smaller unit, are differences from the row
 * before in seven bits per byte: neighbours are alike. Texts are numbers of a list of them. All is exact, and little-endian.
 */
import { ByteReader, ByteWriter } from "./bytes.js";
import type { Columns, NumberColumn, TextColumn } from "./streamtable.js";

const TEXT = 0;
const DOUBLES = 1;
const ONE_VALUE = 2;
/** Numbers of a list of doubles, which many rows have in common: rates of streams that are sent at one pace. */
const LISTED = 3;
/** And kinds from here on are numbers in a unit. */
const UNIT = 4;
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
/** A list of more values is no gain. */
const ROWS_PER_LISTED = 4;
/** A difference down to here is exact when it is doubled and its sign put into the last bit. */
const LEAST_DIFFERENCE = -(2 ** 52);

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

function writeNumbers(writer: ByteWriter, values: NumberColumn, present: number): void {
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
  const list = listValues(values);
  if (list === undefined) {
    begin(DOUBLES);
    for (const value of values) if (!Number.isNaN(value)) writer.double(value);
    return;
  }
  begin(LISTED);
  writer.word(list.size);
  for (const value of list.keys()) writer.double(value);
  writer.differences(values.map((value) => list.get(value) ?? Number.NaN));
}

/** Each value with its number, if they are few beside the rows. */
function listValues(values: NumberColumn): Map<number, number> | undefined {
  const list = new Map<number, number>();
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value) || list.has(value)) continue;
    if (list.size > values.length / ROWS_PER_LISTED) return undefined;
    list.set(value, list.size);
  }
  return list;
}

function writeTexts(writer: ByteWriter, texts: TextColumn): void {
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
  const writer = new ByteWriter();
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

function readNumbers(reader: ByteReader, rows: number): NumberColumn {
  const said = reader.byte();
  const column = said >= SPARSE ? reader.presence(rows) : new Float64Array(rows);
  const kind = said % SPARSE;
  const one = kind === ONE_VALUE ? reader.double() : 0;
  const list = kind === LISTED ? Array.from({ length: reader.word() }, () => reader.double()) : undefined;
  const unit = UNITS[kind - UNIT];
  if (kind > LISTED && unit === undefined) throw new RangeError(`a column is of kind ${kind}`);
  const [first, second] = unit ?? [1, 1];
  let whole = 0;
  for (let i = 0; i < rows; i++) {
    if (Number.isNaN(column[i])) continue;
    if (kind === ONE_VALUE) column[i] = one;
    else if (kind === DOUBLES) column[i] = reader.double();
    else {
      whole += reader.difference();
      column[i] = list === undefined ? whole / first / second : (list[whole] as number);
    }
  }
  return column;
}

/** @returns the columns that lie at `at`, and where they end. Throws a RangeError if there are none. */
export function readColumns(bytes: Buffer, at: number): Columns & { rows: number; end: number } {
  const reader = new ByteReader(bytes, at);
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
