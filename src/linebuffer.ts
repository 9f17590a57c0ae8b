// SPDX-License-Identifier: MIT
/** Bytes of line protocol, written digit by digit: a string per number would be most of the time that a point takes. */

const CAPACITY = 16_384;
/** Up to here a loop is faster than a call. */
const FEW_BYTES = 48;
/** Of any number as JavaScript writes it, with its sign and an "i". */
const NUMBER_BYTES = 32;
/** A double tells decimals of this many digits apart, whatever they are: 2^52. */
const EXACT = 2 ** 52;
/** Decimal places that our units have: milliseconds with microseconds, seconds with nanoseconds. */
const SCALES = [1e3, 1e9];

const ZERO = 48;
const QUOTE = 34;
const BACKSLASH = 92;

export class LineBuffer {
  #bytes = Buffer.allocUnsafe(CAPACITY);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  /** Of the bytes since `clear`. */
  toString(): string {
    return this.#bytes.toString("utf8", 0, this.#length);
  }

  addBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    if (bytes.length > FEW_BYTES) this.#bytes.set(bytes, this.#length);
    else for (let i = 0; i < bytes.length; i++) this.#bytes[this.#length + i] = bytes[i] as number;
    this.#length += bytes.length;
  }

  /** In quotes, with the escapes of a field's value. */
  addQuoted(text: string): void {
    this.#reserve(6 * text.length + 2);
    this.#byte(QUOTE);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 128) {
        this.#length += this.#bytes.write(text.slice(i).replace(/["\\]/g, "\\$&"), this.#length, "utf8");
        break;
      }
      if (code === QUOTE || code === BACKSLASH) this.#byte(BACKSLASH);
      this.#byte(code);
    }
    this.#byte(QUOTE);
  }

  /** As String does; the number is finite. */
  addNumber(value: number): void {
    this.#reserve(NUMBER_BYTES);
    if (value < 0) {
      this.#byte(45);
      this.#addPositive(-value);
    } else {
      this.#addPositive(value);
    }
  }

  #addPositive(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.#addWhole(value, 1);
      return;
    }
    for (const scale of value < 1e-6 ? [] : SCALES) {
      const scaled = Math.round(value * scale);
      // Then no shorter decimal is this double, and String would write the same.
      if (scaled >= EXACT || scaled / scale !== value) continue;
      const whole = Math.floor(scaled / scale);
      this.#addWhole(whole, 1);
      this.#byte(46);
      this.#addWhole(scaled - whole * scale, scale / 10);
      while (this.#bytes[this.#length - 1] === ZERO) this.#length--;
      return;
    }
    this.#length += this.#bytes.write(String(value), this.#length, "latin1");
  }

  /** @param least - the power of ten that the first digit stands for at the least: zeros come before a smaller value */
  #addWhole(value: number, least: number): void {
    let power = least;
    while (value >= power * 10) power *= 10;
    let rest = value;
    for (; power > 1e8; power /= 10) {
      const digit = Math.floor(rest / power);
      this.#byte(ZERO + digit);
      rest -= digit * power;
    }
    // From here on the arithmetic is of 32-bit integers.
    for (let small = power | 0, left = rest | 0; small >= 1; small = (small / 10) | 0) {
      const digit = (left / small) | 0;
      this.#byte(ZERO + digit);
      left -= digit * small;
    }
  }

  #byte(code: number): void {
    this.#bytes[this.#length++] = code;
  }

  #reserve(room: number): void {
    if (this.#length + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + room));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
