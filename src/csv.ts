// SPDX-License-Identifier: MIT

/** One line of CSV (RFC 4180), without its end; an absent value is an empty cell. */
export function formatRow(cells: readonly (number | string | boolean | undefined)[]): string {
  return cells
    .map((cell) => {
      const text = cell === undefined ? "" : String(cell);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(",");
}
