// SPDX-License-Identifier: MIT
/** Fifty packets of one RTP stream with a known schedule, and what must come out of whatever they are wrapped in. */
import { expect } from "vitest";
import { type Analysis, outcomesSum } from "./analysis.js";
import { ENDS, ENDS6, ethernet, ipv4, ipv6, type Packet, paced, rtp, udp } from "./packets.js";

export const COUNT = 50;
export const payloads = Array.from({ length: COUNT }, (_, i) =>
  rtp({ seq: 65_500 + i, timestamp: i * 160, payloadType: 0, payload: 160 }),
);
export const ipv4Packets = payloads.map((payload) => ipv4(udp(payload, ENDS), ENDS));
export const ipv6Packets = payloads.map((payload) => ipv6(udp(payload, ENDS6), ENDS6));
export const frames = ipv4Packets.map((packet) => ethernet(packet));
/** Arrivals 1, 2, 3 … ms late in turn: a jitter that depends on every time being right. */
export const packets: Packet[] = paced(frames).map(({ bytes, timeNs }, i) => ({
  bytes,
  timeNs: timeNs + BigInt(i % 4) * 1_000_000n,
}));

/** The stream as packets.ts made it. */
const EXPECTED = {
  ssrc: 0xdecafbad,
  packets: COUNT,
  bytes: COUNT * 160,
  headerBytes: COUNT * 12,
  duplicated: 0,
  reordered: 0,
};

export function expectStream(analysis: Analysis, ends = ENDS): void {
  expect(analysis.streams).toHaveLength(1);
  expect(analysis.streams[0]?.record).toMatchObject(EXPECTED);
  expect(analysis.streams[0]?.stats).toMatchObject({
    packetsLost: 0,
    srcAddress: ends.src,
    srcPort: ends.srcPort,
    dstAddress: ends.dst,
    dstPort: ends.dstPort,
  });
  expect(analysis.datagrams.rtp).toBe(COUNT);
  expect(analysis.datagrams.seen).toBe(outcomesSum(analysis.datagrams));
}

/** Nanoseconds × 256. */
export const jitterOf = (analysis: Analysis): number => analysis.streams[0]?.record.jitterNsQ8 ?? Number.NaN;
