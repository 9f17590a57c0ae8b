// SPDX-License-Identifier: MIT
/**
 * Datagrams that are no media, some of whose first bytes look it. Oracle: the test knows that there is no RTP and no STUN
 * in them, so there is no stream and no pair; and seen is the sum of the outcomes, whatever the bytes. With
 * RTCPROBE_NOISE=1000000 there are so many of each.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { analyzeBytes, analyzeFile, outcomesSum } from "./analysis.js";
import { CaptureWriter } from "./capturewriter.js";
import { NOISE_BYTES, NOISES, type Noise } from "./noise.js";
import { ENDS, type Ends, frame, pcap, reversed, rtp, START_NS } from "./packets.js";
import { RandomBytes } from "./random.js";

const COUNT = Number(process.env.RTCPROBE_NOISE ?? 50_000);
const CHUNK = 1 << 20;

const KINDS: Record<string, Noise> = {
  ...NOISES,
  "one datagram again and again": (bytes) => rtp({ seq: 7, timestamp: 7 }).copy(bytes),
  "numbers that leap": (bytes, i) => rtp({ seq: i * 4099, timestamp: i }).copy(bytes),
};

const PORTS: Ends[] = Array.from({ length: 50_000 }, (_, i) => ({ ...ENDS, srcPort: 1024 + i }));
const BACK = reversed(ENDS);

/** A datagram each 0.1 ms. */
function writeNoise(path: string, noise: Noise, ends: (i: number) => Ends, seed: number): void {
  const random = new RandomBytes(seed);
  const writer = new CaptureWriter();
  const file = openSync(path, "w");
  for (let i = 0; i < COUNT; i++) {
    const bytes = random.take(NOISE_BYTES);
    const size = noise(bytes, i);
    writer.add(ends(i), bytes.subarray(0, size), i * 100_000, size);
    if (writer.size > CHUNK) writeSync(file, writer.take());
  }
  writeSync(file, writer.take());
  closeSync(file);
}

describe.each(Object.entries(KINDS))("%s", (name, noise) => {
  let directory = "";

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "rtcprobe-noise-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it.each<[string, (i: number) => Ends]>([
    ["on one 5-tuple in both directions", (i) => (i % 2 ? ENDS : BACK)],
    ["from many ports", (i) => PORTS[(i >> 1) % PORTS.length] as Ends],
  ])(`${COUNT} %s: no stream, no pair`, { timeout: 120_000 }, async (_, ends) => {
    const file = join(directory, "noise.pcap");
    writeNoise(file, noise, ends, name.length);
    const { streams, pairs, datagrams } = await analyzeFile(file);
    expect(streams.map(({ stats }) => stats)).toEqual([]);
    expect(pairs.map(({ stats }) => stats)).toEqual([]);
    expect(datagrams.seen).toBe(COUNT);
    expect(outcomesSum(datagrams)).toBe(COUNT);
    expect(datagrams).toMatchObject({ rtp: 0, rtcp: 0, stun: 0, tableFull: 0 });
  });
});

it("finds a stream among noise on its own 5-tuple", async () => {
  const random = new RandomBytes(4242);
  const almostRtp = (i: number): Buffer => {
    const bytes = random.take(NOISE_BYTES);
    return bytes.subarray(0, NOISES["random bytes behind RTP's version"]?.(bytes, i));
  };
  const packets = Array.from({ length: 2000 }, (_, i) => ({
    bytes: frame(i % 4 === 0 ? rtp({ seq: i / 4, timestamp: i * 240, payload: 100 }) : almostRtp(i)),
    timeNs: START_NS + BigInt(i) * 5_000_000n,
  }));
  const { streams, datagrams } = await analyzeBytes(pcap(packets));
  expect(streams.map(({ stats }) => stats)).toMatchObject([
    { ssrc: 0xdecafbad, packetsReceived: 500, packetsLost: 0, clockRate: 48_000 },
  ]);
  expect(outcomesSum(datagrams)).toBe(2000);
});
