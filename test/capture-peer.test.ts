// SPDX-License-Identifier: MIT
/**
 * What other programs measured of the captures of real calls. Oracles: tshark, which an SDP put before the capture tells the
 * clock rates; the receiver reports that GStreamer sent in the clear; getStats of aiortc and of Chromium, recorded with the
 * captures (captures/endpoints.json).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addon, rowAt, rowCount, type StreamRecord } from "../src/native.js";
import { analyzeFile } from "./analysis.js";
import { can } from "./capability.js";
import { receiverReports, rtpStreams } from "./oracle.js";
import { frame, pcap } from "./packets.js";
import { checkBuild, runProgram } from "./program.js";
import { lostOf } from "./records.js";

const CAPTURES = join(import.meta.dirname, "captures");
const IMPAIRED = join(CAPTURES, "chromium-impaired");

/** [time in ms, seconds or RTP units, packets received, packets lost] of one SSRC at each poll. */
type Poll = [timestamp: number, jitter: number, packetsReceived: number, packetsLost: number];
/** [time at which the report came, seconds, packets lost]. */
type RemoteReport = [timestamp: number, jitter: number, packetsLost: number];

interface EndpointStats {
  inbound: Record<string, Poll[]>;
  remoteInbound?: Record<string, RemoteReport[]>;
}

const ENDPOINTS = JSON.parse(readFileSync(join(CAPTURES, "endpoints.json"), "utf8")) as Record<
  "chromium-impaired" | "aiortc",
  Record<"A" | "B", EndpointStats>
>;

/** The record of a stream as it stood at each time; absent where its clock was not known yet. */
async function recordsAt(path: string, ssrc: number, times: number[]): Promise<(StreamRecord | undefined)[]> {
  const capture = addon.openCapture(path, { local: [], clockRates: {} });
  const records: (StreamRecord | undefined)[] = [];
  for (const time of times) {
    await capture.read(time);
    const { streams } = capture.snapshot();
    const rows = Array.from({ length: rowCount(streams) }, (_, i) => rowAt(streams, i));
    records.push(rows.find((row) => row.ssrc === ssrc && row.clockRate > 0));
  }
  capture.close();
  return records;
}

const ms = (nsQ8: number): number => nsQ8 / 256e6;
const mean = (list: number[]): number => list.reduce((sum, x) => sum + x, 0) / list.length;
const median = (list: number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

interface TsharkStream {
  ssrc: number;
  packets: number;
  lost: number;
  maxJitterMs: number;
}

/** What tells tshark the clocks: a SIP message (RFC 3261) whose SDP is of the end that receives on this port. */
function invite(address: string, port: number, types: Record<number, string>): Buffer {
  const sdp = [
    ...["v=0", `o=- ${port} 1 IN IP4 ${address}`, "s=-", `c=IN IP4 ${address}`, "t=0 0"],
    `m=audio ${port} RTP/AVP ${Object.keys(types).join(" ")}`,
    ...Object.entries(types).map(([type, name]) => `a=rtpmap:${type} ${name}`),
    "",
  ].join("\r\n");
  const head = [
    "INVITE sip:b@example.com SIP/2.0",
    `Via: SIP/2.0/UDP example.com;branch=z9hG4bK${port}`,
    ...[`From: <sip:a@example.com>;tag=${port}`, "To: <sip:b@example.com>", `Call-ID: ${port}@example.com`],
    ...["CSeq: 1 INVITE", "Content-Type: application/sdp", `Content-Length: ${sdp.length}`, "", ""],
  ].join("\r\n");
  const ends = { src: address, srcPort: 5060, dst: "10.99.1.77", dstPort: 5060 };
  return frame(Buffer.from(head + sdp), ends);
}

/** DTLS and STUN off: they would take the ports away from RTP. */
function tshark(file: string): TsharkStream[] {
  const args = [
    "-n",
    "-r",
    file,
    "-q",
    "--disable-protocol",
    "dtls",
    "--disable-protocol",
    "stun",
    "-z",
    "rtp,streams",
  ];
  const table = execFileSync("tshark", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return [...table.matchAll(/ 0x([0-9A-F]{8}) +\S+ +(\d+) +(-?\d+) \([^)]*\)(?: +[-\d.]+){5} +([-\d.]+)/g)].map(
    ([, ssrc, packets, lost, jitter]) => ({
      ssrc: Number.parseInt(ssrc ?? "", 16),
      packets: Number(packets),
      lost: Number(lost),
      maxJitterMs: Number(jitter),
    }),
  );
}

interface Differential {
  file: string;
  /** [address, port, payload types]: as SDP or the command line of the sender has them. */
  media: [string, number, Record<number, string>][];
  sdp: string[];
}

const AIORTC = { 96: "opus/48000/2", 97: "VP8/90000", 98: "rtx/90000" };
const CHROMIUM = { 111: "opus/48000/2", 118: "red/90000", 97: "rtx/90000", 119: "rtx/90000" };
const DIFFERENTIALS: Differential[] = [
  {
    file: "plain-rtp/receiver.pcap",
    media: [
      ["10.99.1.2", 5000, { 96: "opus/48000/2" }],
      ["10.99.1.2", 5010, { 0: "PCMU/8000" }],
      ["10.99.1.2", 5014, { 96: "H264/90000" }],
    ],
    sdp: [],
  },
  {
    file: "chromium-impaired/receiver.pcap",
    media: [
      ["10.99.1.2", 57_407, CHROMIUM],
      ["10.99.1.1", 54_363, CHROMIUM],
    ],
    sdp: ["--sdp", join(IMPAIRED, "offer.sdp"), "--sdp", join(IMPAIRED, "answer.sdp")],
  },
  {
    file: "aiortc/receiver.pcap",
    media: [
      ["10.99.1.2", 45_554, AIORTC],
      ["10.99.1.1", 58_807, AIORTC],
    ],
    sdp: [],
  },
];

/** The largest jitterRfc3550 after any packet of each stream, in ms; the CSV leaves it out while the clock is unknown. */
async function largestJitters(file: string, sdp: string[]): Promise<Map<number, number>> {
  const { stdout } = await runProgram(["analyze", file, "--packets", ...sdp]);
  const [titles = "", ...lines] = stdout.trimEnd().split("\n");
  const [ssrc, jitter] = [titles.split(",").indexOf("ssrc"), titles.split(",").indexOf("jitterRfc3550")];
  const largest = new Map<number, number>();
  for (const line of lines) {
    const cells = line.split(",");
    const key = Number(cells[ssrc]);
    largest.set(key, Math.max(largest.get(key) ?? 0, 1e3 * Number(cells[jitter])));
  }
  return largest;
}

/**
 * What tshark makes of a stream, from its arrivals: it passes over packets with the padding bit (under SRTP the count is
 * encrypted), and loses what is between the first and the last of the rest, not between the lowest and the highest.
 */
function asTsharkCounts(path: string, ssrc: number): { packets: number; lost: number } {
  const arrivals = (rtpStreams(path).find((stream) => stream.ssrc === ssrc)?.arrivals ?? []).filter((a) => !a.padding);
  const [first = 0, last = 0] = [arrivals[0]?.seq, arrivals.at(-1)?.seq];
  return { packets: arrivals.length, lost: ((last - first + 1) & 0xffff) - arrivals.length };
}

describe.skipIf(!can.tshark.ok)(`tshark — ${can.tshark.why || "rtp,streams"}`, () => {
  let directory = "";

  beforeAll(() => {
    checkBuild();
    directory = mkdtempSync(join(tmpdir(), "rtcprobe-peer-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(DIFFERENTIALS)("$file: packets, losses and the largest jitter", async ({ file, media, sdp }) => {
    const path = join(CAPTURES, file);
    const bytes = readFileSync(path);
    const timeNs = BigInt(bytes.readUInt32LE(24)) * 1_000_000_000n + BigInt(bytes.readUInt32LE(28)) - 1_000_000n;
    const told = join(directory, "told.pcap");
    const invites = media.map((end) => ({ bytes: invite(...end), timeNs }));
    writeFileSync(told, Buffer.concat([pcap(invites), bytes.subarray(24)]));

    const streams = (await analyzeFile(path)).streams;
    const theirs = tshark(told);
    const largest = await largestJitters(path, sdp);
    expect(theirs.map(({ ssrc }) => ssrc).sort()).toEqual(streams.map(({ stats }) => stats.ssrc).sort());
    for (const { ssrc, packets, lost, maxJitterMs } of theirs) {
      const record = streams.find(({ stats }) => stats.ssrc === ssrc)?.record as StreamRecord;
      expect({ packets, lost }).toEqual(asTsharkCounts(path, ssrc));
      if (packets === record.packets) {
        // The highest number came before the last packet: it was reordered, and tshark misses what is between them.
        const { arrivals = [] } = rtpStreams(path).find((stream) => stream.ssrc === ssrc) ?? {};
        const behind = (record.maxSeq - (arrivals.at(-1)?.seq ?? 0)) & 0xffff;
        expect(lostOf(record) - lost).toBe(behind);
      }
      // tshark measures no packet with a marker, and aiortc sets it on all. Our RTX has no jitter: its timestamps are stale.
      const isMeasured = !file.startsWith("aiortc") && packets === record.packets;
      expect(maxJitterMs > 0 && packets === record.packets).toBe(isMeasured);
      if (isMeasured) expect(Math.abs((largest.get(ssrc) ?? Number.NaN) - maxJitterMs)).toBeLessThan(0.001);
    }
  });
});

describe("GStreamer", () => {
  it("says in its receiver reports what jitterRfc3550 is", async () => {
    const path = join(CAPTURES, "plain-rtp/receiver.pcap");
    const reports = receiverReports(path);
    expect(reports).toHaveLength(7);
    const records = await recordsAt(
      path,
      0xf974aa5f,
      reports.map(({ timeNs }) => Number(timeNs) / 1e6),
    );
    const errors = reports.flatMap(({ ssrc, jitter, highest }, i) => {
      const record = records[i];
      expect(ssrc).toBe(0xf974aa5f);
      if (record === undefined) return [];
      expect((record.maxSeq - highest) & 0xffff).toBeLessThan(2); // one may come while the report is on its way
      return Math.abs(ms(record.jitterRfc3550NsQ8) - jitter / 48);
    });
    expect(errors).toHaveLength(7);
    expect(Math.max(...errors)).toBeLessThan(0.2);
  });
});

describe("aiortc", () => {
  const CLOCK_KHZ: Record<string, number> = { 2907459387: 48, 138630174: 48, 730367686: 90, 3467642622: 90 };
  const polls = (["A", "B"] as const).flatMap((end) =>
    Object.entries(ENDPOINTS.aiortc[end].inbound)
      .filter(([ssrc]) => ssrc in CLOCK_KHZ)
      .map(([ssrc, list]) => ({ end, ssrc, list })),
  );

  it.each(polls)("at $end: jitterRfc3550 of $ssrc", async ({ ssrc, list }) => {
    const path = join(CAPTURES, "aiortc/receiver.pcap");
    const records = await recordsAt(
      path,
      Number(ssrc),
      list.map(([timestamp]) => timestamp),
    );
    const errors = records.flatMap((record, i) =>
      record ? Math.abs(ms(record.jitterRfc3550NsQ8) - (list[i]?.[1] ?? 0) / (CLOCK_KHZ[ssrc] ?? 1)) : [],
    );
    expect(errors.length).toBeGreaterThan(3);
    expect(median(errors)).toBeLessThan(0.2);
  });
});

describe("Chromium", () => {
  /** What the capture at this end shows of each of its streams, less what its getStats did; ms. */
  function inboundErrors(end: "A" | "B", file: string): Promise<{ kind: "audio" | "video"; errors: number[] }[]> {
    const streams = Object.entries(ENDPOINTS["chromium-impaired"][end].inbound);
    return Promise.all(
      streams.map(async ([ssrc, polls]) => {
        const times = polls.map(([timestamp]) => timestamp);
        const records = await recordsAt(join(IMPAIRED, file), Number(ssrc), times);
        const errors = records.flatMap((record, i) =>
          record ? ms(record.jitterNsQ8) - 1e3 * (polls[i]?.[1] ?? 0) : [],
        );
        return { kind: records.at(-1)?.clockRate === 90_000 ? ("video" as const) : ("audio" as const), errors };
      }),
    );
  }

  const ENDS_AND_FILES = [
    ["B", "receiver.pcap"],
    ["A", "sender.pcap"],
  ] as const;

  // getStats has whole milliseconds, and the time at which the process read the packet: half of one is what that makes.
  it.each(ENDS_AND_FILES)("at %s: getStats shows jitter, within half a millisecond in the mean", async (end, file) => {
    const errors = (await inboundErrors(end, file)).flatMap((stream) => stream.errors.map(Math.abs));
    expect(errors.length).toBeGreaterThan(100);
    expect(mean(errors)).toBeLessThan(0.5);
  });

  // What its whole milliseconds leave open: of audio libwebrtc rounds (TimeDelta::ms), of video it divides ticks by 90.
  const OPEN = { audio: [-0.5, 0.5], video: [0, 1] } as const;

  it.each(ENDS_AND_FILES)(
    "at %s: each stream's jitter is what its getStats rounded, within 0.15 ms",
    async (end, file) => {
      for (const { kind, errors } of await inboundErrors(end, file)) {
        const [least, most] = OPEN[kind];
        const beyond = errors.map((error) => Math.max(least - error, 0, error - most));
        expect(errors.length).toBeGreaterThan(50);
        expect(mean(beyond)).toBeLessThan(0.15);
      }
    },
  );

  it.each([
    ["A", "receiver.pcap"],
    ["B", "sender.pcap"],
  ] as const)("at %s: the other end's reports say what jitter is, within 0.2 ms in the median", async (end, file) => {
    const way = 41; // ms: the relay's 40, and the way through it
    for (const [ssrc, reports] of Object.entries(ENDPOINTS["chromium-impaired"][end].remoteInbound ?? {})) {
      const times = reports.map(([timestamp]) => timestamp - way);
      const records = await recordsAt(join(IMPAIRED, file), Number(ssrc), times);
      const errors = records.flatMap((record, i) =>
        record ? Math.abs(ms(record.jitterNsQ8) - 1e3 * (reports[i]?.[1] ?? 0)) : [],
      );
      expect(errors.length).toBeGreaterThan(5);
      expect(median(errors)).toBeLessThan(0.2);
    }
  });
});
