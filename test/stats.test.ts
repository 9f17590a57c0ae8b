// SPDX-License-Identifier: MIT
/**
 * Records into stats. Oracle: RFC 3550's arithmetic done by hand in each test, and W3C webrtc-stats for what a member counts.
 */

import { describe, expect, it } from "vitest";
import { addon, PAIR_TRAITS, type PairRecord } from "../src/native.js";
import { candidatePairStats } from "../src/pairstats.js";
import type { InboundRtpStats, StatsContext } from "../src/stats.js";
import { expectedOf, lostOf, originOf, pairRecord, streamRecord, streamStats } from "./records.js";

function contextOf(changes: Partial<StatsContext> = {}): StatsContext {
  return { origin: originOf(), owner: {}, atMs: 5000, epochMs: 1_760_000_005_000, intervalMs: 1000, ...changes };
}

describe("packets expected and lost", () => {
  it("100 to 109 are ten numbers: highest - lowest + 1 (RFC 3550 A.3)", () => {
    expect(expectedOf(streamRecord())).toBe(10);
    expect(lostOf(streamRecord())).toBe(0);
  });

  it("extended numbers go on over 65535: 65530 to 65545 are sixteen, thirteen came, three are lost", () => {
    expect(lostOf(streamRecord({ baseSeq: 65_530, maxSeq: 65_545, packets: 13 }))).toBe(3);
  });

  it("a duplicate does not stand in for a lost packet, as it does in RFC 3550 A.3", () => {
    // 100 to 109: 104 never came, 105 came twice: ten packets, nine unique.
    expect(lostOf(streamRecord({ packets: 10, duplicated: 1 }))).toBe(1);
  });

  it("runs before a restart of the sender count with what they spanned", () => {
    // 1 to 20 (two lost), then again from 40000 to 40009 (one lost): 30 expected, 27 came.
    const record = streamRecord({ expectedBefore: 20, baseSeq: 40_000, maxSeq: 40_009, packets: 27 });
    expect(expectedOf(record)).toBe(30);
    expect(lostOf(record)).toBe(3);
  });

  it("a packet beyond the window fills no gap: it may be a duplicate", () => {
    expect(lostOf(streamRecord({ packets: 10, stray: 2 }))).toBe(2);
  });

  it("a packet that came while another CPU had the record did arrive, and is no loss", () => {
    // 100 to 109: seven were counted and two contended, so one never came.
    expect(lostOf(streamRecord({ packets: 7, contended: 2 }))).toBe(1);
  });
});

describe("inbound streams", () => {
  it("have exactly these members, in seconds, Hz and the wall clock", () => {
    const record = streamRecord({
      packets: 12,
      duplicated: 3,
      reordered: 4,
      jitterNsQ8: 256 * 2_500_000,
      jitterRfc3550NsQ8: 256 * 3_750_000,
      lastMs: 4900.5,
    });
    const previous = streamRecord({ packets: 4, bytes: 400, maxSeq: 103 });
    const owner = { pid: 7, comm: "agent", cgroup: "/a" };
    expect(streamStats(record, previous, contextOf({ owner, intervalMs: 2000 }))).toEqual({
      type: "inbound-rtp",
      timestamp: 1_760_000_005_000,
      ssrc: 0xdecafbad,
      srcAddress: "192.0.2.7",
      srcPort: 5004,
      dstAddress: "10.1.2.3",
      dstPort: 40_000,
      pid: 7,
      comm: "agent",
      cgroup: "/a",
      payloadType: 111,
      clockRate: 48_000,
      clockRateSource: "inferred",
      packetsDuplicated: 3,
      packetsReordered: 4,
      bitsPerSecond: 2400, // 600 bytes in 2 s
      packetsPerSecond: 4, // 8 packets in 2 s
      packetsReceived: 12,
      bytesReceived: 1000,
      headerBytesReceived: 120,
      lastPacketReceivedTimestamp: 1_760_000_004_900.5, // 99.5 ms before the snapshot
      packetsLost: 1, // 10 expected, 9 unique
      fractionLost: 1 / 6, // 6 expected since, 5 unique came
      jitter: 0.0025,
      jitterRfc3550: 0.003_75,
    });
  });

  it("rates and milliseconds have three places, jitter whole nanoseconds", () => {
    const record = streamRecord({ packets: 54, bytes: 1400, jitterNsQ8: 256 * 1234 + 200, lastMs: 4900.1262 });
    const previous = streamRecord({ packets: 4, bytes: 400 });
    expect(streamStats(record, previous, contextOf({ intervalMs: 1003 }))).toMatchObject({
      packetsPerSecond: 49.85, // 50 / 1.003 = 49.85044…
      bitsPerSecond: 7976.072, // 8000 / 1.003 = 7976.07178…
      jitter: 0.000_001_235, // 1234.78 ns
      lastPacketReceivedTimestamp: 1_760_000_004_900.126,
    });
  });

  it("without a clock rate there is no jitter: absent, not 0", () => {
    const stats = streamStats(streamRecord({ clockSource: 0, clockRate: 0, jitterNsQ8: 99 }), undefined, contextOf());
    for (const absent of ["clockRate", "clockRateSource", "jitter", "jitterRfc3550"]) {
      expect(stats).not.toHaveProperty(absent);
    }
  });

  it.each([
    [1, "static"],
    [2, "configured"],
    [3, "inferred"],
  ])("clock source %i is %s", (clockSource, clockRateSource) => {
    expect(streamStats(streamRecord({ clockSource }), undefined, contextOf())).toMatchObject({ clockRateSource });
  });

  it("at the first snapshot there are no rates, and the fraction is of the whole", () => {
    const stats = streamStats(streamRecord({ packets: 8 }), undefined, contextOf()) as InboundRtpStats;
    expect(stats).not.toHaveProperty("bitsPerSecond");
    expect(stats).not.toHaveProperty("packetsPerSecond");
    expect(stats.fractionLost).toBe(0.2);
  });

  it("an interval in which nothing was expected has no fraction", () => {
    expect(streamStats(streamRecord(), streamRecord(), contextOf())).not.toHaveProperty("fractionLost");
  });

  it("a late packet that repays more than the interval lost gives a fraction of 0, not below", () => {
    // Before: 10 expected, 7 came. Now one more expected and came, and two of the missing.
    const stats = streamStats(
      streamRecord({ maxSeq: 110, packets: 10 }),
      streamRecord({ packets: 7 }),
      contextOf(),
    ) as InboundRtpStats;
    expect(stats.packetsLost).toBe(1);
    expect(stats.fractionLost).toBe(0);
  });

  it("in a capture of nobody's end, a stream is inbound", () => {
    const origin = originOf({ direction: "unknown" });
    expect(streamStats(streamRecord(), undefined, contextOf({ origin })).type).toBe("inbound-rtp");
  });

  it("the TURN channel is told where there is one", () => {
    const origin = originOf({ channel: 0x4000 });
    expect(streamStats(streamRecord(), undefined, contextOf({ origin }))).toHaveProperty("turnChannel", 0x4000);
    expect(streamStats(streamRecord(), undefined, contextOf())).not.toHaveProperty("turnChannel");
  });
});

describe("outbound streams", () => {
  it("have the sender's members and none of the receiver's", () => {
    const origin = originOf({ direction: "out" });
    expect(streamStats(streamRecord({ lastMs: 5000 }), undefined, contextOf({ origin }))).toEqual({
      type: "outbound-rtp",
      timestamp: 1_760_000_005_000,
      ssrc: 0xdecafbad,
      srcAddress: "192.0.2.7",
      srcPort: 5004,
      dstAddress: "10.1.2.3",
      dstPort: 40_000,
      payloadType: 111,
      clockRate: 48_000,
      clockRateSource: "inferred",
      packetsDuplicated: 0,
      packetsReordered: 0,
      packetsSent: 10,
      bytesSent: 1000,
      headerBytesSent: 120,
      lastPacketSentTimestamp: 1_760_000_005_000,
    });
  });
});

/** Counts by the bounds that the core tells. */
function histogram(...ns: number[]): Float64Array {
  const { histogramNs: least } = addon;
  const counts = new Float64Array(least.length - 1);
  for (const value of ns) {
    const bucket = least.findLastIndex((bound) => bound <= value);
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  return counts;
}

/** The promise of core/histogram.h: a sixteenth. */
const within = (value: number) => ({
  asymmetricMatch: (found: unknown) => Math.abs((found as number) - value) <= value / 16,
  toString: () => `within a sixteenth of ${value}`,
});

describe("candidate pairs", () => {
  /** First end: 5 requests, one sent again, 4 round trips of 10, 20, 30, 40 ms. Second: 7 and 2, answered in 1 ms. */
  const record: PairRecord = pairRecord({
    firstRequests: 5,
    firstRetransmissions: 1,
    firstResponses: 5,
    firstRoundTrips: 4,
    firstRoundTripTotalNs: 100e6,
    firstRoundTripLastNs: 30e6,
    firstRoundTripMinNs: 10e6,
    firstRoundTripMaxNs: 40e6,
    firstRoundTripHistogram: histogram(10e6, 20e6, 30e6, 40e6),
    secondRequests: 7,
    secondRetransmissions: 2,
    secondResponses: 6,
    secondRoundTrips: 6,
    secondRoundTripTotalNs: 6e6,
    secondRoundTripLastNs: 1e6,
    secondRoundTripMinNs: 1e6,
    secondRoundTripMaxNs: 1e6,
    secondRoundTripHistogram: histogram(...Array.from({ length: 6 }, () => 1e6)),
  });
  const ours = {
    type: "candidate-pair",
    timestamp: 1_760_000_005_000,
    requestsSent: 5,
    responsesReceived: 5,
    requestsReceived: 9, // W3C: retransmissions included
    responsesSent: 6,
    retransmissionsSent: 1,
    requestsUnanswered: 0,
    roundTripTimeMeasurements: 4,
    currentRoundTripTime: 0.03,
    rttSource: "stun",
    totalRoundTripTime: 0.1,
    minRoundTripTime: 0.01,
    maxRoundTripTime: 0.04,
    medianRoundTripTime: within(0.02),
    p95RoundTripTime: within(0.04),
    p99RoundTripTime: within(0.04),
    responseDelay: 0.001,
    totalResponseDelay: 0.006,
    maxResponseDelay: 0.001,
    medianResponseDelay: 0.001,
    p95ResponseDelay: 0.001,
    lastStunTimestamp: 1_760_000_002_000,
  };
  const ends = { srcAddress: "192.0.2.7", srcPort: 5004, dstAddress: "10.1.2.3", dstPort: 40_000 };
  const swapped = { srcAddress: "10.1.2.3", srcPort: 40_000, dstAddress: "192.0.2.7", dstPort: 5004 };

  /** The same pair with its ends told in the other order. */
  const mirrored = Object.fromEntries(
    Object.entries(record).map(([key, value]) => {
      const other = key.startsWith("first") ? key.replace("first", "second") : key.replace("second", "first");
      return key === "firstMs" ? [key, value] : [key, record[other as keyof PairRecord] ?? value];
    }),
  ) as unknown as PairRecord;

  it("live: told from the first end, which is ours", () => {
    const origin = originOf({ direction: "out" });
    expect(candidatePairStats(record, contextOf({ origin }))).toEqual({ ...ours, ...ends });
    // Ours even where our own requests come back sooner than we answer.
    expect(candidatePairStats(mirrored, contextOf({ origin }))).toMatchObject({ ...ends, currentRoundTripTime: 0.001 });
  });

  it("capture: told from the end that answers fast, whichever comes first", () => {
    const origin = originOf({ direction: "unknown" });
    expect(candidatePairStats(record, contextOf({ origin }))).toEqual({ ...ours, ...ends });
    expect(candidatePairStats(mirrored, contextOf({ origin }))).toEqual({ ...ours, ...swapped });
  });

  it("capture: an end that alone sends requests is the one that is told", () => {
    const origin = originOf({ direction: "unknown" });
    const alone = pairRecord({
      secondRequests: 3,
      secondResponses: 3,
      secondRoundTrips: 3,
      secondRoundTripLastNs: 5e6,
    });
    expect(candidatePairStats(alone, contextOf({ origin }))).toMatchObject({
      ...swapped,
      requestsSent: 3,
      currentRoundTripTime: 0.005,
    });
  });

  it("without a round trip there is none to show: absent, not 0", () => {
    const stats = candidatePairStats(pairRecord({ firstRequests: 3 }), contextOf());
    expect(stats.roundTripTimeMeasurements).toBe(0);
    const absent = ["currentRoundTripTime", "totalRoundTripTime", "minRoundTripTime", "maxRoundTripTime"];
    for (const member of [...absent, "responseDelay", "totalResponseDelay"]) expect(stats).not.toHaveProperty(member);
  });

  it("consent that no answer was seen to give does not expire (RFC 7675 section 5.1): absent", () => {
    const asked = { traits: PAIR_TRAITS.nominated, firstConsentRequests: 3, firstRequestMs: 4000 };
    const stats = (record: Partial<PairRecord>) => candidatePairStats(pairRecord(record), contextOf({ atMs: 40_000 }));
    expect(stats(asked)).not.toHaveProperty("consentExpired");
    expect(stats({ ...asked, firstResponses: 1, firstResponseMs: 3000 })).toHaveProperty("consentExpired", true);
  });
});
