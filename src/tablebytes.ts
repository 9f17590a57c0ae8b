// SPDX-License-Identifier: MIT
/**
 * Columns in bytes: [u32 rows][u32 columns], and of each column its name as [u32 length][UTF-8], [u8 kind], a bit per row where
 * some rows have nothing, and its values. Whole numbers, and those that are some in a smaller unit, are differences from the row
 * before in seven bits per byte: neighbours are alike. Texts are numbers of a list of them. All is exact, and little-endian.
 * native/column_bytes.cc writes them.
 */
import { ByteReader } from "./bytes.js";
import { addon, type WrittenColumn } from "./native.js";
import { type Columns, type NumberColumn, TextColumn } from "./streamtable.js";

const TEXT = 0;
const DOUBLES = 1;
const ONE_VALUE = 2;
const LISTED = 3;
const UNIT = 4;
const SPARSE = 128;

/** A value is a whole number divided by both. */
const UNITS: readonly (readonly [number, number])[] = [
  [1, 1],
  [4096, 1],
  [256, 1e9],
];
/** The columns as bytes; those in which there is nothing are left out. */
export function writeColumns({ numbers, texts }: Columns, rows: number): Buffer {
  const columns: WrittenColumn[] = [];
  for (const [name, values] of numbers) columns.push({ name, values });
  for (const [name, column] of texts) columns.push({ name, values: column.numbers, texts: column.list });
  return addon.writeColumns({ rows, columns });
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
    texts.set(name, new TextColumn(readNumbers(reader, rows), list));
  }
  return { numbers, texts, rows, end: reader.at };
}
