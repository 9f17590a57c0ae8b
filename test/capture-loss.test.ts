// SPDX-License-Identifier: MIT
/**
 * Loss in depth: runs, bursts and gaps. Oracle: the schedule that each capture was made from, and RFC 3611 section 4.7.2 on the
 * text of its packets' fates (test/scenario/loss.ts); the example that the section itself gives. RTCPROBE_SEEDS=5000 tries so many.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DepthRecord, depthAt } from "../src/depthrecord.js";
import { lossStats } from "../src/loss.js";
import { addon } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import { type InboundRtpStats, packetsLost } from "../src/stats.js";
import { withFile } from "./analysis.js";
import { can } from "./capability.js";
import { START_NS } from "./packets.js";
import { Random } from "./random.js";
import { depthRecord } from "./records.js";
import { CALM, fates, type LossyArrival, lossTruth, lossyCapture, lossyStream } from "./scenario/loss.js";

const SEEDS = Number(process.env.RTCPROBE_SEEDS ?? 200);
const GROUP = 25;
const SSRC = 0x1055;
const START_MS = Number(START_NS / 1_000_000n);
/** Parts of a capture after which the figures are looked at: what the window still holds belongs to them. */
const LOOKS = 4;

type Truth = ReturnType<typeof lossTruth>;

const lossOf = (record: DepthRecord): Truth => {
  const { lossRuns, lossNumbers, lossBursts, lossBurstNumbers, lossBurstLost, lossGapLost } = record;
  return { lossRuns: [...lossRuns], lossNumbers, lossBursts, lossBurstNumbers, lossBurstLost, lossGapLost };
};

/** Over all seeds. */
const covered = { bursts: 0, alone: 0, longRuns: 0, restarts: 0, wraps: 0, tooLate: 0, outages: 0 };

function cover(arrivals: readonly LossyArrival[], text: string, truth: Truth): void {
  const numbers = arrivals.map(({ number }) => number);
  covered.bursts += truth.lossBursts;
  covered.alone += truth.lossGapLost;
  covered.longRuns += truth.lossRuns[9] as number;
  covered.restarts += arrivals.at(-1)?.run as number;
  if (Math.min(...numbers) < 65_536 && Math.max(...numbers) >= 65_536) covered.wraps++;
  if (new Set(numbers).size > text.replaceAll("0", "").length) covered.tooLate++;
  if (/0{600}/.test(text)) covered.outages++;
}

async function check(seed: number): Promise<void> {
  const arrivals = lossyStream(new Random(seed));
  await withFile(lossyCapture(arrivals, SSRC), async (file) => {
    const capture = addon.openCapture(file, { local: [], clockRates: {} });
    for (let look = 1; look <= LOOKS; look++) {
      const until = arrivals[Math.floor((arrivals.length * look) / LOOKS) - 1] as LossyArrival;
      await capture.read(look < LOOKS ? START_MS + until.ms + 0.1 : undefined);
      const seen = arrivals.filter(({ ms }) => ms <= until.ms);
      if (seen.filter(({ run }) => run === until.run).length < CALM) continue;
      const { streams, depths } = capture.snapshot();
      const text = fates(seen);
      const truth = lossTruth(text);
      expect(lossOf(depthAt(depths, 0)), `look ${look}`).toEqual(truth);
      expect(packetsLost(streams, 0)).toBe(truth.lossBurstLost + truth.lossGapLost);
      if (look === LOOKS) cover(arrivals, text, truth);
    }
    capture.close();
  });
}

describe("loss in depth: captures made from seeds", () => {
  const groups = Array.from({ length: SEEDS / GROUP }, (_, i) => GROUP * i + 1);

  it.each(groups)(
    `${GROUP} from %i on: runs, bursts and gaps, and packetsLost their sum`,
    { timeout: 120_000 },
    async (first) => {
      for (let seed = first; seed < first + GROUP; seed++) {
        await check(seed).catch((cause: unknown) => {
          throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
        });
      }
    },
  );

  it("had enough of everything", () => {
    for (const [name, count] of Object.entries(covered)) expect(count, name).toBeGreaterThan(SEEDS / 20);
  });
});

describe.skipIf(!can.bpf.ok)(`loss in depth: the kernel program — ${can.bpf.why || "harness"}`, () => {
  let directory = "";

  beforeAll(() => {
    directory = mkdtempSync(path.join(tmpdir(), "rtcprobe-loss-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])("seed %i", { timeout: 60_000 }, (seed) => {
    const arrivals = lossyStream(new Random(seed));
    const file = path.join(directory, `${seed}.pcap`);
    writeFileSync(file, lossyCapture(arrivals, SSRC));
    const printed = execFileSync(path.resolve("build/harness"), ["replay", file, "127.0.0.1"], { encoding: "utf8" });
    const { depths } = JSON.parse(printed) as { depths: DepthRecord[] };
    expect(depths.map(lossOf)).toEqual([lossTruth(fates(arrivals))]);
  });
});

describe("loss in depth: what it means", () => {
  /** RFC 3611 section 4.7.2, lost and discarded as one: 64 packets of 10 ms. */
  const EXAMPLE = "11110111111111111111111" + "011101011110" + "11111111111111111101111111111";

  async function statsOf(text: string): Promise<InboundRtpStats> {
    const arrivals = [...text].flatMap((fate, i) =>
      fate === "1" ? [{ run: 0, number: 65_500 + i, ms: 10 * i, timestamp: 80 * i }] : [],
    );
    const { streams } = await withFile(lossyCapture(arrivals, SSRC), async (file) => {
      const source = addon.openCapture(file, { local: [], clockRates: {} });
      await source.read();
      return new Sampler(source, { retireIdle: false }).sample().finally(() => source.close());
    });
    return streams[0] as InboundRtpStats;
  }

  it("the example of RFC 3611: a burst of 120 ms and density 0.33 between gaps of 230 and 290 ms and density 0.04", async () => {
    const stats = await statsOf(EXAMPLE);
    expect(stats).toMatchObject({
      packetsLost: 6,
      burstLossCount: 1,
      burstPacketsLost: 4,
      lossRunsOf1: 6,
      meanLossRun: 1,
    });
    expect(Math.floor((stats.burstLossRate as number) * 256)).toBe(85); // the RFC rounds 0.33 down to 84
    expect(Math.floor((stats.gapLossRate as number) * 256)).toBe(9); // and 0.04 to 10
    expect(stats.lossBurstDuration).toBeCloseTo(0.12, 9);
    expect(stats.lossGapDuration).toBeCloseTo((0.23 + 0.29) / 2, 9);
  });

  it("without a loss there is one gap, and no burst to have a rate or a duration", async () => {
    const stats = await statsOf("1".repeat(100));
    expect(stats).toMatchObject({ burstLossCount: 0, burstPacketsLost: 0, gapLossRate: 0, lossRunsOf10OrMore: 0 });
    expect(stats.lossGapDuration).toBeCloseTo(1, 9);
    for (const name of ["burstLossRate", "lossBurstDuration", "meanLossRun"]) expect(stats).not.toHaveProperty(name);
  });

  it("the mean run is of the interval, and absent where late packets took back more than was lost", () => {
    const of = (runs: number[], lossBurstLost: number) =>
      depthRecord({ lossRuns: Float64Array.from(runs), lossBurstLost, lossNumbers: 100, lossBurstNumbers: 50 });
    const [before, after] = [of([2, 0, 0, 1, 0, 0, 0, 0, 0, 0], 6), of([3, 0, 0, 2, 0, 0, 0, 0, 0, 0], 11)];
    expect(lossStats(before, undefined, true).meanLossRun).toBe(2);
    expect(lossStats(after, before, true).meanLossRun).toBe(2.5);
    expect(lossStats(before, after, true)).not.toHaveProperty("meanLossRun");
  });
});
