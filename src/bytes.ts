// SPDX-License-Identifier: MIT
/** Numbers and texts in bytes, one after the other and little-endian. */
import type { NumberColumn } from "./streamtable.js";

export class ByteWriter {
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

/** Throws a RangeError where the bytes end too early. */
export class ByteReader {
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
