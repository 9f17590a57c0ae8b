// SPDX-License-Identifier: MIT
/** Aligned text for a terminal. What is shown comes from outside: it is made harmless first. */

export interface Column {
  title: string;
  align?: "left" | "right";
}

/**
 * Control and format characters made visible: a process may call itself an escape sequence, and bidirectional marks would
 * swap the columns.
 */
export function makePrintable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) as number;
    return code > 0xff ? `\\u{${code.toString(16)}}` : `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function characterWidth(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** One style sequence of ours, or one character. */
const TOKENS = /\p{Cc}\[\d*m|[\s\S]/gu;

/** Cells that the text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const [token] of text.matchAll(TOKENS)) width += token.length > 2 ? 0 : characterWidth(token);
  return width;
}

/** The text, cut to so many cells. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = "";
  for (const [token] of text.matchAll(TOKENS)) {
    if (textWidth(cut + token) > width - 1) break;
    cut += token;
  }
  return `${cut}…${cut.includes("\x1b") ? "\x1b[0m" : ""}`;
}

function pad(text: string, width: number, align: Column["align"]): string {
  const spaces = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "right" ? spaces + text : text + spaces;
}

/** Lines of a table: the titles, then the rows. Cells are made printable. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  emphasise = (title: string): string => title,
): string[] {
  const lines = [columns.map((column) => column.title), ...rows.map((row) => row.map(makePrintable))];
  const widths = columns.map((_, i) => lines.reduce((width, line) => Math.max(width, textWidth(line[i] ?? "")), 0));
  const [titles = "", ...body] = lines.map((line) =>
    columns
      .map(({ align }, i) => pad(line[i] ?? "", widths[i] as number, align))
      .join("  ")
      .trimEnd(),
  );
  return [emphasise(titles), ...body];
}

/** The same below what stands before it; nothing without rows. */
export function renderFurther(...table: Parameters<typeof renderTable>): string[] {
  const [, rows] = table;
  return rows.length > 0 ? ["", ...renderTable(...table)] : [];
}
