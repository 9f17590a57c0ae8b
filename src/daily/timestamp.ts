// SPDX-License-Identifier: MIT

/** One moment as a number and without loss. */
export interface Moment {
  /** Since the Unix epoch. */
  ms: number;
  /** The same in ns, decimal. */
  ns: string;
}

/** ISO 8601 with none to nine digits of a second: Daily wrote three, and writes nine. */
export function parseTimestamp(value: unknown): Moment | undefined {
  if (typeof value !== "string") return undefined;
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(value);
  const wholeMs = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`);
  if (Number.isNaN(wholeMs)) return undefined;
  const fraction = Number((parts?.[2] ?? "").padEnd(9, "0"));
  return { ms: wholeMs + fraction / 1e6, ns: String(BigInt(wholeMs) * 1_000_000n + BigInt(fraction)) };
}
