// SPDX-License-Identifier: MIT
import { parseDuration, quoteText } from "../duration.js";
import { RtcprobeError } from "../errors.js";

/**
 * Reads the value of a flag, and gives the flag's name to an error in it.
 * @throws RtcprobeError ERR_USAGE
 */
export function readFlag<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RtcprobeError)) throw error;
    throw new RtcprobeError("ERR_USAGE", `${flag}: ${error.message}`, error.hint);
  }
}

/** Longest time that a timer can wait. */
const MAX_MS = 2 ** 31 - 1;

function readDuration(flag: string, text: string, least: string, most: number, shown: string): number {
  return readFlag(flag, () => {
    const ms = parseDuration(text);
    if (ms >= parseDuration(least) && ms <= most) return ms;
    throw new RtcprobeError("ERR_USAGE", `${quoteText(text)} is out of range`, `it must be ${least} ${shown}`);
  });
}

/**
 * Milliseconds of a flag that is a time to wait, if it was given.
 * @throws RtcprobeError ERR_USAGE
 */
export function readDurationFlag(flag: string, text: string | undefined, least: string): number | undefined {
  return text === undefined ? undefined : readDuration(flag, text, least, MAX_MS, "to 24d");
}

/**
 * Milliseconds of a flag that says how long ago, if it was given.
 * @throws RtcprobeError ERR_USAGE
 */
export function readAgeFlag(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : readDuration(flag, text, "1s", Number.POSITIVE_INFINITY, "or more");
}
