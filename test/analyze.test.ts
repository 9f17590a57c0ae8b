// SPDX-License-Identifier: MIT
/** `rtcprobe analyze` as a user runs it. Oracles: a capture written here packet by packet, and captures/truth.json. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InboundRtpStats, Sample } from "../src/stats.js";
import { ENDS, frame, type Packet, pcap, reversed, rtp, START_NS } from "./packets.js";
import { checkBuild, runProgram } from "./program.js";

const START_MS = Number(START_NS / 1_000_000n);

let directory: string;
let file: string;

/** A packet at so many ms after the start. */
function at(ms: number, bytes: Buffer): Packet {
  return { bytes, timeNs: START_NS + BigInt(Math.round(ms * 1e6)) };
}

/** 50 packets a second of 8 kHz PCMU, from a second on, without the numbers in `lost`. */
function voice(ssrc: number, fromMs: number, seconds: number, lost: number[] = [], ends = ENDS): Packet[] {
  return Array.from({ length: 50 * seconds }, (_, i) => i)
    .filter((i) => !lost.includes(i))
    .map((i) => {
      const packet = rtp({ ssrc, seq: 1000 + i, timestamp: 160 * i, payloadType: 0, payload: 160 });
      return at(fromMs + 20 * i, frame(packet, ends));
    });
}

async function analyze<T>(...args: string[]): Promise<T[]> {
  const { code, stdout, stderr } = await runProgram(["analyze", file, "--json", ...args]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

/** The one sample of the whole file. */
async function analyzeWhole(...args: string[]): Promise<Sample> {
  const [sample, ...rest] = await analyze<Sample>(...args);
  expect(rest).toEqual([]);
  return sample as Sample;
}

const inbound = (sample: Sample | undefined): InboundRtpStats[] => (sample?.streams ?? []) as InboundRtpStats[];

beforeAll(async () => {
  checkBuild();
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-analyze-"));
  file = join(directory, "call.pcap");
  const packets = [...voice(0xbbbb, 1010, 2, [7, 60, 61], reversed(ENDS)), ...voice(0xaaaa, 0, 4)];
  packets.sort((a, b) => Number(a.timeNs - b.timeNs));
  await writeFile(file, pcap(packets));
});
afterAll(() => rm(directory, { recursive: true }));

describe("analyze --json", () => {
  it("is one object, its streams in the order of their first packets", async () => {
    const analysis = await analyzeWhole();
    expect(Object.keys(analysis)).toEqual([
      "timestamp",
      "streams",
      "candidatePairs",
      "iceServers",
      "reports",
      "datagrams",
    ]);
    expect(analysis.timestamp).toBe(START_MS + 3980); // the last packet
    expect(analysis.candidatePairs).toEqual([]);
    expect(analysis.datagrams).toMatchObject({ seen: 297, rtp: 297, unknown: 0 });
    expect(analysis.streams).toMatchObject([
      { type: "inbound-rtp", ssrc: 0xaaaa, packetsReceived: 200, packetsLost: 0, bytesReceived: 32_000 },
      {
        type: "inbound-rtp",
        ssrc: 0xbbbb,
        packetsReceived: 97,
        packetsLost: 3,
        clockRate: 8000,
        clockRateSource: "static",
      },
    ]);
    for (const stream of analysis.streams) expect(stream).not.toHaveProperty("bitsPerSecond");
  });

  it("--local says which end is ours, repeated or with commas", async () => {
    const types = async (...args: string[]) => (await analyzeWhole(...args)).streams.map(({ type }) => type);
    expect(await types("--local", ENDS.src)).toEqual(["outbound-rtp", "inbound-rtp"]);
    expect(await types("--local", ENDS.dst)).toEqual(["inbound-rtp", "outbound-rtp"]);
    expect(await types("--local", `203.0.113.1,${ENDS.dst}`)).toEqual(["inbound-rtp", "outbound-rtp"]);
    expect(await types("--local", "203.0.113.1", "--local", ENDS.src)).toEqual(["outbound-rtp", "inbound-rtp"]);
  });

  it("--clock-rate is over what is known of a payload type: the same jitter in ms needs it right", async () => {
    const analysis = await analyzeWhole("--clock-rate", "0=16000");
    const [stream] = inbound(analysis);
    expect(stream).toMatchObject({ clockRate: 16_000, clockRateSource: "configured" });
    // Each packet seems 10 ms late against timestamps that count twice as fast: the filter of A.8 goes to 10 ms.
    expect(stream?.jitter).toBeCloseTo(0.01, 4);
  });
});

describe("analyze --interval", () => {
  it("is one line per interval, each of what came before its end, and the last of all", async () => {
    const samples = await analyze<Sample>("--interval", "1s");
    expect(samples.map(({ timestamp }) => timestamp - START_MS)).toEqual([1000, 2000, 3000, 3980]);
    expect(samples.map(({ timeNs }) => BigInt(timeNs) - START_NS)).toEqual([
      10n ** 9n,
      2n * 10n ** 9n,
      3n * 10n ** 9n,
      3_980_000_000n,
    ]);
    const received = (ssrc: number) =>
      samples.map((sample) => inbound(sample).find((s) => s.ssrc === ssrc)?.packetsReceived);
    expect(received(0xaaaa)).toEqual([50, 100, 150, 200]);
    // From 1010 ms on, 50 a second; number 7 is lost before 2000, 60 and 61 before 3000.
    expect(received(0xbbbb)).toEqual([undefined, 49, 97, 97]);
    const second = inbound(samples[2])[1];
    expect(second).toMatchObject({ packetsLost: 3, fractionLost: 2 / 50, packetsPerSecond: 48, bitsPerSecond: 61_440 });
    const whole = await analyzeWhole();
    expect(samples.at(-1)?.datagrams).toEqual(whole.datagrams);
  });

  it("a pause is shown interval by interval, but a clock that jumps by years makes no millions of lines", async () => {
    file = join(directory, "pause.pcap");
    const hour = 3_600_000;
    await writeFile(file, pcap([...voice(1, 0, 1), ...voice(1, 10_000, 1), ...voice(2, 100_000 * hour, 1)]));
    const samples = await analyze<Sample>("--interval", "1s");
    const ends = samples.map(({ timestamp }) => timestamp - START_MS);
    expect(ends).toEqual([...Array(11).keys()].map((i) => (i + 1) * 1000).concat(100_000 * hour + 980));
  });

  it("without --json, a table per interval", async () => {
    const { code, stdout } = await runProgram(["analyze", file, "--interval", "10s"]);
    expect(code).toBe(0);
    expect(stdout.match(/^\d{4}-\d\d-\d\dT/gm)).toHaveLength(3);
  });
});

describe("the captures of real calls", () => {
  it("have the streams of truth.json, through the program as a user runs it", async () => {
    const captures = join(import.meta.dirname, "captures");
    const truth = JSON.parse(await readFile(join(captures, "truth.json"), "utf8")) as Record<
      string,
      { streams: { ssrc: number; lost: number }[] }
    >;
    expect(Object.keys(truth)).not.toEqual([]);
    for (const [name, { streams }] of Object.entries(truth)) {
      file = join(captures, name);
      const analysis = await analyzeWhole();
      const found = inbound(analysis).map(({ ssrc, packetsLost: lost }) => ({ ssrc, lost }));
      const bySsrc = (a: { ssrc: number }, b: { ssrc: number }) => a.ssrc - b.ssrc;
      expect(found.sort(bySsrc), name).toEqual(streams.map(({ ssrc, lost }) => ({ ssrc, lost })).sort(bySsrc));
    }
  });
});
