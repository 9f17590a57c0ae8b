// SPDX-License-Identifier: MIT
/** Numbers and texts from bytes, one after the other and little-endian. */
import type { NumberColumn } from "./streamtable.js";

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
