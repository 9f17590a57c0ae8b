// SPDX-License-Identifier: MIT
/**
 * What Grafana does to a query before InfluxDB sees it, from its sources: variables by the front end (scenes'
 * formatRegistry), macros by the back end (pkg/tsdb/influxdb/models/query.go and gtime.FormatInterval).
 */
import { readFileSync } from "node:fs";

export interface Target {
  panel: string;
  refId: string;
  query: string;
}

export interface Variable {
  name: string;
  query: string;
  allValue: string;
}

/** Chosen values by variable; a variable that is not in it stands at "All". */
export type Selection = Record<string, string[]>;

export interface TimeRange {
  fromMs: number;
  toMs: number;
  intervalMs: number;
}

interface DashboardJson {
  panels: { title: string; targets?: { refId: string; query: string }[] }[];
  templating: { list: { type: string; name: string; query: string; allValue?: string }[] };
}

export interface DashboardQueries {
  targets: Target[];
  variables: Variable[];
}

export function readDashboard(path: URL): DashboardQueries {
  const dashboard = JSON.parse(readFileSync(path, "utf8")) as DashboardJson;
  return {
    targets: dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, query }) => ({ panel: title, refId, query })),
    ),
    variables: dashboard.templating.list.flatMap(({ type, name, query, allValue }) =>
      type === "query" ? [{ name, query, allValue: allValue ?? "" }] : [],
    ),
  };
}

const escapeRegex = (text: string): string => text.replace(/[\\^$*+?.()|[\]{}/]/g, "\\$&");

/** The format `regex`. A custom value of "All" is put in as it is. */
function formatRegex(values: string[]): string {
  const escaped = values.map(escapeRegex);
  return escaped.length === 1 ? (escaped[0] as string) : `(${escaped.join("|")})`;
}

export function expandVariables(query: string, variables: Variable[], selection: Selection): string {
  return query.replace(/\$\{(\w+):regex\}/g, (_, name: string) => {
    const variable = variables.find((one) => one.name === name);
    if (!variable) throw new Error(`the dashboard has no variable ${name}`);
    const chosen = selection[name];
    return chosen ? formatRegex(chosen) : variable.allValue;
  });
}

const UNITS: [string, number][] = [
  ["y", 365 * 86_400_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

function formatInterval(ms: number): string {
  const [unit, size] = UNITS.find(([, least]) => ms >= least) ?? ["ms", ms];
  return `${Math.floor(ms / size)}${unit}`;
}

export function expandMacros(query: string, { fromMs, toMs, intervalMs }: TimeRange): string {
  const interval = formatInterval(intervalMs);
  return query
    .replaceAll("$timeFilter", `time >= ${fromMs}ms and time <= ${toMs}ms`)
    .replaceAll("$interval", interval)
    .replaceAll("$__interval_ms", String(intervalMs))
    .replaceAll("$__interval", interval);
}
