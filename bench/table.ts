// SPDX-License-Identifier: MIT
/** One part's figures: the JSON object on standard output, a table for people on standard error. */
import type { Part } from "./figure.js";

/** Three digits that count, thousands apart. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(digits, 6)).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, " ");
}

export function printPart(part: Part): void {
  const rows = part.figures.map(({ name, unit, median, spread, better, bar, stretch, ok, missed, note }) => [
    name,
    `${formatValue(median)} ${unit}`,
    `${formatValue(spread[0])} to ${formatValue(spread[1])}`,
    bar === undefined
      ? ""
      : `${better === "less" ? "≤" : "≥"} ${formatValue(bar)}${stretch === undefined ? "" : ` (${formatValue(stretch)})`}`,
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
