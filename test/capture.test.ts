// SPDX-License-Identifier: MIT
/**
 * Captures of real calls. Oracles: captures/truth.json (the relay's log, the endpoints' getStats, tshark; see the README
 * there), and oracle.ts, which computes RFC 3550 A.8 and round trips on its own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { addon } from "../src/native.js";
import type { InboundRtpStats } from "../src/stats.js";
import { type Analysis, analyzeFile, outcomesSum } from "./analysis.js";
import { countArrivals, jitters, roundTrips, rtpStreams } from "./oracle.js";

interface StreamTruth {
  ssrc: number;
  srcAddress: string;
  srcPort: number;
  dstAddress: string;
  dstPort: number;
  channel?: number;
  packets?: number;
  packetsWithRtx?: number;
  rtxOf?: number;
  lost: number;
  payloadTypes: number[];
  clockRate?: number;
  jitterMs?: number;
  jitterRfc3550Ms?: number;
}

interface PairTruth {
  local: string;
  requests: number;
  responses: number;
  requestsReceived: number;
  minMs: number;
  maxMs: number;
}

interface CaptureTruth {
  frames: number;
  streams: StreamTruth[];
  rtcp?: number;
  rtcpIsEncrypted?: boolean;
  stun?: number;
  pair?: PairTruth;
}

const CAPTURES = join(import.meta.dirname, "captures");
const TRUTH = JSON.parse(readFileSync(join(CAPTURES, "truth.json"), "utf8")) as Record<string, CaptureTruth>;

const streamKey = (s: { ssrc: number; srcAddress: string; srcPort: number; dstAddress: string; dstPort: number }) =>
  `${s.ssrc} ${s.srcAddress}:${s.srcPort} ${s.dstAddress}:${s.dstPort}`;

/** Stats by SSRC; every stream of a capture is inbound where nobody says which end is ours. */
function inbound(analysis: Analysis, ssrc: number): InboundRtpStats {
  const stats = analysis.streams.find((stream) => stream.stats.ssrc === ssrc)?.stats;
  if (stats?.type !== "inbound-rtp") throw new Error(`${ssrc} is no inbound stream`);
  return stats;
}

describe.each(Object.entries(TRUTH))("%s", (name, truth) => {
  const path = join(CAPTURES, name);
  let analysis: Analysis;

  beforeAll(async () => {
    analysis = await analyzeFile(path);
  });

  it("has the streams of the endpoints and no other", () => {
    const found = analysis.streams.map(({ stats }) => streamKey(stats));
    expect(found.sort()).toEqual(truth.streams.map(streamKey).sort());
  });

  it("counts packets and losses as the relay and getStats do", () => {
    for (const stream of truth.streams) {
      const stats = inbound(analysis, stream.ssrc);
      const rtx = truth.streams.find((other) => other.rtxOf === stream.ssrc);
      const repeats = rtx ? inbound(analysis, rtx.ssrc).packetsReceived : 0;
      if (stream.packets !== undefined) expect(stats.packetsReceived).toBe(stream.packets);
      if (stream.packetsWithRtx !== undefined) expect(stats.packetsReceived + repeats).toBe(stream.packetsWithRtx);
      expect(stats.packetsLost).toBe(stream.lost);
      expect(stream.payloadTypes).toContain(stats.payloadType);
      expect(stats.turnChannel).toBe(stream.channel);
    }
  });

  it("counts duplicates and reordering as sets of sequence numbers do", () => {
    for (const { ssrc, arrivals } of rtpStreams(path)) {
      const { packetsReceived, packetsLost, packetsDuplicated, packetsReordered } = inbound(analysis, ssrc);
      expect({
        packets: packetsReceived,
        lost: packetsLost,
        duplicated: packetsDuplicated,
        reordered: packetsReordered,
      }).toEqual(countArrivals(arrivals));
    }
  });

  it("knows the clock rates without SDP", () => {
    for (const stream of truth.streams)
      if (stream.clockRate !== undefined) expect(inbound(analysis, stream.ssrc).clockRate).toBe(stream.clockRate);
  });

  it("has both jitters within a microsecond of RFC 3550 in floating point", () => {
    const arrivals = new Map(rtpStreams(path).map((stream) => [stream.ssrc, stream.arrivals]));
    for (const stream of truth.streams) {
      if (stream.clockRate === undefined) continue;
      const expected = jitters(arrivals.get(stream.ssrc) ?? [], stream.clockRate);
      const stats = inbound(analysis, stream.ssrc);
      expect(Math.abs((stats.jitter ?? Number.NaN) - expected.inOrder)).toBeLessThan(1e-6);
      expect(Math.abs((stats.jitterRfc3550 ?? Number.NaN) - expected.everyPacket)).toBeLessThan(1e-6);
    }
  });

  it("has the jitters that were published with the capture", () => {
    for (const stream of truth.streams) {
      const stats = inbound(analysis, stream.ssrc);
      if (stream.jitterMs !== undefined)
        expect(Math.abs((stats.jitter ?? 0) * 1e3 - stream.jitterMs)).toBeLessThan(0.01);
      if (stream.jitterRfc3550Ms !== undefined)
        expect(Math.abs((stats.jitterRfc3550 ?? 0) * 1e3 - stream.jitterRfc3550Ms)).toBeLessThan(0.01);
    }
  });

  it("reads every frame and loses no datagram between seen and the outcomes", () => {
    expect(analysis.frames).toMatchObject({ total: truth.frames, other: 0, truncatedFile: false });
    expect(analysis.datagrams.seen).toBe(truth.frames);
    expect(outcomesSum(analysis.datagrams)).toBe(truth.frames);
    const rtp = analysis.streams.reduce((sum, { record }) => sum + record.packets, 0);
    expect(analysis.datagrams.rtp).toBe(rtp);
  });

  it("tells RTCP, SRTCP and STUN as the relay does", () => {
    const { rtcp, srtcp, stun } = analysis.datagrams;
    if (truth.stun !== undefined) expect(stun).toBe(truth.stun);
    if (truth.rtcp !== undefined)
      expect({ rtcp, srtcp }).toEqual(
        truth.rtcpIsEncrypted ? { rtcp: 0, srtcp: truth.rtcp } : { rtcp: truth.rtcp, srtcp: 0 },
      );
  });

  it("has the round trips of every pair to the nanosecond", () => {
    for (const { record, origin } of analysis.pairs) {
      const isRelayed = origin.channel !== undefined || origin.peerName !== undefined;
      const first = `${origin.srcAddress}:${origin.srcPort}`;
      const second = `${origin.dstAddress}:${origin.dstPort}`;
      const ours = roundTrips(path, first, second, isRelayed);
      expect(record.firstRoundTrips).toBe(ours.length);
      expect(record.firstRoundTripTotalNs).toBe(ours.reduce((sum, ns) => sum + ns, 0));
      const theirs = roundTrips(path, second, first, isRelayed);
      expect(record.secondRoundTrips).toBe(theirs.length);
      expect(record.secondRoundTripTotalNs).toBe(theirs.reduce((sum, ns) => sum + ns, 0));
    }
  });

  const { pair } = truth;
  if (pair) {
    it("shows the round trip of the end it was captured at", () => {
      expect(analysis.pairs).toHaveLength(1);
      const stats = analysis.pairs[0]?.stats;
      expect(stats).toMatchObject({
        srcAddress: pair.local,
        requestsSent: pair.requests,
        responsesReceived: pair.responses,
        requestsReceived: pair.requestsReceived,
        responsesSent: pair.requestsReceived,
        roundTripTimeMeasurements: pair.responses,
      });
      expect((stats?.minRoundTripTime ?? 0) * 1e3).toBeCloseTo(pair.minMs, 1);
      expect((stats?.maxRoundTripTime ?? 0) * 1e3).toBeCloseTo(pair.maxMs, 1);
    });
  }
});

describe("which end is ours", () => {
  const path = join(CAPTURES, "chromium-impaired/receiver.pcap");

  it("makes what it sends outbound-rtp, and names it first in the pair", async () => {
    const { streams, pairs } = await analyzeFile(path, { local: ["10.99.1.2"] });
    const outbound = streams.filter(({ stats }) => stats.type === "outbound-rtp").map(({ stats }) => stats.srcAddress);
    expect(new Set(outbound)).toEqual(new Set(["10.99.1.2"]));
    expect(outbound).toHaveLength(3);
    expect(pairs[0]?.origin).toMatchObject({ srcAddress: "10.99.1.2", direction: "out" });
    expect(pairs[0]?.stats.roundTripTimeMeasurements).toBe(27);
    expect((pairs[0]?.stats.minRoundTripTime ?? 0) * 1e3).toBeCloseTo(68.4, 1);
  });

  it("leaves the direction unknown when an address is of neither end", async () => {
    const { streams } = await analyzeFile(path, { local: ["192.0.2.1", "2001:db8::1"] });
    expect(new Set(streams.map(({ origin }) => origin.direction))).toEqual(new Set(["unknown"]));
  });
});

describe("reading in steps", () => {
  const path = join(CAPTURES, "plain-rtp/receiver.pcap");

  it("stops before the packet at or after the given time, and ends where one read does", async () => {
    const capture = addon.openCapture(path, { local: [], clockRates: {} });
    const all = await analyzeFile(path);
    const times = rtpStreams(path).flatMap(({ arrivals }) => arrivals.map(({ timeNs }) => timeNs));
    const [first = 0n] = times.toSorted((a, b) => Number(a - b));
    let until = Math.floor(Number(first / 1_000_000n));
    let more = true;
    for (let step = 0; more; step++) {
      until += 1000;
      more = await capture.read(until);
      const { atMs, epochMs, datagrams } = capture.snapshot();
      expect(atMs).toBe(epochMs);
      if (more) expect(atMs).toBe(until);
      const before = times.filter((timeNs) => Number(timeNs) / 1e6 < until).length;
      expect(datagrams.rtp + datagrams.unconfirmed).toBe(before);
      expect(step).toBeLessThan(100);
    }
    expect(capture.snapshot().datagrams).toEqual(all.datagrams);
    expect(capture.snapshot().atMs).toBe(all.atMs);
    expect(await capture.read()).toBe(false);
    capture.close();
  });

  it("lets go of retired streams, and of none that changed since the snapshot", async () => {
    const capture = addon.openCapture(path, { local: [], clockRates: {} });
    await capture.read();
    const { streams } = capture.snapshot();
    capture.retire("stream", streams.id.slice(0, 1));
    expect(capture.snapshot().streams.id).toHaveLength(streams.id.length - 1);
    expect(() => capture.origin("stream", streams.id[0] as number)).toThrow(RangeError);
    capture.close();

    const moving = addon.openCapture(path, { local: [], clockRates: {} });
    const halfway = (streams.firstMs[0] as number) + 10_000;
    await moving.read(halfway);
    const { id } = moving.snapshot().streams;
    await moving.read(halfway + 1000);
    moving.retire("stream", id);
    expect(moving.snapshot().streams.id).toHaveLength(id.length);
    moving.close();
  });
});
