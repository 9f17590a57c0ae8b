// SPDX-License-Identifier: MIT
/**
 * How the losses of a stream lie, by the depth probe: runs, and the bursts and gaps of RFC 3611 section 4.7.2 with its Gmin of 16.
 * Pure. Counts, not appendix A.2's estimates. burstPacketsLost, burstLossCount, burstLossRate and gapLossRate are the W3C's (webrtc-provisional-stats);
 * the rates are RFC 3611's burst density and gap density.
 */
import type { DepthRecord } from "./depthrecord.js";

/** How often so many packets in a row were lost. */
export const LOSS_RUNS = [
  "lossRunsOf1",
  "lossRunsOf2",
  "lossRunsOf3",
  "lossRunsOf4",
  "lossRunsOf5",
  "lossRunsOf6",
  "lossRunsOf7",
  "lossRunsOf8",
  "lossRunsOf9",
  "lossRunsOf10OrMore",
] as const;

export type LossRun = (typeof LOSS_RUNS)[number];

type LossRunStats = { [Run in LossRun]?: number };

export interface LossStats extends LossRunStats {
  burstPacketsLost?: number;
  burstLossCount?: number;
  /** Lost of those expected, 0 to 1: within bursts, absent where there was none; and outside of them. */
  burstLossRate?: number;
  gapLossRate?: number;
  /** Means, estimated from the mean time between packets; seconds. */
  lossBurstDuration?: number;
  lossGapDuration?: number;
  /** Over the interval: packets lost in a row, on average; absent where none was lost. */
  meanLossRun?: number;
}

/** In the record's gaps: the sender had nothing to send. */
const PAUSE = 0;

const lostOf = ({ lossBurstLost, lossGapLost }: DepthRecord): number => lossBurstLost + lossGapLost;
const runsOf = ({ lossRuns }: DepthRecord): number => lossRuns.reduce((sum, count) => sum + count, 0);

/** Seconds between packets, the sender's pauses left out; undefined of too few. */
function packetInterval({ lossNumbers, frameIntervalUs, gaps, gapNs }: DepthRecord): number | undefined {
  const steps = lossNumbers - 1 - (gaps[PAUSE] as number);
  const seconds = frameIntervalUs / 1e6 - (gapNs[PAUSE] as number) / 1e9;
  return steps > 0 && seconds > 0 ? seconds / steps : undefined;
}

/** A gap lies before, between and behind bursts: there is one more of them. */
function durations(record: DepthRecord): LossStats {
  const { lossNumbers, lossBursts, lossBurstNumbers } = record;
  const interval = packetInterval(record);
  if (interval === undefined) return {};
  const gap = (interval * (lossNumbers - lossBurstNumbers)) / (lossBursts + 1);
  if (lossBursts === 0) return { lossGapDuration: gap };
  return { lossBurstDuration: (interval * lossBurstNumbers) / lossBursts, lossGapDuration: gap };
}

/**
 * Of a stream that is received.
 * @param before - its record at the previous sample
 * @param hasClock - the clock rate is known, which tells pauses from losses
 */
export function lossStats(record: DepthRecord, before: DepthRecord | undefined, hasClock: boolean): LossStats {
  const { lossNumbers, lossBursts, lossBurstNumbers, lossBurstLost, lossGapLost } = record;
  // What came late since has made them fewer.
  const lost = lostOf(record) - (before ? lostOf(before) : 0);
  const runs = runsOf(record) - (before ? runsOf(before) : 0);
  return {
    ...Object.fromEntries(LOSS_RUNS.map((name, i) => [name, record.lossRuns[i]])),
    burstPacketsLost: lossBurstLost,
    burstLossCount: lossBursts,
    ...(lossBursts > 0 ? { burstLossRate: lossBurstLost / lossBurstNumbers } : {}),
    ...(lossNumbers > lossBurstNumbers ? { gapLossRate: lossGapLost / (lossNumbers - lossBurstNumbers) } : {}),
    ...(hasClock ? durations(record) : {}),
    ...(lost > 0 && runs > 0 ? { meanLossRun: Math.max(1, lost / runs) } : {}),
  };
}
