// SPDX-License-Identifier: MIT
/** InfluxQL for panels and variables. The SDK knows no queries of InfluxDB. */
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import type { RttSource } from "../src/stats.js";

/** Reference to the datasource that the reader of the dashboard chooses. */
export const DATASOURCE = { type: "influxdb", uid: "$datasource" };

interface InfluxQuery extends Dataquery {
  refId: string;
  datasource: typeof DATASOURCE;
  query: string;
  rawQuery: true;
  resultFormat: "time_series";
  /** Name of each series; `$tag_comm` is the value of the tag, `$col` the name of the column. */
  alias: string;
}

export class QueryBuilder implements Builder<Dataquery> {
  readonly #query: Omit<InfluxQuery, "_implementsDataqueryVariant">;

  constructor(refId: string, query: string, alias: string) {
    this.#query = { refId, datasource: DATASOURCE, query, rawQuery: true, resultFormat: "time_series", alias };
  }

  build(): InfluxQuery {
    return { ...this.#query, _implementsDataqueryVariant: () => {} };
  }
}

/**
 * A tag held against a variable. The format is given, for without it Grafana's versions differ in what they escape and
 * whether several values are put in brackets.
 */
function tagMatches(tag: string, variable: string): string {
  return `"${tag}" =~ /^\${${variable}:regex}$/`;
}

const HOST = tagMatches("host", "host");
const PROCESS = tagMatches("comm", "process");
const PEER = tagMatches("peer", "peer");
const MEETING = tagMatches("meeting", "meeting");

/** Each series by itself: whatever tags tell two streams apart keep doing so here. */
const BY_SERIES = "GROUP BY time($__interval), * fill(none)";

export function selectStreams(expression: string, measurement: string, only = ""): string {
  const where = [HOST, PROCESS, PEER, only].filter((condition) => condition !== "").join(" AND ");
  return `SELECT ${expression} FROM "${measurement}" WHERE $timeFilter AND ${where} ${BY_SERIES}`;
}

export function selectHosts(expression: string, measurement: string): string {
  return `SELECT ${expression} FROM "${measurement}" WHERE $timeFilter AND ${HOST} ${BY_SERIES}`;
}

/** Round trips of one source: `rttSource` is a field, which stands in the same point. */
export function selectRoundTrips(source: RttSource): string {
  const only = `"rttSource" = '${source}'`;
  return selectStreams('mean("currentRoundTripTime") AS "currentRoundTripTime"', "candidate_pair", only);
}

/** Daily's records have no host and no process: they are of whole meetings. */
export function selectMetrics(expression: string): string {
  return `SELECT ${expression} FROM "daily_metrics" WHERE $timeFilter AND ${MEETING} ${BY_SERIES}`;
}

/**
 * What a total grew by, over what its count grew by: the mean of what was measured in each interval. Nothing measured is no
 * value, not zero; division by zero is zero in InfluxQL.
 */
export function selectMean(total: string, count: string, measurement: string): string {
  const growth = (field: string, name: string) => `non_negative_difference(last("${field}")) AS "${name}"`;
  const inner = selectStreams(`${growth(total, "total")}, ${growth(count, "count")}`, measurement);
  return `SELECT "total" / "count" AS "mean" FROM (${inner}) WHERE "count" > 0 GROUP BY *`;
}

export const HOST_VALUES = 'SHOW TAG VALUES FROM "rtcprobe" WITH KEY = "host"';

const EVERY_MEASUREMENT = '"inbound_rtp", "outbound_rtp", "candidate_pair"';

export const PROCESS_VALUES = `SHOW TAG VALUES FROM ${EVERY_MEASUREMENT} WITH KEY = "comm" WHERE ${HOST}`;
export const PEER_VALUES = `SHOW TAG VALUES FROM ${EVERY_MEASUREMENT} WITH KEY = "peer" WHERE ${HOST} AND ${PROCESS}`;
export const MEETING_VALUES = 'SHOW TAG VALUES FROM "daily_metrics" WITH KEY = "meeting"';
