// SPDX-License-Identifier: MIT
/**
 * RTCP. Oracles: the times at which the test lets reports pass (RFC 3550 section 6.4.1, RFC 3611 section 4), and under SRTCP
 * getStats of the two Chromiums of the capture, at rest: nackCount, and reportsSent of the remote ends.
 */
import { describe, expect, it } from "vitest";
import { addon, rowAt, rowCount } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import { withFile } from "./analysis.js";
import { ENDS, frame, type Packet, pcap, reversed, rtcp, START_NS, u32 } from "./packets.js";

const X = 0x11111111;
const Y = 0x22222222;
/** NTP time of a millisecond of the test, in a sender's own clock: nothing may compare it with the capture's. */
const ntp = (ms: number): [number, number] => [
  1_000_000 + Math.floor(ms / 1000),
  Math.floor(((ms % 1000) / 1000) * 2 ** 32),
];
const middle = (ms: number): number => (((ntp(ms)[0] & 0xffff) << 16) | (ntp(ms)[1] >>> 16)) >>> 0;
const q16 = (ms: number): number => Math.round((ms * 65_536) / 1000);

const block = (about: number, lsr: number, dlsr: number): number[] => [about, (8 << 24) | 12, 70_000, 480, lsr, dlsr];
const senderReport = (ssrc: number, ms: number, ...blocks: number[][]): Buffer =>
  rtcp(200, blocks.length, ssrc, ...ntp(ms), ms * 48, 100, 9000, ...blocks.flat());
const receiverReport = (ssrc: number, ...blocks: number[][]): Buffer =>
  rtcp(201, blocks.length, ssrc, ...blocks.flat());

const at = (ms: number, payload: Buffer, ends = ENDS): Packet => ({
  bytes: frame(payload, ends),
  timeNs: START_NS + BigInt(Math.round(ms * 1e6)),
});
const back = (ms: number, payload: Buffer): Packet => at(ms, payload, reversed(ENDS));

async function reportsOf(packets: Packet[], local: string[] = []) {
  return withFile(pcap(packets), async (path) => {
    const capture = addon.openCapture(path, { local, clockRates: {} });
    try {
      await capture.read();
      return await new Sampler(capture, { retireIdle: false }).sample();
    } finally {
      capture.close();
    }
  });
}

describe("round trips of cleartext RTCP", () => {
  const exchange = [
    at(0, senderReport(X, 0)),
    back(540, receiverReport(Y, block(X, middle(0), q16(500)))), // 40 ms
    at(1000, senderReport(X, 1000)),
    at(2000, senderReport(X, 2000)),
    at(3000, senderReport(X, 3000)),
    back(3050, receiverReport(Y, block(X, middle(1000), q16(2000)))), // 50 ms, of an older report
    back(3060, receiverReport(Y, block(X, middle(1000), q16(2000)))), // repeated by the network
    back(3070, receiverReport(Y, block(X, middle(7777), q16(10)))), // of a report nobody saw
    back(3080, receiverReport(Y, block(X, middle(3000), 0))), // no DLSR
    back(3090, receiverReport(Y, block(X, middle(3000), q16(500)))), // longer than the whole
  ];

  it("are A - LSR - DLSR by the capture's clock, each report once", async () => {
    const { reports, datagrams } = await reportsOf(exchange, [ENDS.src]);
    expect(datagrams.rtcp).toBe(exchange.length);
    const [remote] = reports.filter(({ type }) => type === "remote-inbound-rtp");
    expect(remote).toMatchObject({
      ssrc: X,
      srcAddress: ENDS.src,
      packetsLost: 12,
      fractionLost: 8 / 256,
      jitter: 0.01, // 480 ticks; 48 kHz by the slope of the sender reports
      reportsReceived: 6,
      reportsUnmatched: 2,
      roundTripTimeMeasurements: 2,
    });
    const { roundTripTime, totalRoundTripTime } = remote as { roundTripTime: number; totalRoundTripTime: number };
    expect(roundTripTime).toBeCloseTo(0.05, 4); // DLSR is in 1/65536 s
    expect(totalRoundTripTime).toBeCloseTo(0.09, 4);
  });

  it("of a stream that is received here are the sender's to tell", async () => {
    const { reports } = await reportsOf(exchange, [ENDS.dst]);
    expect(reports.map(({ type, ssrc }) => [type, ssrc])).toEqual([
      ["remote-outbound-rtp", X],
      ["inbound-rtcp", X],
      ["outbound-rtcp", Y],
    ]);
    expect(reports[0]).toMatchObject({ reportsSent: 4, packetsSent: 100, bytesSent: 9000 });
  });

  it("begin with the first sender report, though the network repeats it", async () => {
    const { reports } = await reportsOf([
      at(0, senderReport(X, 0)),
      at(30, senderReport(X, 0)),
      back(540, receiverReport(Y, block(X, middle(0), q16(500)))), // 40 ms
    ]);
    const remote = reports.find(({ type }) => type === "remote-inbound-rtp") as { roundTripTime: number };
    expect(remote.roundTripTime).toBeCloseTo(0.04, 4);
  });

  it("need not come back to the port that the sender reports left", async () => {
    const elsewhere = { ...reversed(ENDS), srcPort: 47_227, dstPort: 5005 };
    const { reports } = await reportsOf([
      at(0, senderReport(X, 0)),
      at(600, receiverReport(Y, block(X, middle(0), q16(500))), elsewhere),
    ]);
    const remote = reports.find(({ type }) => type === "remote-inbound-rtp") as { roundTripTime: number };
    expect(remote.roundTripTime).toBeCloseTo(0.1, 4);
  });

  it("come from DLRR where this end only receives", async () => {
    const reference = (ms: number): Buffer => rtcp(207, 0, Y, (4 << 24) | 2, ...ntp(ms));
    const answer = rtcp(207, 0, X, (5 << 24) | 3, Y, middle(0), q16(200));
    const { reports } = await reportsOf(
      [
        at(0, Buffer.concat([receiverReport(Y), reference(0)])),
        back(230, Buffer.concat([senderReport(X, 0), answer])), // 30 ms
        back(235, Buffer.concat([senderReport(X, 0), answer])), // repeated by the network
        back(5230, senderReport(X, 5000)),
      ],
      [ENDS.src],
    );
    const remote = reports.find(({ type }) => type === "remote-outbound-rtp") as { roundTripTime: number };
    expect(remote).toMatchObject({ ssrc: X, roundTripTimeMeasurements: 1 });
    expect(remote.roundTripTime).toBeCloseTo(0.03, 4);
  });

  it("stand at the end of a compound that is longer than the window", async () => {
    const others = Array.from({ length: 30 }, (_, i) => block(0x30000000 + i, 0, 0));
    const { reports } = await reportsOf([
      at(0, senderReport(X, 0)),
      back(540, receiverReport(Y, ...others, block(X, middle(0), q16(500)))),
    ]);
    expect(reports.find(({ type }) => type === "remote-inbound-rtp")).toMatchObject({
      ssrc: X,
      roundTripTimeMeasurements: 1,
    });
  });
});

describe("what is no good RTCP", () => {
  it("a count of blocks larger than the packet reads those that are there", async () => {
    const boastful = receiverReport(Y, block(X, middle(0), q16(500)));
    boastful[0] = 0x80 | 31;
    const { reports, datagrams } = await reportsOf([at(0, senderReport(X, 0)), back(540, boastful)]);
    expect(datagrams.rtcp).toBe(2);
    expect(reports.find(({ type }) => type === "remote-inbound-rtp")).toMatchObject({ reportsReceived: 1 });
  });

  it("lengths that do not add up are never read in the clear", async () => {
    const torn = Buffer.concat([receiverReport(Y, block(X, 1, 1)), receiverReport(Y), Buffer.alloc(9)]);
    const { reports, datagrams } = await reportsOf([at(0, torn), at(10, torn)]);
    expect(datagrams.unknown).toBe(2);
    expect(reports).toEqual([]);
  });
});

it("a sender report that the capture cut off says nothing, which is not zero", async () => {
  const cut = (packet: Packet): Packet => ({ ...packet, captured: 54 });
  const { reports, datagrams } = await reportsOf([
    ...[0, 1000].map((ms) => at(ms, senderReport(X, ms))),
    ...[0, 1000].map((ms) => cut(at(ms + 1, senderReport(Y, ms), { ...ENDS, srcPort: 7000 }))),
  ]);
  const said = reports.filter((report) => report.type === "remote-outbound-rtp");
  expect(datagrams.rtcp).toBe(4);
  expect(said).toMatchObject([{ ssrc: X, reportsSent: 2, packetsSent: 100 }]);
});

describe("SRTCP", () => {
  /** @param tag - every byte of it */
  const seal = (index: number, cipher: "cm" | "gcm", tag: number): Buffer => {
    const secret = Buffer.alloc(24, index * 37 + 11);
    const word = u32((0x80000000 | index) >>> 0);
    const tail = cipher === "cm" ? [word, Buffer.alloc(10, tag)] : [Buffer.alloc(16, tag), word];
    return Buffer.concat([rtcp(206, 1, X, 0), secret, ...tail]);
  };

  // 0xd5: what stands where the other cipher has its index has the E bit, and stays what it is.
  it.each([
    ["cm", 0x55, "AES-CM"],
    ["cm", 0xd5, "AES-CM"],
    ["gcm", 0x55, "AES-GCM"],
    ["gcm", 0xd5, "AES-GCM"],
  ] as const)("%s beside a tag of bytes %i is told by where the index grows", async (how, tag, cipher) => {
    const { reports, datagrams } = await reportsOf([1, 2, 4, 5].map((index) => at(index * 100, seal(index, how, tag))));
    expect(datagrams.srtcp).toBe(4);
    expect(reports).toEqual([expect.objectContaining({ type: "inbound-rtcp", protocol: "srtcp", cipher, plis: 4 })]);
  });

  it("of Chromium: the counts are those of its own getStats", async () => {
    const capture = addon.openCapture("test/captures/chromium-impaired/receiver.pcap", { local: [], clockRates: {} });
    await capture.read();
    const { reports } = capture.snapshot();
    capture.close();
    const found = Array.from({ length: rowCount(reports) }, (_, i) => rowAt(reports, i));
    const counts = found.map(({ ssrc, senderReports, nacks, cipher }) => [ssrc, senderReports, nacks, cipher]);
    expect(counts.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
      [302_705_594, 140, 0, 1],
      [1_071_759_434, 12, 0, 1],
      [2_306_807_965, 11, 0, 1],
      [3_492_986_131, 81, 186, 1],
    ]);
  });
});
