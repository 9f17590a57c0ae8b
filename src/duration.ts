// SPDX-License-Identifier: MIT
/** Quantities as people write them. A text is read whole or refused: `12abc` is not 12. */
import { RtcprobeError } from "./errors.js";

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

function readQuantity(text: string, units: Readonly<Record<string, number>>, bareUnit: string): number | undefined {
  const [, digits, unit = bareUnit] = /^(\d{1,15}(?:\.\d{1,9})?)\s?([A-Za-z]+)?$/.exec(text.trim()) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** A text quoted for an error line, no longer than a line bears. */
export function quoteText(text: string): string {
  return `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;
}

/**
 * "500ms", "1s", "1.5m", "2h" or "7d" in milliseconds; a bare number is seconds.
 * @throws RtcprobeError ERR_USAGE
 */
export function parseDuration(text: string): number {
  const ms = readQuantity(text, MS_PER_UNIT, "s");
  if (ms === undefined) {
    throw new RtcprobeError("ERR_USAGE", `${quoteText(text)} is no duration`, "write for example 500ms, 1s, 5m or 7d");
  }
  return ms;
}

/**
 * "256MiB", "1GB" or a bare number of bytes.
 * @throws RtcprobeError ERR_USAGE
 */
export function parseBytes(text: string): number {
  const bytes = readQuantity(text, BYTES_PER_UNIT, "B");
  if (bytes === undefined || !Number.isSafeInteger(bytes)) {
    throw new RtcprobeError("ERR_USAGE", `${quoteText(text)} is no size`, "write for example 256MiB or 1GB");
  }
  return bytes;
}

/**
 * A whole number, without sign.
 * @throws RtcprobeError ERR_USAGE
 */
export function parseWhole(text: string): number {
  const number = /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
  if (number === undefined) throw new RtcprobeError("ERR_USAGE", `${quoteText(text)} is no whole number`);
  return number;
}
