// SPDX-License-Identifier: MIT
/** Bytes of line protocol, as they grow. */
import { NUMBER_BYTES, putNumber } from "./digits.js";

const CAPACITY = 16_384;
const WORD_BYTES = 8;
const QUOTE = 34;

/**
 * Text that is added again and again, in words of eight bytes: to copy it byte by byte takes three times as long. The words are
 * doubles, which a view writes at any place; none is NaN, of which the bits need not be kept, for UTF-8 has no byte of 255,
 * and none of 127 behind one of 240 or more.
 */
export class Phrase {
  readonly length: number;
  /** No typed array, for each of these is one more thing to clear away outside of V8's heap, and a series has one. */
  readonly words: readonly number[];

  constructor(text: string) {
    const bytes = Buffer.from(text);
    const padded = Buffer.alloc(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
    bytes.copy(padded);
    this.length = bytes.length;
    this.words = Array.from({ length: padded.length / WORD_BYTES }, (_, i) => padded.readDoubleLE(i * WORD_BYTES));
  }
}

export class LineBuffer {
  #bytes: Buffer;
  #view: DataView;
  #length = 0;

  /** @param bytes - memory that it begins with */
  constructor(bytes: Buffer = Buffer.allocUnsafeSlow(CAPACITY)) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get length(): number {
    return this.#length;
  }

  /** All its memory, of which what was added is the begin. */
  get memory(): Buffer {
    return this.#bytes;
  }

  toString(): string {
    return this.#bytes.toString("utf8", 0, this.#length);
  }

  /** Forgets what was added after it was so long. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Puts another byte in the place of one that was added. */
  replace(at: number, byte: number): void {
    this.#bytes[at] = byte;
  }

  addByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  addPhrase(phrase: Phrase): void {
    this.#reserve(phrase.length + WORD_BYTES);
    const { words } = phrase;
    const view = this.#view;
    const begin = this.#length;
    for (let i = 0; i < words.length; i++) view.setFloat64(begin + i * WORD_BYTES, words[i] as number, true);
    this.#length = begin + phrase.length;
  }

  /** In quotes, with the escapes of a field's value. */
  addQuoted(text: string): void {
    const escaped = text.replace(/["\\]/g, "\\$&");
    this.#reserve(3 * escaped.length + 2);
    this.#bytes[this.#length++] = QUOTE;
    this.#length += this.#bytes.write(escaped, this.#length, "utf8");
    this.#bytes[this.#length++] = QUOTE;
  }

  /** As String does; the number is finite. */
  addNumber(value: number): void {
    this.#reserve(NUMBER_BYTES);
    this.#length = putNumber(this.#bytes, this.#length, value);
  }

  #reserve(room: number): void {
    if (this.#length + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + room));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
