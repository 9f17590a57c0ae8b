// SPDX-License-Identifier: MIT
/**
 * `rtcprobe analyze --packets`. Oracles: the packets of each capture as oracle.ts reads them; its filters; schedules that the
 * test makes up; RFC 4180.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatRow } from "../src/csv.js";
import { jitters, rtpStreams } from "./oracle.js";
import {
  ENDS,
  ENDS6,
  ETHER_IPV6,
  ethernet,
  frame,
  ipv6,
  type Packet,
  pcap,
  reversed,
  rtp,
  START_NS,
  udp,
} from "./packets.js";
import { checkBuild, PROGRAM, runProgram } from "./program.js";

const TITLES = "time,src,dst,ssrc,payloadType,sequence,timestamp,marker,delta,jitter,jitterRfc3550,lostBefore";

let directory: string;
beforeAll(async () => {
  checkBuild();
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-packets-"));
});
afterAll(() => rm(directory, { recursive: true }));

type Line = Record<string, string>;

async function print(file: string, ...args: string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await runProgram(["analyze", "--packets", file, ...args]);
  expect([code, stderr]).toEqual([0, ""]);
  const [titles = "", ...lines] = stdout.trimEnd().split("\n");
  expect(titles).toBe(TITLES);
  const names = titles.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])));
}

async function printPackets(packets: Packet[], ...args: string[]): Promise<Line[]> {
  const file = join(directory, "made.pcap");
  await writeFile(file, pcap(packets));
  return print(file, ...args);
}

/** PCMU, a packet each 20 ms: [number, ms after the start]. */
const play = (steps: [index: number, atMs: number][], ssrc = 7, wrap = frame): Packet[] =>
  steps.map(([index, atMs]) => ({
    bytes: wrap(rtp({ seq: 65_530 + index, timestamp: 160 * index, ssrc, payloadType: 0, payload: 160 })),
    timeNs: START_NS + BigInt(atMs * 1e6),
  }));

describe("analyze --packets: the captures of real calls", () => {
  it.each(["plain-rtp/receiver.pcap", "chromium-impaired/receiver.pcap", "chromium-turn/client.pcap"])(
    "%s: every packet of every stream, in order, with its time to the nanosecond",
    async (name) => {
      const file = join(import.meta.dirname, "captures", name);
      const lines = await print(file);
      const truth = rtpStreams(file).filter(({ arrivals }) => arrivals.length > 2);
      expect(lines).toHaveLength(truth.reduce((sum, { arrivals }) => sum + arrivals.length, 0));
      for (const { ssrc, from, to, arrivals } of truth) {
        const own = lines.filter((line) => line.ssrc === String(ssrc) && line.src === from && line.dst === to);
        expect(own.map((line) => [line.sequence, line.timestamp, line.time?.replace(".", "")])).toEqual(
          arrivals.map(({ seq, timestamp, timeNs }) => [String(seq), String(timestamp), String(timeNs)]),
        );
        const deltas = arrivals.slice(1).map((a, i) => Number(a.timeNs - (arrivals[i] as typeof a).timeNs) / 1e9);
        expect(own.map(({ delta }) => delta)).toEqual(["", ...deltas.map((delta) => delta.toFixed(9))]);
        const last = own.at(-1);
        if (last?.jitter === "") continue;
        const rate = { "0": 8000, "96": ssrc === 1_548_096_807 ? 90_000 : 48_000, "111": 48_000 }[
          last?.payloadType ?? ""
        ];
        const { everyPacket, inOrder } = jitters(arrivals, rate ?? 90_000);
        expect(Number(last?.jitterRfc3550)).toBeCloseTo(everyPacket, 6);
        expect(Number(last?.jitter)).toBeCloseTo(inOrder, 6);
      }
    },
  );
});

describe("analyze --packets: a schedule", () => {
  it("lost before: the numbers that are skipped; none for what is late, repeated or a restart", async () => {
    const steps: [number, number][] = [
      [0, 0],
      [1, 20],
      [2, 40],
      [5, 100], // 3 and 4 are missing
      [4, 101], // late
      [5, 102], // again
      [8, 160], // over the wrap of the sequence number
      [20_000, 200], // the sender begins anew
      [20_001, 220],
    ];
    const lines = await printPackets(play(steps));
    expect(lines.map((line) => Number(line.lostBefore))).toEqual([0, 0, 0, 2, 0, 0, 2, 0, 0]);
    expect(lines.map((line) => Number(line.sequence))).toEqual(steps.map(([index]) => (65_530 + index) & 0xffff));
    expect(lines.map((line) => line.delta)).toEqual(
      ["", 20, 20, 60, 1, 1, 58, 40, 20].map((ms) => (ms === "" ? "" : (Number(ms) / 1000).toFixed(9))),
    );
  });

  it("packets of probation appear once the stream is confirmed, and never if it is none", async () => {
    const voice = play([0, 1, 2, 3].map((i) => [i, 20 * i]));
    const noise = play(
      [
        [9, 5],
        [1000, 15],
        [30_000, 25],
      ] as [number, number][],
      8,
    );
    const lines = await printPackets([...voice, ...noise].sort((a, b) => Number(a.timeNs - b.timeNs)));
    expect(lines.map(({ ssrc }) => ssrc)).toEqual(["7", "7", "7", "7"]);
  });

  it("what is sent from here has no jitter, and ends of IPv6 stand in brackets", async () => {
    const packets = play(
      [0, 1, 2].map((i) => [i, 20 * i]),
      7,
      (payload: Buffer) => ethernet(ipv6(udp(payload, ENDS6), ENDS6), ETHER_IPV6),
    );
    const [line] = await printPackets(packets, "--local", ENDS6.src);
    expect(line).toMatchObject({ src: "[2001:db8::1]:5004", dst: "[2001:db8::2]:6004", jitter: "", jitterRfc3550: "" });
    const [other] = await printPackets(play([0, 1, 2].map((i) => [i, 20 * i])), "--local", reversed(ENDS).src);
    expect(other).toMatchObject({ jitter: "0.000000000" });
  });

  it("a reader that has enough ends it without an error", async () => {
    const file = join(import.meta.dirname, "captures", "chromium-impaired", "receiver.pcap");
    const command = `${PROGRAM} analyze --packets ${file} | head -2`;
    const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
      execFile("/bin/sh", ["-c", command], (_, out, err) => resolve({ stdout: out, stderr: err }));
    });
    expect(stdout.split("\n")[0]).toBe(TITLES);
    expect(stderr).toBe("");
  });

  it("excludes other forms of output", async () => {
    for (const other of [["--json"], ["--interval", "1s"]]) {
      const { code, stderr } = await runProgram(["analyze", "--packets", "x.pcap", ...other]);
      expect([code, stderr]).toEqual([2, "rtcprobe: --packets excludes --json and --interval; leave them out\n"]);
    }
  });
});

it("a cell is quoted as RFC 4180 has it", () => {
  expect(formatRow(["a", 'b"c', "d,e", "f\ng", "h\r", undefined, 0, true])).toBe('a,"b""c","d,e","f\ng","h\r",,0,true');
});
