// SPDX-License-Identifier: MIT
/** Daily's records as points of InfluxDB: any names, and types that cannot change. */
import type { IPoint } from "influx";
import { flattenRecord, type Scalar } from "../daily/flat.js";
import { type DailyMetric, type Raw, readMetrics } from "../daily/record.js";
import { dailyRoundTripPoint } from "../point.js";
import { sanitizeTag } from "../tag.js";
import type { Call } from "./call.js";
import type { Reading } from "./reading.js";

export const MEASUREMENT = "daily_metrics";

/** Names that are the time or a tag already. */
const TAKEN = new Set(["time", "mtgSessionId", "userSessionId", "meeting", "participant"]);
/** InfluxDB takes texts of 64 KiB. */
const MAX_TEXT = 4096;

/** A server takes a quote in a field's name for the begin of a text, and a backslash before a comma or a sign for its escape. */
function sanitizeName(name: string): string | undefined {
  return sanitizeTag(name)?.replace(/["\\]/g, "\ufffd");
}

/** A number is a float under its name, and all else a text under its name and `.text`: one name never has two types. */
function fieldOf(name: string, value: Scalar): [string, number | string] | undefined {
  const safe = sanitizeName(name);
  if (safe === undefined || TAKEN.has(safe)) return undefined;
  if (typeof value === "number") return [safe, value];
  return [`${safe}.text`, sanitizeTag(String(value).slice(0, MAX_TEXT)) ?? ""];
}

function metricPoint({ raw, time, mtgSessionId, userSessionId }: DailyMetric, call: Call, extraNs: number): IPoint {
  const fields = Object.fromEntries(
    [...flattenRecord(raw)].map(([name, value]) => fieldOf(name, value)).filter((field) => field !== undefined),
  );
  const meeting = sanitizeTag(mtgSessionId ?? call.meeting ?? "");
  const participant = sanitizeTag(userSessionId ?? call.participant ?? "");
  const tags = { ...(meeting === undefined ? {} : { meeting }), ...(participant === undefined ? {} : { participant }) };
  return { measurement: MEASUREMENT, tags, fields, timestamp: String(BigInt(time.ns) + BigInt(extraNs)) };
}

/**
 * A point per record, at its own time. The host is no tag: whoever fetches the same meeting writes the same points. Two
 * records of one participant at one time would be one point; the second moves by a nanosecond, and the same ones always do.
 */
export function metricPoints(raws: readonly Raw[], call: Call): IPoint[] {
  const unique = new Map(raws.map((raw) => [JSON.stringify(raw), raw]));
  const ordered = [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, raw]) => raw);
  const taken = new Map<string, number>();
  return readMetrics(ordered)
    .records.map((metric) => {
      const series = `${metric.mtgSessionId}\n${metric.userSessionId}\n${metric.time.ns}`;
      const before = taken.get(series) ?? 0;
      taken.set(series, before + 1);
      return metricPoint(metric, call, before);
    })
    .filter(({ fields }) => Object.keys(fields ?? {}).length > 0);
}

/** Daily's round trips of stretches that have none of this host's. */
export function fallbackPoints(readings: readonly Reading[], { place }: Call, host: string): IPoint[] {
  return readings.flatMap(({ timeNs, roundTripTime }) =>
    roundTripTime === undefined ? [] : [dailyRoundTripPoint(place, host, timeNs, roundTripTime)],
  );
}
