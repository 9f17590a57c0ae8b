// SPDX-License-Identifier: MIT
/** Text of a server for a line of ours. Pure. */

/** What no line may show, and what it is called; of two that begin at the same place, the first is seen. */
export type Secrets = readonly (readonly [name: string, secret: string])[];

const LINE_LENGTH = 200;

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** As servers and what stands between repeat a character: as it is, in JSON, in a URL or a form, or in a URL within a URL. */
function spell(character: string): string {
  const bytes = [...Buffer.from(character)].map((byte) => `%(?:25)*${byte.toString(16).padStart(2, "0")}`);
  const units = character.split("").map((unit) => `\\\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const plain = [character, JSON.stringify(character).slice(1, -1), ...(character === " " ? ["+"] : [])];
  return `(?:${[...plain.map(escapePattern), bytes.join(""), units.join("")].join("|")})`;
}

/** One line, without the secrets even if the server repeats them. */
export function cleanText(text: string, secrets: Secrets): string {
  const known = secrets.filter(([, secret]) => secret !== "");
  const pattern = known.map(([, secret]) => `(${Array.from(secret, spell).join("")})`).join("|");
  const hide = (_: string, ...groups: unknown[]): string =>
    `[${known[groups.findIndex((group) => group !== undefined)]?.[0]}]`;
  const hidden = known.length === 0 ? text : text.replace(new RegExp(pattern, "gi"), hide);
  const line = hidden.replace(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line;
}
