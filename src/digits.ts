// SPDX-License-Identifier: MIT
/** Numbers as JavaScript writes them, digit by digit into bytes: a string per number would be most of the time that a point takes. */

/** Of any number, with its sign. */
export const NUMBER_BYTES = 32;

const ZERO = 48;
const POINT = 46;
const MINUS = 45;

/** Below 2^52 two doubles that are neighbours are less than 1 apart. */
const EXACT = 2 ** 52;
/** JavaScript writes what is smaller with an exponent. */
const LEAST_DECIMAL = 1e-6;
/** 1 to 1e17, each exact. */
const POWERS = Float64Array.from({ length: 18 }, (_, i) => 10 ** i);

/** @returns where it ends */
export function putNumber(bytes: Uint8Array, begin: number, value: number): number {
  let at = begin;
  if (value < 0) bytes[at++] = MINUS;
  const size = Math.abs(value);
  if (Number.isSafeInteger(size)) return putWhole(bytes, at, size);
  const end = size < LEAST_DECIMAL ? at : putDecimal(bytes, at, size);
  if (end > at) return end;
  const text = String(size);
  for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  return at;
}

/** Of a whole number from 0 to 2^53. */
function putWhole(bytes: Uint8Array, begin: number, value: number): number {
  if (value < 10) {
    bytes[begin] = ZERO + value;
    return begin + 1;
  }
  let digits = 2;
  while (value >= (POWERS[digits] as number)) digits++;
  return putDigits(bytes, begin, value, digits);
}

/** The last `count` decimal digits of a whole number below 2^53, zeros before them. */
function putDigits(bytes: Uint8Array, begin: number, value: number, count: number): number {
  const end = begin + count;
  let at = end;
  let rest = value;
  // Eight digits at a time, for which the arithmetic is of 32-bit integers.
  for (; at - begin > 8; at -= 8) {
    const whole = Math.floor(rest / 1e8);
    putSmall(bytes, at - 8, at, (rest - whole * 1e8) | 0);
    rest = whole;
  }
  putSmall(bytes, begin, at, rest | 0);
  return end;
}

function putSmall(bytes: Uint8Array, begin: number, end: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= begin; at--) {
    const tens = (rest / 10) | 0;
    bytes[at] = ZERO + rest - tens * 10;
    rest = tens;
  }
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

/** @returns where it began if the number has more digits than can be told in this way */
function putDecimal(bytes: Uint8Array, begin: number, value: number): number {
  const places = placesOf(value);
  if (places < 0) return begin;
  const scale = POWERS[places] as number;
  const scaled = Math.round(value * scale);
  // Of decimals with so many places only one is this double, so no shorter one is, and String would write the same.
  if (scaled >= EXACT || scaled / scale !== value) return begin;
  const whole = Math.floor(value);
  const point = putWhole(bytes, begin, whole);
  bytes[point] = POINT;
  let end = putDigits(bytes, point + 1, scaled - whole * scale, places);
  while (bytes[end - 1] === ZERO) end--;
  return end;
}
