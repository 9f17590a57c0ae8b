// SPDX-License-Identifier: MIT
/**
 * Datagrams that are no media, some of whose first bytes look it. Oracle: the test knows that there is no RTP and no STUN
 * in them, so there is no stream and no pair; and seen is the sum of the outcomes, whatever the bytes.
 */
import { describe, expect, it } from "vitest";
import { analyzeBytes, outcomesSum } from "./analysis.js";
import { ENDS, type Ends, frame, pcap, reversed, rtp, START_NS, u16, u32 } from "./packets.js";

const COUNT = 10_000;

/** Numbers from 0 up to 2^32 by Marsaglia's xorshift: the same ones in every run. */
function generator(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function randomBytes(next: () => number, size: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(size / 4) }, () => u32(next()))).subarray(0, size);
}

const NAME = Buffer.from("\x07example\x03com\x00");

/** RFC 1035 section 4.1: questions, and answers with every response code; ids are random, so any first byte occurs. */
function dns(next: () => number): Buffer {
  const isAnswer = next() % 2 === 1;
  const flags = isAnswer ? 0x8180 | (next() % 6) : 0x0100;
  const counts = [u16(1), u16(isAnswer ? next() % 3 : 0), u16(0), u16(next() % 2)];
  return Buffer.concat([u16(next()), u16(flags), ...counts, NAME, u16(1), u16(1), randomBytes(next, next() % 40)]);
}

/** SERVFAIL, then NXDOMAIN to the same question: by its bytes RTP of one SSRC with numbers in sequence. */
function dnsTwice(_next: () => number, i: number): Buffer {
  const id = 0x8000 + (i >> 1);
  return Buffer.concat([u16(id), u16(0x8182 + (i % 2)), u16(1), u16(0), u16(0), u16(0), NAME, u16(1), u16(1)]);
}

/** RFC 6347 section 4.1, records of every content type. */
function dtls(next: () => number): Buffer {
  const body = randomBytes(next, 20 + (next() % 200));
  return Buffer.concat([
    Buffer.from([20 + (next() % 6), 254, 253]),
    u16(0),
    u16(0),
    u32(next()),
    u16(body.length),
    body,
  ]);
}

/** RFC 9000 section 17: long and short headers with RFC 9287's greased bit, so that any first byte occurs. */
function quic(next: () => number): Buffer {
  const first = next() % 256;
  const isLong = first >= 0x80;
  return Buffer.concat([
    Buffer.from([first]),
    isLong ? u32(1) : Buffer.alloc(0),
    Buffer.from("connection"),
    randomBytes(next, 200),
  ]);
}

/** WireGuard: initiation, response, cookie, data with a counter. */
function wireguard(next: () => number, i: number): Buffer {
  const [type, size] = (
    [
      [1, 148],
      [2, 92],
      [3, 64],
      [4, 128],
    ] as const
  )[i % 16 === 0 ? next() % 3 : 3] ?? [4, 128];
  const counter = Buffer.alloc(8);
  counter.writeUInt32LE(i);
  return Buffer.concat([Buffer.from([type, 0, 0, 0]), u32(0x01020304), counter, randomBytes(next, size - 16)]);
}

/** Version 2 in the first two bits, then anything. */
function almostRtp(next: () => number): Buffer {
  const bytes = randomBytes(next, 12 + (next() % 100));
  bytes[0] = 0x80 | ((bytes[0] as number) & 63);
  return bytes;
}

const KINDS: [string, (next: () => number, i: number) => Buffer][] = [
  ["DNS", dns],
  ["two DNS answers", dnsTwice],
  ["DTLS", dtls],
  ["QUIC", quic],
  ["WireGuard", wireguard],
  ["random bytes", (next) => randomBytes(next, next() % 300)],
  ["random bytes behind RTP's version", almostRtp],
  ["one datagram again and again", () => rtp({ seq: 7, timestamp: 7 })],
  ["numbers that leap", (_, i) => rtp({ seq: i * 4099, timestamp: i })],
];

describe.each(KINDS)("%s", (name, make) => {
  it.each<[string, (i: number) => Ends]>([
    ["on one 5-tuple in both directions", (i) => (i % 2 ? ENDS : reversed(ENDS))],
    ["from many ports", (i) => ({ ...ENDS, srcPort: 1024 + ((i >> 1) % 50_000) })],
  ])("%s: no stream, no pair", async (_, ends) => {
    const next = generator(name.length * 7919);
    const packets = Array.from({ length: COUNT }, (_value, i) => ({
      bytes: frame(make(next, i), ends(i)),
      timeNs: START_NS + BigInt(i) * 1_000_000n,
    }));
    const { streams, pairs, datagrams } = await analyzeBytes(pcap(packets));
    expect(streams.map(({ stats }) => stats)).toEqual([]);
    expect(pairs.map(({ stats }) => stats)).toEqual([]);
    expect(datagrams.seen).toBe(COUNT);
    expect(outcomesSum(datagrams)).toBe(COUNT);
    expect(datagrams).toMatchObject({ rtp: 0, stun: 0, rtcp: 0, tableFull: 0 });
  });
});

it("finds a stream among noise on its own 5-tuple", async () => {
  const next = generator(4242);
  const packets = Array.from({ length: 2000 }, (_, i) => ({
    bytes: frame(i % 4 === 0 ? rtp({ seq: i / 4, timestamp: i * 240, payload: 100 }) : almostRtp(next)),
    timeNs: START_NS + BigInt(i) * 5_000_000n,
  }));
  const { streams, datagrams } = await analyzeBytes(pcap(packets));
  expect(streams.map(({ stats }) => stats)).toMatchObject([
    { ssrc: 0xdecafbad, packetsReceived: 500, packetsLost: 0, clockRate: 48_000 },
  ]);
  expect(outcomesSum(datagrams)).toBe(2000);
});
