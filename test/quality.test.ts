// SPDX-License-Identifier: MIT
/**
 * The E-model and the score. Oracles: ratings computed from G.107's formulas outside of this program (R0 93.2, BurstR 1, the
 * delay fit of Cole and Rosenbluth); the fixed points of G.107 annex B; the thresholds of daily-core's header.
 */
import { describe, expect, it } from "vitest";
import type { Codec } from "../src/codec.js";
import type { DepthRecord } from "../src/depthrecord.js";
import { estimateDelay, impairmentOf, lossScore, meanOpinion, rate, rating, thresholdOf } from "../src/quality.js";
import { Sampler } from "../src/sampler.js";
import type { InboundRtpStats } from "../src/stats.js";
import { depthRecord, FakeSource, originOf, pairRecord, streamRecord } from "./records.js";

const OPUS_40 = { ie: 10.67, bpl: 9.79 };

describe("quality: the E-model", () => {
  it.each([
    ["G.711 with concealment", { ie: 0, bpl: 25.1 }, 0.01, 0.05, 88.36, 4.297],
    ["G.711 with concealment", { ie: 0, bpl: 25.1 }, 0.05, 0.2, 70.122, 3.603],
    ["G.711 without", { ie: 0, bpl: 4.3 }, 0.01, 0.05, 74.075, 3.782],
    ["G.711 without", { ie: 0, bpl: 4.3 }, 0.05, 0.2, 34.828, 1.819],
    ["Opus at 40 kbit/s", OPUS_40, 0.01, 0.05, 73.518, 3.757],
  ])("%s: %j, loss %f, delay %f s", (_, impairment, loss, delay, r, mos) => {
    const found = rating({ ...impairment, loss, delay });
    expect(found).toBeCloseTo(r, 2);
    expect(meanOpinion(found)).toBeCloseTo(mos, 3);
  });

  it("without loss and delay it is G.107's default less the codec, and its opinion that of annex B", () => {
    expect(rating({ ie: 0, bpl: 25.1, loss: 0, delay: 0 })).toBe(93.2);
    expect(meanOpinion(93.2)).toBeCloseTo(4.41, 2);
    expect([meanOpinion(0), meanOpinion(-5), meanOpinion(100), meanOpinion(120)]).toEqual([1, 1, 4.5, 4.5]);
    // Of R from 0 to 6.5 the cubic makes less than the least that anybody can say, and annex B's inverse begins at 6.5.
    expect([0.01, 1, 3, 5, 6.4].map(meanOpinion)).toEqual([1, 1, 1, 1, 1]);
    expect(meanOpinion(6.5)).toBeCloseTo(1, 3);
    expect(meanOpinion(7)).toBeGreaterThan(1);
    expect(meanOpinion(60)).toBeCloseTo(3.1, 10); // 1 + 0.035 R where the cubic is zero
  });

  it("bursts: BurstR is the mean run by that of random loss, 1 / (1 - p)", () => {
    const at = (meanBurst?: number) =>
      rating({ ie: 0, bpl: 25.1, loss: 0.1, delay: 0, ...(meanBurst === undefined ? {} : { meanBurst }) });
    expect(at(1 / 0.9)).toBeCloseTo(at(), 10);
    expect(at(0.5)).toBe(at()); // less bursty than chance is chance
    // BurstR 2: 95 × 10 / (10 / 2 + 25.1)
    expect(at(2 / 0.9)).toBeCloseTo(93.2 - 950 / 30.1, 10);
    expect(at(9)).toBe(at(2 / 0.9)); // table 3, note 6: not beyond 2, but for less than 2 % of loss
    const rare = rating({ ie: 0, bpl: 25.1, loss: 0.01, delay: 0, meanBurst: 4 / 0.99 });
    expect(rare).toBeCloseTo(93.2 - 95 / (1 / 4 + 25.1), 10);
  });

  it("parameters: Opus by the nearest bit rate, others by G.113, and none for what has none", () => {
    expect(impairmentOf("audio/opus", 64_000)).toEqual(OPUS_40);
    expect(impairmentOf("audio/opus", 23_600)).toEqual({ ie: 20.21, bpl: 11.28 });
    expect(impairmentOf("audio/opus", 6000)).toEqual({ ie: 30.16, bpl: 11.83 });
    expect(impairmentOf("audio/PCMU", 64_000)).toEqual({ ie: 0, bpl: 25.1 });
    for (const codec of ["audio/G722", "video/VP8", "audio/constructor"])
      expect(impairmentOf(codec, 1)).toBeUndefined();
  });

  it("the delay is half of the round trip, a packet, and twice the jitter", () => {
    expect(estimateDelay(0.1, 0.01)).toBeCloseTo(0.09, 10);
  });
});

describe("quality: the score", () => {
  it("good, low and veryLow as daily-core's MODERATE and SEVERE thresholds have them", () => {
    expect([0, 0.199, 0.2, 0.349, 0.35, 1].map(thresholdOf)).toEqual([
      "good",
      "good",
      "low",
      "low",
      "veryLow",
      "veryLow",
    ]);
    expect([0, 0.035, 0.175, 0.35, 1].map(lossScore)).toEqual([100, 90, 50, 0, 0]);
  });
});

describe("quality: what is not known is said", () => {
  const whole = {
    codec: "audio/PCMU",
    loss: 0.01,
    expected: 50,
    jitter: 0.005,
    roundTripTime: 0.04,
    bitsPerSecond: 64_000,
  };

  it("with all that it takes there is a rating and no reason", () => {
    const { rFactor, mosCq, ...rest } = rate(whole);
    expect(rest).toEqual({});
    expect(rFactor).toBeCloseTo(88.36, 2); // 20 + 20 + 10 ms
    expect(mosCq).toBeCloseTo(4.297, 3);
  });

  it.each([
    ["the codec", { codec: undefined }, "the codec is not known: name it by --payload-type or --sdp"],
    ["its parameters", { codec: "audio/G722" }, "the E-model has no parameters for audio/G722"],
    ["loss", { loss: undefined, expected: 0 }, "too few packets in this time"],
    ["enough packets", { expected: 9 }, "too few packets in this time"],
    ["jitter", { jitter: undefined }, "the jitter is not known"],
    ["the round trip", { roundTripTime: undefined }, "no round trip was measured between these ends"],
  ])("%s", (_, missing, reason) => {
    const found = rate({ ...whole, ...missing });
    expect(found.qualityUnavailable).toBe(reason);
    expect(found).not.toHaveProperty("rFactor");
    expect(found).not.toHaveProperty("mosCq");
  });
});

describe("quality: of a stream per interval", () => {
  const PCMU: Codec = { mimeType: "audio/PCMU", clockRate: 8000, channels: 1 };
  const voice = { payloadType: 96, clockRate: 8000, clockSource: 2, firstMs: 9000, lastMs: 10_000 };

  function listen() {
    const source = new FakeSource();
    const codecs = { payloadTypes: { 96: PCMU }, sources: {}, repairs: {} };
    const sampler = new Sampler(source, { codecs, retireIdle: false });
    const sample = async () => (await sampler.sample()).streams[0] as InboundRtpStats;
    return { source, sample };
  }

  it("from the loss of the interval, the stream's jitter, and the round trip of the pair between its ends", async () => {
    const { source, sample } = listen();
    // The pair is told from our end, the stream from the other.
    source.origins.set(
      "pair 0",
      originOf({ srcAddress: "10.1.2.3", srcPort: 40_000, dstAddress: "192.0.2.7", dstPort: 5004, direction: "out" }),
    );
    source.pairs = [pairRecord({ firstRoundTrips: 1, firstRoundTripLastNs: 40e6, lastMs: 9900 })];
    source.streams = [streamRecord({ ...voice, packets: 50, baseSeq: 0, maxSeq: 99, bytes: 8000 })];
    expect(await sample()).toMatchObject({ quality: 0, qualityThreshold: "veryLow" });
    source.pass(1000);
    source.streams = [
      streamRecord({ ...voice, packets: 149, baseSeq: 0, maxSeq: 199, lastMs: 11_000, jitterNsQ8: 256 * 5e6 }),
    ];
    const stats = await sample();
    expect(stats).toMatchObject({ fractionLost: 0.01, quality: 97, qualityThreshold: "good" });
    expect(stats.rFactor).toBeCloseTo(88.36, 2);
    expect(stats).not.toHaveProperty("qualityUnavailable");
    // 30 s without a check: the pair has lost its consent, and its last round trip says nothing of now.
    source.pass(30_000);
    source.streams = [streamRecord({ ...voice, packets: 199, baseSeq: 0, maxSeq: 249, lastMs: 41_000 })];
    expect(await sample()).toMatchObject({ qualityUnavailable: "no round trip was measured between these ends" });
  });

  it("from the mean run of losses of the interval where the depth probe tells it, else as if they were random", async () => {
    const rFactor = async (depths: DepthRecord[]) => {
      const { source, sample } = listen();
      source.pairs = [pairRecord({ firstRoundTrips: 1, firstRoundTripLastNs: 40e6, lastMs: 9900 })];
      source.origins.set(
        "pair 0",
        originOf({ srcAddress: "10.1.2.3", srcPort: 40_000, dstAddress: "192.0.2.7", dstPort: 5004, direction: "out" }),
      );
      source.streams = [streamRecord({ ...voice, packets: 96, baseSeq: 0, maxSeq: 99, bytes: 8000 })];
      source.depths = depths;
      return (await sample()).rFactor;
    };
    // Lost: 4 in a row of 100. BurstR is 4 × 0.96, but no more than 2 from 2 % of loss on; the delay is 40 ms.
    const lossRuns = Float64Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0);
    const loss = { lossRuns, lossNumbers: 100, lossBursts: 1, lossBurstNumbers: 4, lossBurstLost: 4 };
    expect(await rFactor([])).toBeCloseTo(93.2 - 0.024 * 40 - (95 * 4) / (4 + 25.1), 6);
    const bursty = await rFactor([depthRecord({ packets: 96, ...loss })]);
    expect(bursty).toBeCloseTo(93.2 - 0.024 * 40 - (95 * 4) / (4 / 2 + 25.1), 6);
  });

  it("silence does not make an encoder worse: the highest bit rate so far is its own", async () => {
    const source = new FakeSource();
    source.pairs = [pairRecord({ firstRoundTrips: 1, firstRoundTripLastNs: 40e6, lastMs: 9900 })];
    const opus = { ...voice, payloadType: 97, clockRate: 48_000 };
    const codecs = { payloadTypes: { 97: { mimeType: "audio/opus", clockRate: 48_000 } }, sources: {}, repairs: {} };
    const sampler = new Sampler(source, { codecs, retireIdle: false });
    const rFactors: (number | undefined)[] = [];
    for (const [packets, bytes] of [
      [50, 5000],
      [75, 5100],
    ] as const) {
      source.streams = [streamRecord({ ...opus, packets, bytes, baseSeq: 0, maxSeq: packets - 1 })];
      rFactors.push(((await sampler.sample()).streams[0] as InboundRtpStats).rFactor);
      source.pass(1000);
    }
    expect(rFactors[0]).toBeCloseTo(93.2 - 10.67 - 0.024 * 40, 6);
    expect(rFactors[1]).toBe(rFactors[0]);
  });
});
