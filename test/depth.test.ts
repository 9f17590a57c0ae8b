// SPDX-License-Identifier: MIT
/**
 * Depth records into stats. Oracle: the arithmetic of each rule done by hand, from figures that the test makes up; RFC 3611 section
 * 4.7.2 for what a burst's and a gap's duration are.
 */
import { describe, expect, it } from "vitest";
import { type DepthContext, depthStats } from "../src/depth.js";
import type { DepthRecord } from "../src/depthrecord.js";
import { driftPpm } from "../src/drift.js";
import { lossStats } from "../src/loss.js";
import { depthRecord } from "./records.js";

const CONTEXT: DepthContext = { direction: "in", clockRate: 48_000, intervalMs: 1000 };

const filled = (length: number, cells: Record<number, number>): Float64Array =>
  Float64Array.from({ length }, (_, i) => cells[i] ?? 0);

describe("packets of a transport", () => {
  it("that came while another CPU had the record did arrive, and are no loss", () => {
    // 200 to 219: seventeen were counted, of which one twice and one stray, and two contended. Three never came.
    const record = depthRecord({
      packets: 17,
      transportId: 3,
      transportBaseSeq: 200,
      transportMaxSeq: 219,
      transportPackets: 17,
      transportDuplicated: 1,
      transportStray: 1,
      transportContended: 2,
    });
    expect(depthStats(record, undefined, CONTEXT)).toMatchObject({
      transportPacketsExpected: 20,
      transportPacketsLost: 3,
    });
  });
});

describe("quantiles of delay variation", () => {
  // Bucket 8 of four per octave of 16.384 us is from 8 units to 10: evenly filled, half of it is at 9.
  const unit = 16.384e-6;
  const before = depthRecord({ packets: 100, variation: filled(64, { 40: 100 }) });

  it("are of the interval, whatever was before", () => {
    const record = depthRecord({ packets: 104, variation: filled(64, { 8: 4, 40: 100 }) });
    const { delayVariationP50, delayVariationP95, delayVariationP99 } = depthStats(record, before, CONTEXT);
    expect(delayVariationP50).toBeCloseTo(9 * unit, 9);
    expect(delayVariationP95).toBeCloseTo(9.9 * unit, 9);
    expect(delayVariationP99).toBeCloseTo(9.98 * unit, 9);
  });

  it("are absent when the interval had no frame", () => {
    expect(depthStats(before, before, CONTEXT)).not.toHaveProperty("delayVariationP50");
  });
});

describe("durations of bursts and gaps", () => {
  /** 101 numbers 20 ms apart, and a pause of the sender's of 3 s between two of them: 4.98 s in all. Ten of the numbers are a burst. */
  const record = depthRecord({
    packets: 95,
    lossNumbers: 101,
    frameIntervalUs: 4_980_000,
    gaps: filled(5, { 0: 1 }),
    gapNs: filled(5, { 0: 3e9 }),
    lossRuns: filled(10, { 2: 2 }),
    lossBursts: 1,
    lossBurstNumbers: 10,
    lossBurstLost: 6,
  });

  it("count packets 20 ms apart, and no pause of the sender's", () => {
    const { lossBurstDuration, lossGapDuration } = lossStats(record, undefined, true);
    expect(lossBurstDuration).toBeCloseTo(10 * 0.02, 9);
    expect(lossGapDuration).toBeCloseTo((91 * 0.02) / 2, 9); // a gap lies on both sides of the burst
  });

  it("are absent without a clock, which alone tells a pause from a loss", () => {
    const stats = lossStats(record, undefined, false);
    expect(stats).not.toHaveProperty("lossBurstDuration");
    expect(stats).not.toHaveProperty("lossGapDuration");
    expect(stats).toMatchObject({ burstPacketsLost: 6, burstLossCount: 1, burstLossRate: 0.6 });
    expect(depthStats(record, undefined, { ...CONTEXT, clockRate: 0 })).not.toHaveProperty("lossBurstDuration");
  });
});

describe("the mean run of losses", () => {
  const runs = (cells: Record<number, number>, lost: number): DepthRecord =>
    depthRecord({ packets: 100, lossNumbers: 110, lossRuns: filled(10, cells), lossGapLost: lost });

  it("is of the interval", () => {
    // Since: three and two in a row.
    expect(lossStats(runs({ 0: 4, 1: 1, 2: 1 }, 9), runs({ 0: 4 }, 4), true)).toHaveProperty("meanLossRun", 2.5);
  });

  it("is no less than one, though a late packet made two runs of one that was counted before", () => {
    // Before: three in a row. The middle one came late, and two more were lost, each alone: one lost more in three runs more.
    expect(lossStats(runs({ 0: 4 }, 4), runs({ 2: 1 }, 3), true)).toHaveProperty("meanLossRun", 1);
  });

  it("is absent where nothing was lost", () => {
    expect(lossStats(runs({ 0: 4 }, 4), runs({ 0: 4 }, 4), true)).not.toHaveProperty("meanLossRun");
  });
});

describe("drift", () => {
  /** The least transits of so many complete windows of 8.59 s, and one that has just begun, of a clock 100 ppm too fast. */
  function drifting(complete: number): DepthRecord {
    const atMs = Array.from({ length: complete }, (_, window) => window * 8590);
    return depthRecord({
      packets: 1000,
      driftWindows: complete + 1,
      driftAtMs: filled(16, { ...atMs }),
      driftLeast: filled(16, { ...atMs.map((ms) => (-ms * 1000 * 100e-6) / 1.024) }),
    });
  }

  it("is told once eight windows are complete, which takes a minute", () => {
    expect(driftPpm(drifting(7))).toBeUndefined();
    expect(driftPpm(drifting(8))).toBeCloseTo(100, 6);
    expect(depthStats(drifting(8), undefined, CONTEXT).clockDriftPpm).toBeCloseTo(100, 6);
  });
});
