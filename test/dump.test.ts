// SPDX-License-Identifier: MIT
/**
 * Dumps of other tools. Oracles: truth.json, for the packets of a real capture written in these formats by the test;
 * rtptools' rtpdump.h; the lines of Firefox's RtpLogger and Chromium's RtpDump, and text2pcap, which reads them as well.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Analysis, analyzeBytes, analyzeFile, outcomesSum, withFile } from "./analysis.js";
import { can } from "./capability.js";
import { rtp, u16, u32 } from "./packets.js";

const CAPTURE = join(import.meta.dirname, "captures", "plain-rtp", "receiver.pcap");

interface Payload {
  bytes: Buffer;
  /** Of the whole payload. */
  size: number;
  /** Microseconds since the Unix epoch. */
  at: number;
  out?: boolean;
}

/** The UDP payloads of the capture: nanosecond pcap, little endian, Ethernet, IPv4 without options. */
function payloads(): Payload[] {
  const file = readFileSync(CAPTURE);
  const found: Payload[] = [];
  for (let at = 24; at < file.length; ) {
    const [captured, size] = [file.readUInt32LE(at + 8), file.readUInt32LE(at + 12)];
    const us = file.readUInt32LE(at) * 1e6 + Math.floor(file.readUInt32LE(at + 4) / 1000);
    found.push({ bytes: file.subarray(at + 16 + 42, at + 16 + captured), size: size - 42, at: us });
    at += 16 + captured;
  }
  return found;
}

/** Voice of 20 ms from so many ms after midnight. */
const voice = (count: number, fromMs: number, out = false, ssrc = 7): Payload[] =>
  Array.from({ length: count }, (_, i) => {
    const bytes = rtp({ seq: i, timestamp: 160 * i, ssrc, payloadType: 0, payload: 160 });
    return { bytes, size: bytes.length, at: (fromMs + 20 * i) * 1000, out };
  });

const isRtcp = ({ bytes }: Payload): boolean => (bytes[1] as number) >= 192 && (bytes[1] as number) <= 223;

/** rtptools, rtpdump.h: all in network byte order. */
function rtpdump(packets: Payload[], line = "#!rtpplay1.0 10.99.1.2/5000\n"): Buffer {
  const start = packets[0]?.at ?? 0;
  const header = [u32(Math.floor(start / 1e6)), u32(start % 1e6), u32(0), u16(0), u16(0)];
  const records = packets.map((packet) => {
    const { bytes, size, at } = packet;
    const offset = Math.floor((at - start) / 1000);
    return Buffer.concat([u16(8 + bytes.length), u16(isRtcp(packet) ? 0 : size), u32(offset), bytes]);
  });
  return Buffer.concat([Buffer.from(line), ...header, ...records]);
}

const hex = (bytes: Buffer): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
const clock = (us: number): string => new Date(us / 1000).toISOString().slice(11, 19);
const kind = (packet: Payload): string => (isRtcp(packet) ? "RTCP_PACKET" : "RTP_PACKET");
const way = ({ out }: Payload): string => (out ? "O" : "I");

/** Each browser's line for one packet. The fraction of Firefox is a number of microseconds without leading zeros. */
const LINES: Record<string, (packet: Payload) => string> = {
  Firefox: (p) =>
    `2026-11-22 12:00:00.000001 UTC - [Socket 9: Main Thread]: D/RtpLogger inbound audio ${kind(p)}|>> ${way(p)} ` +
    `${clock(p.at)}.${p.at % 1e6}  000000 ${hex(p.bytes)}\n`,
  "Firefox 55": (p) =>
    `[Socket Thread]: D/RtpLogger ${way(p)} ${clock(p.at)}.${p.at % 1e6}  000000 ${hex(p.bytes)} ${kind(p)} 55f7a768| ` +
    "Transmit video[{ec753ef6}]\r\n",
  Chromium: (p) =>
    `[1:2:1122/120000.1:INFO:srtp.cc(1)] \n${way(p)} ${clock(p.at)}.${String(Math.floor((p.at % 1e6) / 1000)).padStart(3, "0")} ` +
    `000000 ${hex(p.bytes)} # RTP_DUMP\n`,
  text2pcap: (p) =>
    `${way(p)} ${clock(p.at)}.${String(p.at % 1e6).padStart(6, "0")} 000000 ${hex(p.bytes)} # ${kind(p)}\n`,
};

const log = (form: string, packets: Payload[]): Buffer =>
  Buffer.from(`I am no packet\n${packets.map((packet) => LINES[form]?.(packet)).join("")}`);

interface Truth {
  streams: { ssrc: number; packets: number; lost: number; jitterMs?: number }[];
  rtcp: number;
}

const truth = (
  JSON.parse(readFileSync(join(import.meta.dirname, "captures", "truth.json"), "utf8")) as Record<string, Truth>
)["plain-rtp/receiver.pcap"] as Truth;

function expectTruth({ streams, datagrams }: Analysis): void {
  const bySsrc = (a: { ssrc: number }, b: { ssrc: number }) => a.ssrc - b.ssrc;
  const found = streams.map(({ stats }) => {
    if (stats.type !== "inbound-rtp") throw new Error("not inbound");
    return { ssrc: stats.ssrc, packets: stats.packetsReceived, lost: stats.packetsLost };
  });
  const wanted = truth.streams.map(({ ssrc, packets, lost }) => ({ ssrc, packets, lost }));
  expect(found.sort(bySsrc)).toEqual(wanted.sort(bySsrc));
  expect(datagrams).toMatchObject({ rtcp: truth.rtcp, srtcp: 0, unknown: 0 });
  expect(datagrams.seen).toBe(outcomesSum(datagrams));
}

describe("dump: the packets of a real call", () => {
  const packets = payloads();

  it("rtpdump: times of a millisecond, sizes of the whole packet", async () => {
    const analysis = await analyzeBytes(rtpdump(packets));
    expectTruth(analysis);
    const whole = await analyzeFile(CAPTURE);
    for (const { record, origin } of analysis.streams) {
      const same = whole.streams.find(({ record: { ssrc } }) => ssrc === record.ssrc)?.record;
      expect(record).toMatchObject({ bytes: same?.bytes, clockRate: same?.clockRate });
      expect(Math.abs(record.jitterNsQ8 - (same?.jitterNsQ8 ?? 0)) / 256e6).toBeLessThan(1);
      expect(origin).toMatchObject({
        dstAddress: "10.99.1.2",
        dstPort: 5000,
        srcAddress: "0.0.0.0",
        direction: "unknown",
      });
    }
  });

  it.each(Object.keys(LINES))("the log of %s", async (form) => {
    const analysis = await analyzeBytes(log(form, packets));
    expectTruth(analysis);
    if (form === "Chromium") return;
    const whole = await analyzeFile(CAPTURE);
    for (const { record, origin } of analysis.streams) {
      const same = whole.streams.find(({ record: { ssrc } }) => ssrc === record.ssrc)?.record;
      // Microseconds of nanoseconds.
      expect(Math.abs(record.jitterNsQ8 - (same?.jitterNsQ8 ?? 0)) / 256).toBeLessThan(1000);
      expect(origin.direction).toBe("in");
    }
  });

  it.skipIf(!can.text2pcap.ok)(
    `and text2pcap makes the same of such a log — ${can.text2pcap.why || "text2pcap"}`,
    async () => {
      await withFile(log("text2pcap", packets), async (path) => {
        const args = ["-D", "-q", "-t", "%H:%M:%S.%f", "-u", "1000,2000", path, `${path}.pcap`];
        execFileSync("text2pcap", args, { stdio: "ignore" });
        expectTruth(await analyzeFile(`${path}.pcap`));
      });
    },
  );
});

describe("dump: logs of packets", () => {
  it("say which way a packet went: the same SSRC in and out is two streams", async () => {
    const both = [...voice(20, 0, false), ...voice(20, 0, true)].sort((a, b) => a.at - b.at);
    const { streams } = await analyzeBytes(log("Firefox", both));
    expect(streams.map(({ stats }) => [stats.type, stats.ssrc]).sort()).toEqual([
      ["inbound-rtp", 7],
      ["outbound-rtp", 7],
    ]);
  });

  it("go on after midnight", async () => {
    const { streams } = await analyzeBytes(log("Firefox", voice(100, 86_399_000)));
    const [stream] = streams;
    expect(stream?.record).toMatchObject({
      packets: 100,
      firstMs: 86_399_000,
      lastMs: 86_399_000 + 99 * 20,
      jitterNsQ8: 0,
    });
  });

  it("a fraction of few digits is of microseconds once a longer one was there, else of milliseconds", async () => {
    const lines = (fractions: string[]) =>
      fractions.map((f, i) => `I 00:00:01.${f} 000000 ${hex(voice(9, 0)[i]?.bytes as Buffer)}\n`).join("");
    const last = async (fractions: string[]) =>
      (await analyzeBytes(Buffer.from(lines(fractions)))).streams[0]?.record.lastMs;
    expect(await last(["100", "120", "7"])).toBe(1007);
    expect(await last(["1000", "20000", "123"])).toBe(1000.123);
    expect(await last(["1", "2", "999999999"])).toBe(1999.999999);
  });

  it("leave out SCTP and all other lines, and need no end of the last one", async () => {
    const text = log("text2pcap", voice(5, 0)).toString().trimEnd();
    const sctp = "O 00:00:01.000000 000000 13 88 13 88 # SCTP_PACKET\n";
    const { datagrams, frames } = await analyzeBytes(Buffer.from(`${sctp}O 1 2 3\nI 12:34\n${text}`));
    expect(datagrams).toMatchObject({ seen: 5, rtp: 5 });
    expect(frames.total).toBe(5);
  });
});

describe("dump: faults are clear", () => {
  const line = (text: string) => Buffer.from(`${log("text2pcap", voice(3, 0))}${text}\n`);

  it.each<[string, Buffer, RegExp]>([
    ["a byte that is none", line("I 00:00:01.0 000000 80 6g"), /a packet with the byte 6g at byte \d+$/],
    ["a time that is none", line("I 25:00:01.0 000000 80 60"), /a packet at 25:00:01.0 at byte \d+$/],
    ["a line without an end", Buffer.concat([line(""), Buffer.alloc(600_000, 0x20)]), /a line of more than \d+ bytes/],
    [
      "an rtpdump file without a first line",
      Buffer.from(`#!rtpplay1.0 ${"1".repeat(200)}`),
      /whose first line does not end/,
    ],
    ["an rtpdump file of a line", Buffer.from("#!rtpplay1.0 1.2.3.4/5\n"), /the file ends within its header/],
    [
      "a packet of rtpdump shorter than its header",
      Buffer.concat([rtpdump([]), u16(7), u16(0), u32(0)]),
      /a packet of 7 bytes/,
    ],
    ["text without a packet", Buffer.from("O tempora\nI 12:34:56 000001 80\n"), /nor a log of packets: magic number/],
    ["a binary file that holds such a line", Buffer.concat([Buffer.from([1, 0, 2, 10]), line("")]), /magic number/],
  ])("%s", async (_, bytes, message) => {
    await expect(analyzeBytes(bytes)).rejects.toMatchObject({
      code: "ERR_PCAP_FORMAT",
      message: expect.stringMatching(message),
    });
  });

  it("an rtpdump file that ends within a packet keeps what came before", async () => {
    const whole = rtpdump(voice(10, 0));
    const { frames, datagrams } = await analyzeBytes(whole.subarray(0, whole.length - 5));
    expect(frames).toMatchObject({ total: 9, truncatedFile: true });
    expect(datagrams).toMatchObject({ seen: 9, rtp: 9 });
  });
});
