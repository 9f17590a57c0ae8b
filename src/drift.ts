// SPDX-License-Identifier: MIT
/**
 * The drift of the sender's clock from the least transits of windows of 8.6 s. Slopes are taken over a quarter of the
 * windows, and the median of them counts: one change of the path's delay is in fewer than half of them. The error is that of
 * the least transits over the slope's time: 50 µs of it are 3 ppm after 69 s, and 1.5 ppm from 138 s on.
 */
import type { DepthRecord } from "./depthrecord.js";

const WINDOWS = 16;
const LEAST_WINDOWS = 8;
const NONE = 0xffff_ffff;
/** µs of one unit of driftLeast. */
const UNIT_US = 1.024;

interface Least {
  atMs: number;
  us: number;
}

/** Those of the complete windows that had packets, oldest first. */
function leastTransits({ driftWindows, driftAtMs, driftLeast }: DepthRecord): Least[] {
  const found: Least[] = [];
  for (let window = Math.max(0, driftWindows - WINDOWS); window < driftWindows - 1; window++) {
    const atMs = driftAtMs[window % WINDOWS] as number;
    if (atMs !== NONE) found.push({ atMs, us: (driftLeast[window % WINDOWS] as number) * UNIT_US });
  }
  return found;
}

/** Parts per million by which the sender's RTP clock is faster than ours; absent before a minute has been seen. */
export function driftPpm(record: DepthRecord): number | undefined {
  const least = leastTransits(record);
  if (least.length < LEAST_WINDOWS) return undefined;
  const lag = Math.floor((least.length + 1) / 4);
  const slopes: number[] = [];
  for (let i = lag; i < least.length; i++) {
    const [from, to] = [least[i - lag] as Least, least[i] as Least];
    slopes.push((-(to.us - from.us) / (to.atMs - from.atMs)) * 1000);
  }
  slopes.sort((a, b) => a - b);
  const middle = slopes.length / 2;
  return ((slopes[Math.floor(middle)] as number) + (slopes[Math.ceil(middle) - 1] as number)) / 2;
}
