// SPDX-License-Identifier: MIT
/** Records of no known schema as flat names and values. */
import { formatRow } from "../csv.js";
import type { Raw } from "./record.js";

export type Scalar = number | string | boolean;

const MAX_DEPTH = 8;
/** More than any record has that was ever seen: one from a hostile proxy does not fill the database. */
const MAX_FIELDS = 1000;

/** `{"a": {"b": 1}, "c": [true, null]}` as a.b → 1, c.0 → true. Null and numbers that are not finite are absent. */
export function flattenRecord(record: Raw): Map<string, Scalar> {
  const flat = new Map<string, Scalar>();
  const visit = (value: unknown, name: string, depth: number): void => {
    if (flat.size >= MAX_FIELDS) return;
    if (typeof value === "number" ? Number.isFinite(value) : ["string", "boolean"].includes(typeof value)) {
      flat.set(name, value as Scalar);
    } else if (typeof value === "object" && value !== null && depth < MAX_DEPTH) {
      for (const [key, inner] of Object.entries(value)) visit(inner, name === "" ? key : `${name}.${key}`, depth + 1);
    }
  };
  visit(record, "", 0);
  return flat;
}

/** Lines of CSV (RFC 4180, without line ends): a column for every name in any of the records, `time` first. */
export function formatCsv(records: readonly Raw[]): string[] {
  const rows = records.map(flattenRecord);
  const names = [...new Set(["time", ...rows.flatMap((row) => [...row.keys()])])];
  return [formatRow(names), ...rows.map((row) => formatRow(names.map((name) => row.get(name))))];
}
