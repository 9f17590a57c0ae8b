// SPDX-License-Identifier: MIT
/**
 * Clocks that stop, change or go on through an outage, on schedules that the test makes up. Oracles: the schedule itself; jitters of
 * oracle.ts (RFC 3550 A.8 in floating point); RFC 3550 A.1 for what a leap of the numbers is; core/receive.h's rule of a second or an
 * eighth for what is loss nevertheless.
 */
import { describe, expect, it } from "vitest";
import type { InboundRtpStats } from "../src/stats.js";
import { analyzeBytes } from "./analysis.js";
import { type Arrival, jitters } from "./oracle.js";
import { frame, pcap, rtp, START_NS } from "./packets.js";

interface Sent {
  seq: number;
  timestamp: number;
  ms: number;
  payloadType?: number;
}

type Jitters = ReturnType<typeof jitters>;

const PTIME_MS = 20;
const OPUS = 111;
const RATE = 48_000;
const TICKS = 960;

const toArrival = ({ seq, timestamp, ms }: Sent): Arrival => ({
  seq,
  timestamp,
  timeNs: START_NS + BigInt(Math.round(ms * 1e6)),
});

/** 100 packets of PCMU, each third one on time, the others once and twice so late; milliseconds. */
const pcmu = (lateMs: number): Sent[] =>
  Array.from({ length: 100 }, (_, i) => ({
    seq: i,
    timestamp: 160 * i,
    ms: PTIME_MS * i + (i % 3) * lateMs,
    payloadType: 0,
  }));

function expectJitters({ jitter = Number.NaN, jitterRfc3550 = Number.NaN }: InboundRtpStats, expected: Jitters): void {
  expect(Math.abs(jitter - expected.inOrder)).toBeLessThan(1e-6);
  expect(Math.abs(jitterRfc3550 - expected.everyPacket)).toBeLessThan(1e-6);
}

async function statsOf(sent: readonly Sent[], clockRates: Record<number, number> = {}): Promise<InboundRtpStats> {
  const packets = sent.map((packet) => ({
    bytes: frame(rtp({ ...toArrival(packet), payloadType: packet.payloadType ?? OPUS })),
    timeNs: toArrival(packet).timeNs,
  }));
  const { streams } = await analyzeBytes(pcap(packets), { clockRates });
  expect(streams).toHaveLength(1);
  return streams[0]?.stats as InboundRtpStats;
}

/** `count` packets each 20 ms, from these on, up to 8 ms late. */
const play = (count: number, seq: number, timestamp: number, ms: number, ticks = TICKS): Sent[] =>
  Array.from({ length: count }, (_, i) => ({
    seq: seq + i,
    timestamp: timestamp + i * ticks,
    ms: ms + i * PTIME_MS + ((i * 7) % 5) * 2,
  }));

describe("a sender whose clock stops while it pauses", () => {
  it("is inferred by the time in which it went on", async () => {
    // Half a second, 3 s of silence in which the clock goes on by one packet only, and 3 s more.
    const sent = [...play(25, 0, 0, 0), ...play(150, 25, 25 * TICKS, 25 * PTIME_MS + 3000)];
    const stats = await statsOf(sent);
    expect(stats).toMatchObject({ clockRate: RATE, clockRateSource: "inferred" });
    const expected = jitters(sent.map(toArrival), RATE);
    expectJitters(stats, expected);
  });
});

describe("a sender that goes over to a payload type of another clock", () => {
  it("has a jitter that subtracts no timestamp of one clock from one of the other", async () => {
    // PCMU evenly, 5 s of silence, then Opus for 30 packets: the timestamps do not go on.
    const even = pcmu(0);
    const opus = play(30, 100, 3_000_000, 7000);
    const sent = [...even, ...opus];
    const stats = await statsOf(sent, { [OPUS]: RATE });
    expect(stats).toMatchObject({ payloadType: OPUS, clockRate: RATE, clockRateSource: "configured", packetsLost: 0 });
    const expected = jitters(opus.map(toArrival), RATE);
    expect(expected.inOrder).toBeGreaterThan(0.001);
    expectJitters(stats, expected);
  });
});

describe("a packet that goes over to another clock", () => {
  it("leaves both jitters as they were: there is no D between it and the one before", async () => {
    const uneven = pcmu(4);
    const stats = await statsOf([...uneven, { seq: 100, timestamp: 7_000_000, ms: 2020 }], { [OPUS]: RATE });
    const expected = jitters(uneven.map(toArrival), 8000);
    expect(stats.clockRate).toBe(RATE);
    expect(expected.everyPacket).toBeGreaterThan(0.001);
    expectJitters(stats, expected);
  });
});

/** A second of packets, then `ahead` further numbers after so long a silence, in which the sender's clock went on by so much. */
function outage(ahead: number, silenceMs: number, clockMs: number): Sent[] {
  const [last] = play(50, 0, 0, 0).slice(-1) as [Sent];
  const [seq, ms] = [last.seq + ahead, last.ms + silenceMs];
  const timestamp = last.timestamp + Math.round((clockMs * RATE) / 1000);
  return [...play(50, 0, 0, 0), ...play(50, seq, timestamp, ms)];
}

describe("a leap of the numbers by 3000 (MAX_DROPOUT) or more", () => {
  it.each<[string, number, number, number, boolean]>([
    ["2999 ahead, whatever its clock", 2999, 5000, 60_000, true],
    ["3000 ahead, its clock as ours", 3000, 5000, 5000, true],
    ["3000 ahead, its clock 0.9 s further", 3000, 5000, 5900, true],
    ["3000 ahead, its clock 0.9 s less far", 3000, 5000, 4100, true],
    ["3000 ahead, its clock 1.1 s further", 3000, 5000, 6100, false],
    ["3000 ahead, its clock 1.1 s less far", 3000, 5000, 3900, false],
    ["4000 in 80 s, its clock a ninth further", 4000, 80_000, 80_000 * (1 + 1 / 9), true],
    ["4000 in 80 s, its clock a ninth less far", 4000, 80_000, 80_000 * (1 - 1 / 9), true],
    ["4000 in 80 s, its clock a seventh further", 4000, 80_000, 80_000 * (1 + 1 / 7), false],
    ["4000 in 80 s, its clock a seventh less far", 4000, 80_000, 80_000 * (1 - 1 / 7), false],
  ])("%s", async (_, ahead, silenceMs, clockMs, isLoss) => {
    const stats = await statsOf(outage(ahead, silenceMs, clockMs), { [OPUS]: RATE });
    expect(stats).toMatchObject({ packetsReceived: 100, packetsLost: isLoss ? ahead - 1 : 0 });
  });
});
