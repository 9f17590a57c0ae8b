// SPDX-License-Identifier: MIT
/** A point in line protocol, byte for byte as npm influx writes it, which takes twice as long. */
import { FieldType, type IPoint } from "influx";
import { SCHEMA } from "./point.js";

const escapeTag = (text: string): string => text.replace(/[,= ]/g, "\\$&");
const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

interface Field {
  name: string;
  /** Of what is before the value, all. */
  assignment: string;
  type: FieldType | undefined;
}

function sortFields(names: readonly string[], types: Readonly<Record<string, FieldType>>): Field[] {
  return names.toSorted().map((name) => ({ name, assignment: `${escapeTag(name)}=`, type: types[name] }));
}

const FIELDS = new Map(SCHEMA.map(({ measurement, fields }) => [measurement, sortFields(Object.keys(fields), fields)]));

function formatField(value: unknown, type: FieldType | undefined): string {
  if (type === FieldType.STRING || typeof value === "string") return quote(String(value));
  return type === FieldType.INTEGER ? `${value}i` : String(value);
}

function formatTags(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([name, value]) => `,${escapeTag(name)}=${escapeTag(value)}`)
    .join("");
}

/** Of tags that are used again, as those of a SeriesBook are. */
const TAG_TEXTS = new WeakMap<object, string>();

/** Measurement and tags: what the points of one series have in common. */
export function formatSeries({ measurement = "", tags = {} }: IPoint): string {
  let text = TAG_TEXTS.get(tags);
  if (text === undefined) {
    text = formatTags(tags);
    TAG_TEXTS.set(tags, text);
  }
  return measurement + text;
}

/** Fields and time, with the blank before them. The point is of `samplePoints`, which checks what this would have to. */
export function formatValues({ measurement = "", fields = {}, timestamp }: IPoint): string {
  let text = "";
  for (const { name, assignment, type } of FIELDS.get(measurement) ?? sortFields(Object.keys(fields), {})) {
    const value = fields[name];
    if (value === undefined) continue;
    text += `${text === "" ? " " : ","}${assignment}${formatField(value, type)}`;
  }
  return `${text} ${timestamp}`;
}

/** One line, without its end. */
export function formatLine(point: IPoint): string {
  return formatSeries(point) + formatValues(point);
}
