// SPDX-License-Identifier: MIT
/** Values of settings and flags, as text or as YAML makes them. */
import { parseWhole, quoteText } from "./duration.js";
import { RtcprobeError } from "./errors.js";

export function refuse(message: string, hint?: string): never {
  throw new RtcprobeError("ERR_USAGE", message, hint);
}

/** The text of a scalar; YAML makes numbers of what a flag gives as text. */
export function scalarText(value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  if (typeof value === "number") return String(value);
  return refuse(value === null || value === "" ? "has no value" : "must be one value");
}

/** Items of a list that is given as a YAML sequence, as a repeated flag, or separated by commas. */
export function listItems(value: unknown): string[] {
  const parts = Array.isArray(value) ? value.map(scalarText) : [scalarText(value)];
  return parts.flatMap((part) => part.split(",")).map((part) => part.trim());
}

function readClockRate(entry: string): [number, number] {
  const [type = "", rate = "", ...rest] = entry.split("=");
  if (rest.length > 0 || type === "" || rate === "") {
    refuse(`${quoteText(entry)} is no clock rate`, "write for example 96=48000");
  }
  const [payloadType, hertz] = [parseWhole(type), parseWhole(rate)];
  if (payloadType > 127) refuse(`payload type ${payloadType} is out of range`, "it must be 0 to 127");
  if (hertz < 1000 || hertz > 1_000_000) {
    refuse(`clock rate ${hertz} is out of range`, "it must be 1000 to 1000000 Hz");
  }
  return [payloadType, hertz];
}

/**
 * "96=48000,111=48000", a list of such, or a map, as { 96: 48000, … }.
 * @throws RtcprobeError ERR_USAGE
 */
export function parseClockRates(value: unknown): Record<number, number> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = isMap ? Object.entries(value).map(([type, rate]) => `${type}=${scalarText(rate)}`) : listItems(value);
  return Object.fromEntries(entries.map(readClockRate));
}
