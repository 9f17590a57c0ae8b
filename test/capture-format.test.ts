// SPDX-License-Identifier: MIT
/**
 * Capture files of every kind. Oracle: the stream of referencestream.ts,
 * whose schedule is known; whatever it is wrapped in, the same record must come out.
 */
import { describe, expect, it } from "vitest";
import { analyzeBytes } from "./analysis.js";
import { type Packet, pcap, pcapngWriter, START_NS, u32 } from "./packets.js";
import { COUNT, expectStream, frames, jitterOf, packets } from "./referencestream.js";

describe("pcap", async () => {
  const reference = await analyzeBytes(pcap(packets));

  it.each([
    ["nanoseconds, little endian", { nanoseconds: true, bigEndian: false }],
    ["nanoseconds, big endian", { nanoseconds: true, bigEndian: true }],
    ["microseconds, little endian", { nanoseconds: false, bigEndian: false }],
    ["microseconds, big endian", { nanoseconds: false, bigEndian: true }],
    ["modified", { modified: true }],
  ])("%s", async (_, options) => {
    const analysis = await analyzeBytes(pcap(packets, options));
    expectStream(analysis);
    expect(jitterOf(analysis)).toBe(jitterOf(reference));
    expect(analysis.streams[0]?.record.firstMs).toBe(Number(START_NS / 1_000_000n));
  });

  it("takes sizes from the headers where the packets were cut off", async () => {
    const cut = packets.map((packet) => ({ ...packet, captured: 14 + 20 + 8 + 12 }));
    expectStream(await analyzeBytes(pcap(cut)));
  });

  it("does not count the padding of short Ethernet frames as payload", async () => {
    const padded = packets.map((packet) => ({ ...packet, bytes: Buffer.concat([packet.bytes, Buffer.alloc(40)]) }));
    expectStream(await analyzeBytes(pcap(padded)));
  });
});

describe("pcapng", async () => {
  const reference = await analyzeBytes(pcap(packets));
  const resolution = (code: number) => (writer: ReturnType<typeof pcapngWriter>) =>
    writer.option(9, Buffer.from([code]));

  describe.each([
    ["little endian", false],
    ["big endian", true],
  ])("%s", (_, bigEndian) => {
    const w = pcapngWriter(bigEndian);
    const file = (options: Buffer, units: (ns: bigint) => bigint): Buffer =>
      Buffer.concat([
        w.section(),
        w.interface(1, options),
        ...packets.map(({ bytes, timeNs }) => w.packet(bytes, units(timeNs))),
      ]);

    it.each([
      ["microseconds by default", Buffer.alloc(0), (ns: bigint) => ns / 1000n],
      ["nanoseconds", resolution(9)(w), (ns: bigint) => ns],
      ["milliseconds", resolution(3)(w), (ns: bigint) => ns / 1_000_000n],
      [
        "picoseconds since 2023",
        Buffer.concat([resolution(12)(w), w.option(14, bigEndian ? offset() : Buffer.from(offset()).reverse())]),
        (ns: bigint) => (ns - START_NS) * 1000n,
      ],
    ])("%s", async (_name, options, units) => {
      const analysis = await analyzeBytes(file(options, units));
      expectStream(analysis);
      expect(jitterOf(analysis)).toBe(jitterOf(reference));
      expect(analysis.streams[0]?.record.firstMs).toBe(Number(START_NS / 1_000_000n));
    });

    it("2^-30 seconds", async () => {
      const analysis = await analyzeBytes(file(resolution(128 | 30)(w), (ns) => (ns << 30n) / 1_000_000_000n));
      expectStream(analysis);
      expect(Math.abs(jitterOf(analysis) - jitterOf(reference)) / 256).toBeLessThan(2);
    });

    it("old packet blocks, unknown blocks, and a second section with other interfaces", async () => {
      const half = COUNT / 2;
      const other = pcapngWriter(!bigEndian);
      const bytes = Buffer.concat([
        w.section(),
        w.block(0x0bad0001, Buffer.alloc(300_000)),
        w.interface(101),
        w.interface(1, resolution(9)(w)),
        ...packets.slice(0, half).map((packet) => w.oldPacket(packet.bytes, packet.timeNs, 1)),
        w.block(5, u32(0), Buffer.alloc(20)),
        other.section(),
        other.interface(101, other.option(9, Buffer.from([9]))),
        ...packets.slice(half).map((packet) => other.packet(packet.bytes.subarray(14), packet.timeNs, 0)),
      ]);
      const analysis = await analyzeBytes(bytes);
      expectStream(analysis);
      expect(jitterOf(analysis)).toBe(jitterOf(reference));
    });

    it("a packet later than any time is counted, and the reading ends", async () => {
      const units = (i: number): bigint => (i === 20 ? 2n ** 64n - 1n : (packets[i] as Packet).timeNs);
      const bytes = Buffer.concat([
        w.section(),
        w.interface(1, resolution(9)(w)),
        ...packets.map((packet, i) => w.packet(packet.bytes, units(i))),
      ]);
      const { streams, frames } = await analyzeBytes(bytes);
      expect(frames.total).toBe(COUNT);
      expect(streams[0]?.record.packets).toBe(COUNT);
    });

    it("simple packet blocks, which have no time", async () => {
      const bytes = Buffer.concat([w.section(), w.interface(1), ...frames.map((frame) => w.simplePacket(frame))]);
      expectStream(await analyzeBytes(bytes));
    });
  });

  /** if_tsoffset: seconds that are added, here those up to the first packet. */
  function offset(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(START_NS / 1_000_000_000n);
    return bytes;
  }
});
