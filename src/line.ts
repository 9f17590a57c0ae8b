// SPDX-License-Identifier: MIT
/** A point in line protocol, byte for byte as npm influx writes it. */
import { FieldType, type IPoint } from "influx";
import { SCHEMA } from "./point.js";

const TYPES = new Map(SCHEMA.map(({ measurement, fields }) => [measurement, fields]));
const FIELD_NAMES = new Map(SCHEMA.map(({ measurement, fields }) => [measurement, Object.keys(fields).sort()]));

const escapeTag = (text: string): string => text.replace(/[,= ]/g, "\\$&");
const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

function formatField(value: unknown, type: FieldType | undefined): string {
  if (type === FieldType.STRING || typeof value === "string") return quote(String(value));
  return type === FieldType.INTEGER ? `${value}i` : String(value);
}

/** One line, without its end. The point is of `samplePoints`, which checks what this would have to. */
export function formatLine({ measurement = "", tags = {}, fields = {}, timestamp }: IPoint): string {
  const types = TYPES.get(measurement) ?? {};
  const names = FIELD_NAMES.get(measurement) ?? Object.keys(fields).sort();
  const tagText = Object.entries(tags)
    .map(([name, value]) => `,${escapeTag(name)}=${escapeTag(value)}`)
    .join("");
  const fieldText = names
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${escapeTag(name)}=${formatField(fields[name], types[name])}`)
    .join(",");
  return `${measurement}${tagText} ${fieldText} ${timestamp}`;
}
