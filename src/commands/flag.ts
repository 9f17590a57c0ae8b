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

/**
 * Milliseconds of a flag that is a duration, if it was given.
 * @throws RtcprobeError ERR_USAGE
 */
export function readDurationFlag(flag: string, text: string | undefined, least: string): number | undefined {
  if (text === undefined) return undefined;
  return readFlag(flag, () => {
    const ms = parseDuration(text);
    if (ms >= parseDuration(least) && ms <= MAX_MS) return ms;
    throw new RtcprobeError("ERR_USAGE", `${quoteText(text)} is out of range`, `it must be ${least} to 24d`);
  });
}
