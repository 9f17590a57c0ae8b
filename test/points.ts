// SPDX-License-Identifier: MIT
/** The lines of a sample, read back by the rules of InfluxDB's line protocol reference. */
import type { IPoint } from "influx";
import { LineEncoder } from "../src/encoder.js";
import type { Sample } from "../src/stats.js";
import type { TagOptions } from "../src/tag.js";

const unescapeTag = (text: string): string => text.replace(/\\([,= ])/g, "$1");

function readTag(text: string): [string, string] {
  const at = text.search(/(?<!\\)=/);
  return [unescapeTag(text.slice(0, at)), unescapeTag(text.slice(at + 1))];
}

function readValue(text: string): number | string | boolean {
  if (text === "T" || text === "F") return text === "T";
  if (text.startsWith('"')) return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
  return Number(text.endsWith("i") ? text.slice(0, -1) : text);
}

export function parseLine(line: string): IPoint {
  const begin = line.search(/(?<!\\) /);
  const end = line.lastIndexOf(" ");
  const [measurement = "", ...tags] = line.slice(0, begin).split(/(?<!\\),/);
  const fields = line.slice(begin + 1, end).matchAll(/([^=,]+)=("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)/gs);
  return {
    measurement,
    tags: Object.fromEntries(tags.map(readTag)),
    fields: Object.fromEntries(Array.from(fields, ([, name = "", value = ""]) => [name, readValue(value)])),
    timestamp: line.slice(end + 1),
  };
}

/** What InfluxDB gets of a sample. */
export function samplePoints(sample: Sample, options: TagOptions, refuse?: (error: unknown) => void): IPoint[] {
  return [...new LineEncoder(options).encode(sample, refuse)].map(parseLine);
}
