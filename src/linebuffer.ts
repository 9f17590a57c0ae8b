// SPDX-License-Identifier: MIT
/** Bytes of line protocol, written digit by digit: a string per number would be most of the time that a point takes. */

const CAPACITY = 16_384;
const WORD_BYTES = 8;
/** Of any number as JavaScript writes it, with its sign. */
const NUMBER_BYTES = 32;
/** Below 2^52 two doubles that are neighbours are less than 1 apart. */
const EXACT = 2 ** 52;
/** 1 to 1e17, each exact. */
const POWERS = Float64Array.from({ length: 18 }, (_, i) => 10 ** i);
/** JavaScript writes what is smaller with an exponent. */
const LEAST_DECIMAL = 1e-6;

const ZERO = 48;
const POINT = 46;
const MINUS = 45;
const QUOTE = 34;

function countDigits(value: number): number {
  let digits = 1;
  while (value >= (POWERS[digits] as number)) digits++;
  return digits;
}

/** The most decimal places of which all digits are below 2^52; -1 if there are none. */
function placesOf(value: number): number {
  if (value < 0.045) return 17;
  if (value < 4.5) return 15;
  if (value < 450) return 13;
  if (value < 4.5e5) return 10;
  if (value < 4.5e8) return 7;
  return value < 4.5e12 ? 3 : -1;
}

/** The last `count` decimal digits of a whole number below 2^53, zeros before them. */
function putDigits(bytes: Uint8Array, begin: number, value: number, count: number): void {
  let rest = value;
  let at = begin + count;
  // Eight digits at a time, for which the arithmetic is of 32-bit integers.
  while (at - begin > 8) {
    const whole = Math.floor(rest / 1e8);
    at = putSmall(bytes, at - 8, rest - whole * 1e8, 8);
    rest = whole;
  }
  putSmall(bytes, begin, rest, at - begin);
}

function putSmall(bytes: Uint8Array, begin: number, value: number, count: number): number {
  let rest = value | 0;
  for (let at = begin + count - 1; at >= begin; at--) {
    const tens = (rest / 10) | 0;
    bytes[at] = ZERO + rest - tens * 10;
    rest = tens;
  }
  return begin;
}

/**
 * Text that is added again and again, in words of eight bytes: to copy it byte by byte takes three times as long. The words are
 * doubles, which a view writes at any place; none is NaN, of which the bits need not be kept, for UTF-8 has no byte of 255,
 * and none of 127 behind one of 240 or more.
 */
export class Phrase {
  readonly length: number;
  readonly words: Float64Array;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    const padded = Buffer.alloc(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
    bytes.copy(padded);
    this.length = bytes.length;
    this.words = Float64Array.from({ length: padded.length / WORD_BYTES }, (_, i) =>
      padded.readDoubleLE(i * WORD_BYTES),
    );
  }
}

export class LineBuffer {
  #bytes: Buffer;
  #view: DataView;
  #length = 0;

  /** @param capacity - bytes that it can hold before it has to grow */
  constructor(capacity = CAPACITY) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What was added. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  toString(): string {
    return this.bytes.toString("utf8");
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

  addPhrase({ words, length }: Phrase): void {
    this.#reserve(length + WORD_BYTES);
    for (let i = 0; i < words.length; i++) {
      this.#view.setFloat64(this.#length + i * WORD_BYTES, words[i] as number, true);
    }
    this.#length += length;
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
    if (value < 0) {
      this.#bytes[this.#length++] = MINUS;
      this.#addPositive(-value);
    } else {
      this.#addPositive(value);
    }
  }

  #addPositive(value: number): void {
    if (Number.isSafeInteger(value)) this.#addWhole(value);
    else if (value < LEAST_DECIMAL || !this.#addDecimal(value)) {
      this.#length += this.#bytes.write(String(value), this.#length, "latin1");
    }
  }

  #addWhole(value: number): void {
    const digits = countDigits(value);
    putDigits(this.#bytes, this.#length, value, digits);
    this.#length += digits;
  }

  /** @returns false if the number has more digits than can be told in this way */
  #addDecimal(value: number): boolean {
    const places = placesOf(value);
    if (places < 0) return false;
    const scale = POWERS[places] as number;
    const scaled = Math.round(value * scale);
    // Of decimals with so many places only one is this double, so no shorter one is, and String would write the same.
    if (scaled >= EXACT || scaled / scale !== value) return false;
    const whole = Math.floor(value);
    this.#addWhole(whole);
    this.#bytes[this.#length++] = POINT;
    putDigits(this.#bytes, this.#length, scaled - whole * scale, places);
    this.#length += places;
    while (this.#bytes[this.#length - 1] === ZERO) this.#length--;
    return true;
  }

  #reserve(room: number): void {
    if (this.#length + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + room));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
