// SPDX-License-Identifier: MIT
/**
 * Files of many blocks, which two threads read. Oracles: the schedule of the packets written here; and the same bytes through a
 * pipe, which one thread reads.
 */
import { execFileSync, spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { addon } from "../src/native.js";
import { analyzeFile, withFile } from "./analysis.js";
import { frame, type Packet, paced, pcap, pcapngWriter, rtcp, rtp, START_NS, stun, USERNAME } from "./packets.js";

const COUNT = 12_000;
const STREAMS = 1_000;
const GAP_MS = 0.5;
const MIDDLE_MS = Number(START_NS / 1_000_000n) + 6_000 * GAP_MS;

/** Sizes without a common divisor, so that a block ends at each part of a packet; a thousand streams, in turn. */
const packets: Packet[] = paced(
  Array.from({ length: COUNT }, (_, i) => {
    const turn = Math.floor(i / STREAMS);
    const payload = 300 + ((i * 37) % 701);
    return frame(rtp({ ssrc: 1 + (i % STREAMS), seq: turn, timestamp: turn * 480, payload }));
  }),
  GAP_MS,
);
const bytes = pcap(packets);

/** The one at `i` of packets of all kinds: what is not plain, or not next, takes other ways than what is. */
function mixed(i: number): Buffer {
  const stream = i % 600;
  const turn = Math.floor(i / 600);
  const seq = i % 37 === 0 ? Math.max(turn - 1, 0) : turn + (i % 600 < 20 && turn > 9 ? 2 : 0);
  if (i % 97 === 0) return stun(0x0001, i, USERNAME);
  if (i % 89 === 0) return rtcp(200, 0, 1 + stream, 0x83aa7e80, i, turn * 480, turn, 100 * turn);
  return rtp({
    ssrc: 1 + stream,
    seq,
    timestamp: seq * 480,
    payload: 300 + ((i * 37) % 701),
    csrcs: i % 61 === 0 ? 1 : 0,
    ...(stream % 5 === 0 && { extension: Buffer.from([0x10, turn & 127, 0x31, turn >> 8, turn & 255, 0, 0, 0]) }),
  });
}

/** All columns of all records, and where each step of a second ended. */
async function recordsOf(path: string) {
  const capture = addon.openCapture(path, { local: ["198.51.100.2"], clockRates: {} });
  const ends: unknown[] = [];
  for (let until = Number(START_NS / 1_000_000n); await capture.read(until); until += 1_000)
    ends.push([capture.frames(), capture.snapshot().datagrams]);
  const { streams, pairs, reports, depths, datagrams } = capture.snapshot();
  capture.close();
  return { ends, streams, pairs, reports, depths, datagrams };
}

describe("a file of many blocks", () => {
  it("is counted to the last packet", async () => {
    expect(bytes.length).toBeGreaterThan(7 * 2 ** 20);
    const { datagrams, streams, frames } = await withFile(bytes, (path) => analyzeFile(path));
    expect(frames).toMatchObject({ total: COUNT, other: 0, truncatedFile: false });
    expect(datagrams).toMatchObject({ seen: COUNT, rtp: COUNT });
    expect(streams.map(({ record }) => [record.ssrc, record.packets, record.maxSeq - record.baseSeq])).toEqual(
      Array.from({ length: STREAMS }, (_, i) => [1 + i, COUNT / STREAMS, COUNT / STREAMS - 1]),
    );
  });

  it("is counted the same whenever which thread is faster", async () => {
    await withFile(bytes, async (path) => {
      for (let reading = 0; reading < 60; reading++) {
        const capture = addon.openCapture(path, { local: [], clockRates: {} });
        await capture.read();
        expect(capture.snapshot().datagrams).toMatchObject({ seen: COUNT, rtp: COUNT });
        capture.close();
      }
    });
  });

  it("gives the records that a pipe gives", async () => {
    await withFile(bytes, async (path) => {
      const fifo = `${path}.fifo`;
      execFileSync("mkfifo", [fifo]);
      const writer = spawn("sh", ["-c", 'cat "$0" > "$1"', path, fifo]);
      const [fromFile, fromPipe] = [await analyzeFile(path), await analyzeFile(fifo)];
      writer.kill();
      expect(fromPipe).toEqual(fromFile);
    });
  });

  it("gives all records that a pipe gives, whatever its packets are", async () => {
    const file = pcap(
      paced(
        Array.from({ length: COUNT }, (_, i) => frame(mixed(i))),
        GAP_MS,
      ),
    );
    await withFile(file, async (path) => {
      const fifo = `${path}.fifo`;
      execFileSync("mkfifo", [fifo]);
      const writer = spawn("sh", ["-c", 'cat "$0" > "$1"', path, fifo]);
      const [fromFile, fromPipe] = [await recordsOf(path), await recordsOf(fifo)];
      writer.kill();
      expect(fromFile.ends).toHaveLength(6);
      expect(fromFile.datagrams).toMatchObject({ seen: COUNT, rtp: expect.any(Number) });
      expect(fromFile.datagrams.rtp).toBeGreaterThan(10_000);
      expect(fromPipe).toEqual(fromFile);
    });
  });

  it("keeps what came before a fault", async () => {
    const at = 24 + packets.slice(0, 9_000).reduce((sum, packet) => sum + 16 + packet.bytes.length, 0);
    const broken = Buffer.from(bytes);
    broken.writeUInt32LE(2 ** 31, at + 8);
    await withFile(broken, async (path) => {
      const capture = addon.openCapture(path, { local: [], clockRates: {} });
      await expect(capture.read()).rejects.toThrow(`a packet of 2147483648 bytes at byte ${at}`);
      expect(capture.snapshot().datagrams.rtp).toBe(9_000);
      capture.close();
    });
  });

  it("stops at a time, and goes on", async () => {
    await withFile(bytes, async (path) => {
      const capture = addon.openCapture(path, { local: [], clockRates: {} });
      expect(await capture.read(MIDDLE_MS)).toBe(true);
      expect(capture.snapshot().datagrams.seen).toBe(6_000);
      expect(await capture.read()).toBe(false);
      expect(capture.snapshot().datagrams.seen).toBe(COUNT);
      capture.close();
    });
  });

  it("is left in the middle when it is closed", async () => {
    await withFile(bytes, async (path) => {
      const capture = addon.openCapture(path, { local: [], clockRates: {} });
      await capture.read(MIDDLE_MS);
      const reading = capture.read();
      capture.close();
      // It may have been faster than the close.
      await reading.catch((error) => expect(error).toMatchObject({ code: "ERR_CLOSED" }));
    });
  });

  it("may be of the shortest packets and of the longest", async () => {
    const empty = pcap(paced(Array(300_000).fill(Buffer.alloc(0)), GAP_MS));
    const longest = pcap(paced(Array(20).fill(Buffer.alloc(2 ** 18)), GAP_MS));
    for (const [file, total] of [
      [empty, 300_000],
      [longest, 20],
    ] as const) {
      const { frames } = await withFile(file, (path) => analyzeFile(path));
      expect(frames).toMatchObject({ total, other: total, truncatedFile: false });
      const cut = await withFile(file.subarray(0, -1), (path) => analyzeFile(path));
      expect(cut.frames.truncatedFile).toBe(true);
    }
  });

  it("may hold blocks of pcapng larger than those that are read", async () => {
    const w = pcapngWriter(false);
    const unknown = w.block(99, Buffer.alloc(3 * 2 ** 20));
    const times = packets.slice(0, 9).map(({ bytes }, i) => w.packet(bytes, BigInt(i)));
    const file = Buffer.concat([w.section(), w.interface(1), ...times.flatMap((packet) => [packet, unknown])]);
    const { frames, datagrams } = await withFile(file, (path) => analyzeFile(path));
    expect(frames).toMatchObject({ total: 9, truncatedFile: false });
    expect(datagrams.seen).toBe(9);
  });
});
