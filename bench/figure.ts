// SPDX-License-Identifier: MIT
/** What every part of the benchmark hands over: figures with their spread, bars and losses. */

/** One measured quantity. */
export interface Figure {
  /** Part and case, stable from release to release: "kernel.ratio.16". */
  name: string;
  /** "ns/packet", "×", "% of a core", "MiB", "packets/s" … */
  unit: string;
  /** Of each repetition, in order. */
  values: number[];
  median: number;
  /** First and third quartile. */
  spread: [number, number];
  /** Whether less is better, or more. */
  better: "less" | "more";
  /** What must hold, and what we want. */
  bar?: number;
  stretch?: number;
  /** Packets or samples that whoever was measured failed to count. More than none: the figure counts for nothing. */
  missed?: number;
  /** A later run must not be worse than the accepted one, beyond the noise (bench/baseline.ts). */
  guarded?: boolean;
  /** The bar holds, and nothing was missed. */
  ok: boolean;
  /** Shown beside it. */
  note?: string;
}

/** A measurement that could not be made here, and why. */
export interface Skip {
  name: string;
  reason: string;
}

/** QUICK=1: fewer cases and repetitions, to see that all works. */
export const quick = !["", "0", undefined].includes(process.env.QUICK);

/** What bench/PART.ts prints as one JSON object (bench/table.ts). */
export interface Part {
  part: string;
  /** How to have it again. */
  command: string;
  figures: Figure[];
  skipped: Skip[];
}

/** The q-quantile by linear interpolation between order statistics; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median absolute deviation from the median. */
export function deviation(values: readonly number[]): number {
  const center = median(values);
  return median(values.map((value) => Math.abs(value - center)));
}

type Terms = Partial<Pick<Figure, "better" | "bar" | "stretch" | "missed" | "guarded" | "note">>;

/** A figure of repeated values. */
export function figureOf(name: string, unit: string, values: readonly number[], terms: Terms = {}): Figure {
  const { better = "less", bar, missed } = terms;
  const center = median(values);
  const holds = bar === undefined || (better === "less" ? center <= bar : center >= bar);
  return {
    name,
    unit,
    values: [...values],
    median: center,
    spread: [quantile(values, 0.25), quantile(values, 0.75)],
    ...terms,
    better,
    ok: holds && !missed && Number.isFinite(center),
  };
}
