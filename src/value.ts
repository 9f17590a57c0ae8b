// SPDX-License-Identifier: MIT
/** Values of settings and flags, as text or as YAML makes them. */
import { type Codec, parseEncoding } from "./codec.js";
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

/** "96=…": a payload type and what is said of it. */
function readEntry(entry: string, what: string, example: string): [payloadType: number, text: string] {
  const [type = "", text = "", ...rest] = entry.split("=");
  if (rest.length > 0 || type === "" || text === "") {
    refuse(`${quoteText(entry)} is no ${what}`, `write for example ${example}`);
  }
  const payloadType = parseWhole(type);
  if (payloadType > 127) refuse(`payload type ${payloadType} is out of range`, "it must be 0 to 127");
  return [payloadType, text];
}

/** Entries of "96=…,111=…", of a list of such, or of a map { 96: … }. */
function readEntries(value: unknown): string[] {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? Object.entries(value).map(([type, text]) => `${type}=${scalarText(text)}`) : listItems(value);
}

function readClockRate(entry: string): [number, number] {
  const [payloadType, rate] = readEntry(entry, "clock rate", "96=48000");
  const hertz = parseWhole(rate);
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
  return Object.fromEntries(readEntries(value).map(readClockRate));
}

function readCodec(entry: string): [number, Codec] {
  const [payloadType, text] = readEntry(entry, "payload type", "111=opus/48000/2");
  const [, kind, encoding = ""] = /^(?:(audio|video)\/)?(.*)$/.exec(text) ?? [];
  const codec = parseEncoding(encoding, kind);
  if (codec === undefined) refuse(`${quoteText(text)} is no codec`, "write for example opus/48000/2 or VP8/90000");
  return [payloadType, codec as Codec];
}

/**
 * "111=opus/48000/2,96=VP8/90000", a list of such, or a map, as { 96: VP8/90000, … }.
 * @throws RtcprobeError ERR_USAGE
 */
export function parsePayloadTypes(value: unknown): Record<number, Codec> {
  return Object.fromEntries(readEntries(value).map(readCodec));
}
