// SPDX-License-Identifier: MIT
/**
 * Files that are cut off, corrupt, no captures or no files, and pipes. Oracle: the stream of referencestream.ts, and the byte
 * where packets.ts put the fault.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { addon, rowCount, type Snapshot } from "../src/native.js";
import { analyzeBytes, analyzeFile, withFile } from "./analysis.js";
import { CaptureWriter } from "./capturewriter.js";
import { ENDS, pcap, pcapngWriter, rtp, stun, u32 } from "./packets.js";
import { COUNT, expectStream, frames, packets } from "./referencestream.js";

describe("files that are not whole or not captures", () => {
  const good = pcap(packets);
  const w = pcapngWriter(false);

  it.each([
    ["in a packet", good.subarray(0, good.length - 1)],
    ["in a record header", good.subarray(0, good.length - 16 - (frames[0] as Buffer).length + 3)],
    [
      "in a pcapng block",
      Buffer.concat([w.section(), w.interface(1), ...frames.map((f) => w.packet(f, 0n))]).subarray(0, -1),
    ],
    [
      "in an unknown pcapng block",
      Buffer.concat([w.section(), w.interface(1), w.block(99, Buffer.alloc(99)).subarray(0, 40)]),
    ],
  ])("is cut off %s: what is there counts", async (_, bytes) => {
    const analysis = await analyzeBytes(bytes);
    expect(analysis.frames.truncatedFile).toBe(true);
    expect(analysis.datagrams.seen).toBe(analysis.frames.total);
  });

  it("counts every whole packet of a file that is cut off", async () => {
    const analysis = await analyzeBytes(good.subarray(0, good.length - 1));
    expect(analysis.frames.total).toBe(COUNT - 1);
    expect(analysis.streams[0]?.record.packets).toBe(COUNT - 1);
  });

  it.each([
    ["an empty file", Buffer.alloc(0), /empty/],
    ["three bytes", good.subarray(0, 3), /ends within its magic number/],
    ["half a header", good.subarray(0, 20), /ends within its header/],
    [
      "text",
      Buffer.from("sequence,time\n1,2\n"),
      /neither pcap, pcapng, rtpdump nor a log of packets: magic number 0x73657175/,
    ],
    ["gzip", gzipSync(good), /gunzip it first/],
    ["an unknown link type", pcap(packets, { linkType: 195 }), /unknown link type 195 at byte 0/],
    [
      "an unknown link type in pcapng",
      Buffer.concat([w.section(), w.interface(195), w.packet(frames[0] as Buffer, 0n)]),
      /unknown link type 195 at byte 52/,
    ],
    [
      "a packet of 2 GiB",
      Buffer.concat([pcap([]), Buffer.alloc(8), u32(0x80), u32(0x80), Buffer.alloc(99)]),
      /a packet of 2147483648 bytes at byte 24/,
    ],
    [
      "a pcapng of another version",
      Buffer.concat([w.block(0x0a0d0d0a, w.w32(0x1a2b3c4d), w.w16(9), w.w16(0), Buffer.alloc(8))]),
      /pcapng version 9/,
    ],
    [
      "a section without a byte order",
      Buffer.concat([w.block(0x0a0d0d0a, Buffer.alloc(16))]),
      /without a byte-order magic/,
    ],
    [
      "a block of 5 bytes",
      Buffer.concat([w.section(), w.w32(6), w.w32(5), Buffer.alloc(20)]),
      /a block of 5 bytes at byte 28/,
    ],
    [
      "a section of more interfaces than anybody has",
      Buffer.concat([w.section(), ...Array.from({ length: 65_537 }, () => w.interface(1))]),
      /more than 65536 interfaces in a section at byte/,
    ],
    ["lengths that differ", Buffer.concat([w.section(), w.interface(1).fill(0, 20)]), /two lengths differ at byte 28/],
    [
      "an interface that is not described",
      Buffer.concat([w.section(), w.packet(frames[0] as Buffer, 0n, 3)]),
      /interface 3/,
    ],
    [
      "a packet longer than its block",
      Buffer.concat([
        w.section(),
        w.interface(1),
        w.block(6, Buffer.alloc(12), w.w32(500), w.w32(500), Buffer.alloc(40)),
      ]),
      /a packet of 500 bytes/,
    ],
    [
      "an option longer than its block",
      Buffer.concat([w.section(), w.block(1, w.w16(1), w.w16(0), w.w32(0), w.w16(9), w.w16(900), w.w32(0))]),
      /option that runs out/,
    ],
  ])("refuses %s with one line that says where", async (_, bytes, message) => {
    await withFile(bytes, async (path) => {
      const error = await analyzeFile(path).then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error).toMatchObject({ code: "ERR_PCAP_FORMAT", path });
      expect(error?.message).toMatch(message);
      expect(error?.message.startsWith(`${path}: `)).toBe(true);
      expect(error?.message).not.toContain("\n");
    });
  });

  it("keeps what was read before a corrupt record, and reads no further", async () => {
    const bytes = Buffer.concat([good, Buffer.alloc(8, 0xff), Buffer.alloc(8, 0xff), good]);
    await withFile(bytes, async (path) => {
      const capture = addon.openCapture(path, { local: [], clockRates: {} });
      await expect(capture.read()).rejects.toMatchObject({ code: "ERR_PCAP_FORMAT" });
      expect(capture.snapshot().datagrams).toMatchObject({ seen: COUNT, rtp: COUNT });
      expect(await capture.read()).toBe(false);
      capture.close();
    });
  });

  it("reports a directory and a missing file as the system does", async () => {
    await withFile(good, async (path) => {
      const directory = `${path}.d`;
      mkdirSync(directory);
      await expect(analyzeFile(directory)).rejects.toMatchObject({ code: "EISDIR", syscall: "read", path: directory });
      const missing = join(directory, "missing");
      await expect(analyzeFile(missing)).rejects.toMatchObject({
        code: "ENOENT",
        errno: -2,
        syscall: "open",
        path: missing,
      });
    });
  });
});

describe("pipes", () => {
  it("reads a FIFO that is filled slowly", async () => {
    await withFile(pcap(packets), async (path) => {
      const fifo = `${path}.fifo`;
      execFileSync("mkfifo", [fifo]);
      const reading = analyzeFile(fifo);
      const writer = spawn("sh", ["-c", `(head -c 1000 "$0"; sleep 0.2; tail -c +1001 "$0") > "$1"`, path, fifo]);
      expectStream(await reading);
      writer.kill();
    });
  });

  it("is let go of by close() while it waits", async () => {
    await withFile(pcap(packets), async (path) => {
      const fifo = `${path}.fifo`;
      execFileSync("mkfifo", [fifo]);
      const capture = addon.openCapture(fifo, { local: [], clockRates: {} });
      const reading = capture.read();
      expect(() => capture.snapshot()).toThrow(expect.objectContaining({ code: "ERR_BUSY" }));
      expect(() => capture.frames()).toThrow(expect.objectContaining({ code: "ERR_BUSY" }));
      await expect(capture.read()).rejects.toMatchObject({ code: "ERR_BUSY" });
      capture.close();
      await expect(reading).rejects.toMatchObject({ code: "ERR_CLOSED" });
      expect(() => capture.snapshot()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    });
  });
});

describe("more streams and pairs than a file may have", () => {
  const [STREAMS, PAIRS] = [2 ** 18, 2 ** 15];
  const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

  async function snapshotOf(writer: CaptureWriter): Promise<Snapshot> {
    return withFile(Buffer.from(writer.take()), async (path) => {
      const capture = addon.openCapture(path, { local: [], clockRates: {} });
      while (await capture.read());
      const snapshot = capture.snapshot();
      capture.close();
      return snapshot;
    });
  }

  it("every datagram beyond them is told, of SSRCs by chance at one time", async () => {
    const count = 1.25 * STREAMS;
    const writer = new CaptureWriter();
    for (const ssrc of ids(count)) writer.add(ENDS, rtp({ seq: 1, timestamp: 1, ssrc, payload: 0 }), 0);
    const { datagrams } = await snapshotOf(writer);
    expect(datagrams.unconfirmed + datagrams.tableFull).toBe(count);
    expect(datagrams.unconfirmed).toBeLessThanOrEqual(STREAMS);
    expect(datagrams.unconfirmed).toBeGreaterThan(0.9 * STREAMS);
  });

  it("and of STUN requests from everywhere", async () => {
    const count = 1.25 * PAIRS;
    const writer = new CaptureWriter();
    for (const id of ids(count))
      writer.add({ ...ENDS, src: `10.0.${id >> 8}.${id & 255}` }, stun(0x0001, id), id * 1e6);
    const { datagrams, pairs } = await snapshotOf(writer);
    expect(rowCount(pairs)).toBe(datagrams.stun);
    expect(datagrams.stun + datagrams.tableFull).toBe(count);
    expect(datagrams.stun).toBeLessThanOrEqual(PAIRS);
    expect(datagrams.stun).toBeGreaterThan(0.9 * PAIRS);
  });
});
