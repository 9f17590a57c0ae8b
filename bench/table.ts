// SPDX-License-Identifier: MIT
/** One part's figures: the JSON object on standard output, a table for people on standard error. */
import type { Part } from "./figure.js";

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

export function printPart(part: Part): void {
  const rows = part.figures.map(({ name, unit, median, spread, better, bar, stretch, ok, missed, note }) => [
    name,
    `${number(median)} ${unit}`,
    `${number(spread[0])} to ${number(spread[1])}`,
    bar === undefined ? "" : `${better === "less" ? "≤" : "≥"} ${bar}${stretch === undefined ? "" : ` (${stretch})`}`,
    missed ? `MISSED ${missed}` : bar === undefined ? "" : ok ? "holds" : "DOES NOT HOLD",
    note ?? "",
  ]);
  const table = [["figure", "median", "quartiles", "bar (stretch)", "", ""], ...rows];
  const widths = table[0]?.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0))) ?? [];
  for (const row of table)
    console.error(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  for (const { name, reason } of part.skipped) console.error(`${name}: skipped, ${reason}`);
  console.log(JSON.stringify(part));
}
