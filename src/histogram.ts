// SPDX-License-Identifier: MIT
/** What the histograms of core/histogram.h tell. */
import { addon } from "./native.js";

/**
 * The nearest-rank quantile of what was counted, in nanoseconds: the middle of the bucket that holds it, at most 6.25 % (below
 * 32 µs: 2 µs) from the true value. Undefined of nothing.
 * @param counts - since the beginning, or the difference of two such
 * @param share - 0 to 1
 */
export function quantileNs(counts: Float64Array, share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let rank = Math.max(1, Math.ceil(share * total));
  if (total === 0) return undefined;
  const bucket = counts.findIndex((count) => {
    rank -= count;
    return rank <= 0;
  });
  const { histogramNs: least } = addon;
  return ((least[bucket] as number) + (least[bucket + 1] as number)) / 2;
}
