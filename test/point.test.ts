// SPDX-License-Identifier: MIT
/**
 * Samples into points. Oracle: the figures put in, the tag sets that README promises for ever, and the line protocol as
 * npm influx writes it to a socket (that a real server reads it back is in influx.test.ts).
 */
import { FieldType } from "influx";
import { describe, expect, it } from "vitest";
import { SCHEMA } from "../src/point.js";
import type { InboundRtpStats, Sample } from "../src/stats.js";
import { sanitizeTag } from "../src/tag.js";
import { samplePoints } from "./points.js";
import {
  candidatePair,
  DATAGRAMS,
  inboundStream,
  makeSample,
  outboundStream,
  remoteInbound,
  remoteOutbound,
  rtcpOf,
} from "./samples.js";

const OPTIONS = { host: "h1", perStream: true };
const ENDPOINT_TAGS = ["cgroup", "comm", "dst", "host", "peer", "src", "turnChannel"];

describe("point: what a sample becomes", () => {
  const [inbound, outbound, pair, datagrams] = samplePoints(makeSample(), OPTIONS);

  it("one point per stream, per pair, and one of the datagrams, all at the time of the snapshot", () => {
    const points = samplePoints(makeSample(), OPTIONS);
    expect(points.map((point) => point.measurement)).toEqual([
      "inbound_rtp",
      "outbound_rtp",
      "candidate_pair",
      "rtcprobe",
    ]);
    expect(new Set(points.map((point) => point.timestamp))).toEqual(new Set(["1760000000123456789"]));
  });

  it("tags", () => {
    const owner = { host: "h1", comm: "agent", cgroup: "/system.slice/agent.service" };
    const near = { src: "192.0.2.7:5004", dst: "10.1.2.3:40000", peer: "192.0.2.7" };
    expect(inbound?.tags).toEqual({ ...owner, ...near, ssrc: "3735928559" });
    const far = { src: "[2001:db8::1]:40001", dst: "[2001:db8::2]:5005", peer: "2001:db8::2" };
    expect(outbound?.tags).toEqual({ ...owner, ...far, ssrc: "17" });
    expect(pair?.tags).toEqual({ ...owner, src: "10.1.2.3:40000", dst: "192.0.2.7:5004", peer: "192.0.2.7" });
    expect(datagrams?.tags).toEqual({ host: "h1" });
  });

  it("fields are the names of stats.ts, without what is a tag or the time", () => {
    const { type, timestamp, ssrc, srcAddress, srcPort, dstAddress, dstPort, comm, cgroup, ...fields } =
      inboundStream();
    expect(inbound?.fields).toEqual(fields);
    expect(Object.keys(outbound?.fields ?? {})).toContain("headerBytesSent");
    expect(pair?.fields).toMatchObject({ pid: 4711, currentRoundTripTime: 0.0231, responsesSent: 18 });
    expect(datagrams?.fields).toEqual(DATAGRAMS);
  });

  it("what was not measured is not in the point", () => {
    const { jitter, pid, comm, cgroup, fractionLost, clockRate, clockRateSource, ...stream } = inboundStream();
    const [point] = samplePoints(makeSample({ streams: [stream] }), OPTIONS);
    expect(Object.keys(point?.tags ?? {}).sort()).toEqual(["dst", "host", "peer", "src", "ssrc"]);
    expect(Object.keys(point?.fields ?? {})).toEqual(expect.not.arrayContaining(["jitter", "pid", "clockRate"]));
    expect(point?.fields).toMatchObject({ jitterRfc3550: 0.25, packetsLost: 7 });
  });

  it("streams in two TURN channels of one 5-tuple are two series", () => {
    const streams = [inboundStream({ turnChannel: 0x4000 }), inboundStream({ turnChannel: 0x4001 })];
    const points = samplePoints(makeSample({ streams, candidatePairs: [] }), OPTIONS);
    expect(points.slice(0, 2).map((point) => point.tags?.turnChannel)).toEqual(["16384", "16385"]);
  });

  it.each([{ comm: "other" }, { cgroup: "/other" }, { ssrc: 1 }, { srcPort: 1 }, { dstPort: 1 }])(
    "streams that differ in %j are two series",
    (change) => {
      const streams = [inboundStream(), inboundStream(change)];
      expect(samplePoints(makeSample({ streams, candidatePairs: [] }), OPTIONS)).toHaveLength(3);
    },
  );

  it("of two records that a socket opened anew made, the one that received last is the point", () => {
    const { jitter, ...fresh } = inboundStream({ packetsReceived: 5, lastPacketReceivedTimestamp: 2_000 });
    const streams = [fresh, inboundStream({ packetsReceived: 900, lastPacketReceivedTimestamp: 1_000 })];
    const points = samplePoints(makeSample({ streams, candidatePairs: [] }), OPTIONS);
    expect(points).toHaveLength(2);
    expect(points[0]?.fields).toMatchObject({ packetsReceived: 5 });
    expect(points[0]?.fields).not.toHaveProperty("jitter");
  });
});

describe("point: two records of one pair", () => {
  it("the one that spoke last is the point, whatever their order", () => {
    const { currentRoundTripTime, ...fresh } = candidatePair({ requestsSent: 1, lastStunTimestamp: 2_000 });
    const old = candidatePair({ requestsSent: 900, lastStunTimestamp: 1_000 });
    const points = samplePoints(makeSample({ streams: [], candidatePairs: [fresh, old] }), OPTIONS);
    expect(points).toHaveLength(2);
    expect(points[0]?.fields).toMatchObject({ requestsSent: 1 });
    expect(points[0]?.fields).not.toHaveProperty("currentRoundTripTime");
  });
});

describe("point: the coarser mode", () => {
  const coarse = { host: "h1", perStream: false };

  it("one point per direction and pair of ends: counters and rates are sums, jitter and loss the worst", () => {
    const { jitter, ...unknown } = inboundStream({ ssrc: 2, packetsLost: 5, fractionLost: 0.5, clockRate: 90_000 });
    const streams = [inboundStream({ ssrc: 1, packetsLost: 7 }), unknown, inboundStream({ ssrc: 3, srcPort: 9 })];
    const points = samplePoints(makeSample({ streams, candidatePairs: [] }), coarse);
    expect(points.map((point) => point.measurement)).toEqual(["inbound_rtp", "inbound_rtp", "rtcprobe"]);
    const merged = points.find((point) => point.tags?.src === "192.0.2.7:5004");
    expect(merged?.tags).not.toHaveProperty("ssrc");
    expect(merged?.fields).toMatchObject({ packetsLost: 12, packetsReceived: 2_000, bitsPerSecond: 64_000 });
    expect(merged?.fields).toMatchObject({ fractionLost: 0.5, jitter: 0.0012345678901234 });
    expect(merged?.fields).not.toHaveProperty("clockRate");
    const alone = points.find((point) => point.tags?.src === "192.0.2.7:9");
    expect(alone?.fields).toMatchObject({ packetsLost: 7, clockRate: 48_000 });
  });

  it("of the depth probe's figures counts of losses are sums, the transport's are its own, and the rest is of one stream", () => {
    const deep = (changes: Partial<InboundRtpStats>) =>
      inboundStream({ lossRunsOf3: 2, burstLossCount: 1, burstLossRate: 0.5, transportPacketsLost: 9, ...changes });
    const streams = [deep({ ssrc: 1, mid: "0" }), deep({ ssrc: 2, lossRunsOf3: 5, mid: "1" })];
    const [merged] = samplePoints(makeSample({ streams, candidatePairs: [] }), coarse);
    expect(merged?.fields).toMatchObject({ lossRunsOf3: 7, burstLossCount: 2, transportPacketsLost: 9 });
    for (const name of ["burstLossRate", "mid"]) expect(merged?.fields).not.toHaveProperty(name);
  });

  it("what is sent is merged as what is received", () => {
    const streams = [outboundStream({ packetsSent: 3 }), outboundStream({ ssrc: 18, packetsSent: 4 })];
    const [point] = samplePoints(makeSample({ streams, candidatePairs: [] }), coarse);
    expect(point?.fields).toMatchObject({ packetsSent: 7, bytesSent: 8, packetsPerSecond: 300.5 });
  });
});

describe("point: reports", () => {
  const reports = [remoteInbound(), remoteOutbound(), rtcpOf(), rtcpOf({ type: "outbound-rtcp", ssrc: 3 })];

  it("one point each, its measurement the type, its peer the far end", () => {
    const points = samplePoints(makeSample({ streams: [], candidatePairs: [], reports }), OPTIONS);
    const seen = points.map(({ measurement, tags }) => [measurement, tags?.peer, tags?.ssrc]);
    expect(seen.toSorted()).toEqual([
      ["inbound_rtcp", "192.0.2.7", "4294967295"],
      ["outbound_rtcp", "10.1.2.3", "3"],
      ["remote_inbound_rtp", "2001:db8::2", "17"],
      ["remote_outbound_rtp", "192.0.2.7", "3735928559"],
      ["rtcprobe", undefined, undefined],
    ]);
    const remote = points.find(({ measurement }) => measurement === "remote_inbound_rtp");
    expect(remote?.fields).toMatchObject({
      roundTripTime: 0.0412,
      packetsLost: -3,
      fractionLost: 0.03125,
      jitter: 0.0021,
    });
  });

  it("in fewer series: sums of counters, the worst of the rest", () => {
    const worse = remoteInbound({
      ssrc: 18,
      roundTripTime: 0.5,
      minRoundTripTime: 0.3,
      fractionLost: 0,
      packetsLost: 5,
    });
    const coarse = { host: "h1", perStream: false };
    const [point] = samplePoints(
      makeSample({ streams: [], candidatePairs: [], reports: [remoteInbound(), worse] }),
      coarse,
    );
    expect(point?.tags).not.toHaveProperty("ssrc");
    expect(point?.fields).toMatchObject({
      packetsLost: 2,
      fractionLost: 0.03125,
      roundTripTime: 0.5,
      minRoundTripTime: 0.0402,
      roundTripTimeMeasurements: 60,
      xrRFactor: 88,
    });
  });

  it("a sample of a journal that knows no reports makes its other points", () => {
    const { reports: none, ...old } = makeSample();
    expect(samplePoints(old as Sample, OPTIONS)).toHaveLength(4);
  });
});

describe("point: the schema", () => {
  const byName = Object.fromEntries(SCHEMA.map((schema) => [schema.measurement, schema]));

  it("has these tags for ever", () => {
    const tags = Object.fromEntries(SCHEMA.map((schema) => [schema.measurement, schema.tags.toSorted()]));
    expect(tags).toEqual({
      inbound_rtp: [...ENDPOINT_TAGS, "ssrc"].toSorted(),
      outbound_rtp: [...ENDPOINT_TAGS, "ssrc"].toSorted(),
      candidate_pair: [...ENDPOINT_TAGS, "turnPeer"].toSorted(),
      ice_server: ENDPOINT_TAGS,
      remote_inbound_rtp: [...ENDPOINT_TAGS, "ssrc"].toSorted(),
      remote_outbound_rtp: [...ENDPOINT_TAGS, "ssrc"].toSorted(),
      inbound_rtcp: [...ENDPOINT_TAGS, "ssrc"].toSorted(),
      outbound_rtcp: [...ENDPOINT_TAGS, "ssrc"].toSorted(),
      rtcprobe: ["host"],
    });
  });

  it("no tag and field share a name, which InfluxDB 3 refuses", () => {
    for (const { tags, fields } of SCHEMA) expect(tags.filter((tag) => tag in fields)).toEqual([]);
  });

  it("counters are integers, seconds and rates are floats", () => {
    expect(byName.inbound_rtp?.fields).toMatchObject({
      packetsLost: FieldType.INTEGER,
      pid: FieldType.INTEGER,
      jitter: FieldType.FLOAT,
      bitsPerSecond: FieldType.FLOAT,
      clockRateSource: FieldType.STRING,
    });
    expect(byName.candidate_pair?.fields).toMatchObject({ totalRoundTripTime: FieldType.FLOAT });
    expect(new Set(Object.values(byName.rtcprobe?.fields ?? {}))).toEqual(new Set([FieldType.INTEGER]));
  });
});

describe("point: numbers that InfluxDB would refuse or round", () => {
  it.each([
    ["jitter", Number.NaN, "inbound_rtp.jitter is NaN, not a finite number"],
    ["bitsPerSecond", Number.POSITIVE_INFINITY, "inbound_rtp.bitsPerSecond is Infinity"],
    ["packetsLost", 0.5, "inbound_rtp.packetsLost is 0.5, not a whole number below 2^53"],
    ["packetsReceived", 2 ** 53, "inbound_rtp.packetsReceived is 9007199254740992"],
  ])("%s = %d", (field, value, message) => {
    const sample = makeSample({ streams: [inboundStream({ [field]: value })] });
    expect(() => samplePoints(sample, OPTIONS)).toThrow(
      expect.objectContaining({ code: "ERR_SINK", message: expect.stringContaining(message) }),
    );
  });

  it("the other points of the sample are made, when the caller hears of the refusals", () => {
    const refused: unknown[] = [];
    const sample = makeSample({ streams: [inboundStream({ jitter: Number.NaN }), outboundStream()] });
    const points = samplePoints(sample, OPTIONS, (error) => refused.push(error));
    expect(points.map((point) => point.measurement)).toEqual(["outbound_rtp", "candidate_pair", "rtcprobe"]);
    expect(refused).toEqual([expect.objectContaining({ code: "ERR_SINK" })]);
  });
});

describe("point: tag values, which are an attacker's input", () => {
  it.each([
    ["agent", "agent"],
    ["two words, a=b", "two words, a=b"],
    ["evil\ninbound_rtp,host=x jitter=1", "evil\ufffdinbound_rtp,host=x jitter=1"],
    ["tab\there", "tab\ufffdhere"],
    ["end\\", "end\ufffd"],
    ["a\\'b", "a\ufffd'b"],
    ["serial\\x2dgetty.service", "serial\\x2dgetty.service"],
    ["csi\u009b31m", "csi\ufffd31m"],
    ["half \ud800", "half \ufffd"],
    ["", undefined],
  ])("%j → %j", (raw, tag) => {
    expect(sanitizeTag(raw)).toBe(tag);
  });

  it("an empty one is no tag", () => {
    const [pair] = samplePoints(makeSample({ streams: [], candidatePairs: [candidatePair({ comm: "" })] }), OPTIONS);
    expect(pair?.tags).not.toHaveProperty("comm");
  });
});
