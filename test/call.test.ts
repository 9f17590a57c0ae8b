// SPDX-License-Identifier: MIT
/** Which streams belong to a call, the SDK's figures of them, presence and webhooks. Oracle: figures and rules by hand. */
import { createHmac } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type Call, findCall, makeCall, parseCallRequest } from "../src/call/call.js";
import { NetworkMonitor } from "../src/call/networkstats.js";
import { comparePresence } from "../src/call/presence.js";
import { CallStore } from "../src/call/store.js";
import { findMembers, Meter, type Row } from "../src/call/traffic.js";
import { openWebhook, type Webhook, WebhookGate } from "../src/call/webhook.js";
import { readPresence } from "../src/daily/record.js";
import type { Sample, StreamStats } from "../src/stats.js";
import { makeBook } from "./callbook.js";
import { candidatePair, inboundStream, makeSample, outboundStream } from "./samples.js";

const T0 = 1_760_000_000_000;
const directory = mkdtempSync(join(tmpdir(), "rtcprobe-calls-"));
afterAll(() => rmSync(directory, { recursive: true }));

function callOf(changes: Partial<Call> = {}): Call {
  return {
    id: "00000001",
    source: "control",
    startedAt: T0,
    daily: { phase: "pending", polls: 0, metrics: 0 },
    ...changes,
  };
}

describe("which streams", () => {
  const ours = inboundStream({ pid: 1, ssrc: 1 });
  const theirs = inboundStream({ pid: 2, ssrc: 2 });
  const sample = makeSample({ streams: [ours, theirs], candidatePairs: [candidatePair({ pid: 1 })] });
  const ssrcs = (call: Call, active: Call[] = [call]) =>
    findMembers(sample, call, active).streams.map(({ ssrc }) => ssrc);

  it("those of its process", () => {
    expect(ssrcs(callOf({ pid: 1 }))).toEqual([1]);
    expect(findMembers(sample, callOf({ pid: 2 }), []).pairs).toEqual([]);
  });

  it("without a process: those of the only one that no other call has, else none and why", () => {
    const named = callOf({ id: "00000002", pid: 2 });
    const unnamed = callOf({ meeting: "m" });
    expect(ssrcs(unnamed, [unnamed, named])).toEqual([1]);
    expect(findMembers(sample, unnamed, [unnamed])).toMatchObject({
      streams: [],
      ambiguous: expect.stringMatching(/several processes/),
    });
    const rival = callOf({ id: "00000003" });
    expect(findMembers(sample, unnamed, [unnamed, named, rival]).ambiguous).toMatch(/several calls/);
  });

  it("two calls of one process: of both, and it is said", () => {
    const [one, two] = [callOf({ pid: 1 }), callOf({ id: "00000002", pid: 1 })];
    expect(findMembers(sample, one, [one, two])).toMatchObject({
      streams: [ours],
      ambiguous: expect.stringMatching(/both/),
    });
  });

  it("not one that fell silent before the call", () => {
    expect(ssrcs(callOf({ pid: 1, startedAt: ours.lastPacketReceivedTimestamp + 1 }))).toEqual([]);
  });
});

describe("seconds of a call", () => {
  const at = (ms: number, packets: number, lost: number): Sample =>
    makeSample({
      timestamp: T0 + ms,
      streams: [
        inboundStream({
          packetsReceived: packets,
          bytesReceived: 100 * packets,
          headerBytesReceived: 12 * packets,
          packetsLost: lost,
        }),
        outboundStream({ clockRate: 90_000, packetsSent: 2 * packets, bytesSent: 200 * packets }),
      ],
      candidatePairs: [candidatePair({ totalRoundTripTime: packets / 1000, roundTripTimeMeasurements: packets / 10 })],
    });
  const measure = (meter: Meter, sample: Sample) =>
    meter.measure(sample, { streams: sample.streams, pairs: sample.candidatePairs });

  it("are what was added since; the first sample is where counting begins", () => {
    const meter = new Meter();
    expect(measure(meter, at(0, 1000, 7))).toBeUndefined();
    expect(measure(meter, at(1000, 1050, 9))).toEqual({
      at: T0 + 1000,
      span: 1000,
      received: { audio: { packets: 50, bytes: 5000, headerBytes: 600, lost: 2, jitter: 0.0012345678901234 } },
      sent: { video: { packets: 100, bytes: 10_000, headerBytes: 0 } },
      roundTripTime: expect.closeTo(0.01, 9),
    });
    // The pair still shows its latest round trip: that is none of this second.
    const still = measure(meter, at(2000, 1050, 9));
    expect(still?.received.audio?.packets).toBe(0);
    expect(still).not.toHaveProperty("roundTripTime");
  });

  it("a stream that begins later counts from its first packet, one of the same name that is new from its own", () => {
    const meter = new Meter();
    measure(meter, makeSample({ timestamp: T0, streams: [], candidatePairs: [] }));
    expect(measure(meter, at(1000, 60, 3))?.received.audio).toMatchObject({ packets: 60, lost: 3 });
    expect(measure(meter, at(2000, 10, 1))?.received.audio).toMatchObject({ packets: 10, lost: 1 });
  });

  it("a stream that was there and is the call's only now counts since the sample before", () => {
    const meter = new Meter();
    meter.measure(at(0, 1000, 7), { streams: [], pairs: [] });
    meter.measure(at(1000, 1100, 8), { streams: [], pairs: [] });
    expect(measure(meter, at(2000, 1150, 10))?.received.audio).toMatchObject({ packets: 50, lost: 2 });
  });

  it("a stream whose process is known only now is the same stream", () => {
    const meter = new Meter();
    const [early, late] = [at(0, 1000, 7), at(1000, 1050, 9)];
    measure(meter, { ...early, streams: early.streams.map(({ pid: _, ...stream }) => stream as StreamStats) });
    expect(measure(meter, late)?.received.audio).toMatchObject({ packets: 50, lost: 2 });
  });

  describe("round trips, each of another length", () => {
    /** The n-th takes n ms. */
    const pairAfter = (count: number) =>
      candidatePair({ roundTripTimeMeasurements: count, totalRoundTripTime: (count * (count + 1)) / 2000 });
    const sampleOf = (ms: number, ...counts: number[]): Sample =>
      makeSample({ timestamp: T0 + ms, streams: [], candidatePairs: counts.map(pairAfter) });

    it("a pair that begins later: from its first one on", () => {
      const meter = new Meter();
      measure(meter, sampleOf(0));
      expect(measure(meter, sampleOf(1000, 3))?.roundTripTime).toBeCloseTo(0.002, 9); // 1, 2 and 3 ms
      expect(measure(meter, sampleOf(2000, 5))?.roundTripTime).toBeCloseTo(0.0045, 9); // 4 and 5 ms
    });

    it("a pair of the same name that is new: from its own first one on", () => {
      const meter = new Meter();
      measure(meter, sampleOf(0, 7));
      expect(measure(meter, sampleOf(1000, 1))?.roundTripTime).toBeCloseTo(0.001, 9);
      measure(meter, sampleOf(2000));
      expect(measure(meter, sampleOf(3000, 3))?.roundTripTime).toBeCloseTo(0.002, 9);
    });

    it("a pair that was there and is the call's only now: since the sample before", () => {
      const meter = new Meter();
      meter.measure(sampleOf(0, 7), { streams: [], pairs: [] });
      expect(measure(meter, sampleOf(1000, 9))?.roundTripTime).toBeCloseTo(0.0085, 9); // 8 and 9 ms
    });
  });
});

describe("the SDK's figures", () => {
  const row = (second: number, lost: number): Row => ({
    at: T0 + second * 1000,
    span: 1000,
    received: {
      audio: { packets: 50, bytes: 5000, headerBytes: 0, lost: 0 },
      video: { packets: 100 - lost, bytes: 12_500, headerBytes: 0, lost },
    },
    sent: { audio: { packets: 50, bytes: 2500, headerBytes: 0 } },
  });
  const statsAfter = (...losses: number[]) => {
    const monitor = new NetworkMonitor();
    losses.forEach((lost, second) => {
      monitor.add(row(second, lost));
    });
    return monitor.latest;
  };

  it("every two seconds, none before", () => {
    expect(statsAfter(0)).toBeUndefined();
    expect(statsAfter(10, 10)).toEqual({
      threshold: "good",
      previousThreshold: "good",
      quality: 71,
      stats: {
        latest: {
          timestamp: T0 + 1000,
          receiveBitsPerSecond: 140_000,
          sendBitsPerSecond: 20_000,
          totalRecvPacketLoss: 20 / 300,
          totalSendPacketLoss: null,
          videoRecvBitsPerSecond: 100_000,
          videoRecvPacketLoss: 0.1,
          videoSendBitsPerSecond: 0,
          videoSendPacketLoss: null,
        },
        worstVideoReceivePacketLoss: 0.1,
        worstVideoSendPacketLoss: null,
      },
    });
  });

  it("thresholds at 20 % and 35 %, the one before, and the worst so far", () => {
    expect(statsAfter(19, 19)?.threshold).toBe("good");
    expect(statsAfter(20, 20)).toMatchObject({ threshold: "low", previousThreshold: "low" });
    expect(statsAfter(35, 35)).toMatchObject({ threshold: "veryLow", quality: 0 });
    const recovered = statsAfter(40, 40, 20, 20, 0, 0);
    expect(recovered).toMatchObject({ threshold: "good", previousThreshold: "low", quality: 100 });
    expect(recovered?.stats.worstVideoReceivePacketLoss).toBe(0.4);
  });
});

describe("what a call is told with", () => {
  it.each([
    [{}],
    [{ meeting: "" }],
    [{ pid: "12" }],
    [{ pid: 1.5 }],
    [{ who: "me" }],
    [null],
    [[]],
    [{ room: "a\nb" }],
  ])("%j is refused", (value) =>
    expect(() => parseCallRequest(value)).toThrow(expect.objectContaining({ code: "ERR_USAGE" })),
  );

  it("a process that is not there is refused", () => {
    expect(() => makeCall({ pid: 4_194_000 }, "control", T0)).toThrow(/no process 4194000/);
    expect(makeCall({ pid: process.pid }, "control", T0).pidStart).toMatch(/^\d+$/);
  });

  it("is found by id, meeting or `last`", () => {
    const calls = [callOf({ id: "b", meeting: "m" }), callOf({ id: "a", meeting: "m" })];
    expect(["a", "m", "last"].map((word) => findCall(calls, word).id)).toEqual(["a", "b", "b"]);
    expect(() => findCall(calls, "x")).toThrow(/no call x/);
  });
});

describe("the store", () => {
  it("gives back what it was given, newest first, and passes over what is torn", () => {
    const at = join(directory, "store");
    const store = new CallStore(at);
    expect(store.load()).toEqual([]);
    store.save(callOf({ id: "0000000a" }));
    store.save(callOf({ id: "0000000b", startedAt: T0 + 1 }));
    writeFileSync(join(at, "0000000c.call.json"), '{"id":"0000');
    writeFileSync(join(at, "0000000b.rows.ndjson"), '{"at":1,"span":1}\n{"at":2,"sp');
    expect(store.load().map(({ id }) => id)).toEqual(["0000000b", "0000000a"]);
    store.addRow("0000000b", { at: 3, span: 1, received: {}, sent: {} });
    store.writeRows();
    expect(store.loadRows("0000000b").map((row) => row.at)).toEqual([1, 3]);
    expect(store.loadMetrics("0000000b")).toBeUndefined();
    store.remove("0000000b");
    expect(readdirSync(at).sort()).toEqual(["0000000a.call.json", "0000000c.call.json"]);
  });

  it("a process that ends is the end of its call; an old call is forgotten by the next daemon", async () => {
    const at = join(directory, "gone");
    const book = makeBook(at);
    const call = book.start({ pid: process.pid });
    Object.assign(book.get(call.id), { pidStart: "1" });
    book.addSample(makeSample({ timestamp: Date.now() + 1000 }));
    expect(book.get(call.id)).toMatchObject({ endReason: "process gone" });
    expect(makeBook(at).list()).toMatchObject([{ id: call.id, endReason: "process gone" }]);
    const later = makeBook(at, { maxAgeMs: -10_000 });
    later.open();
    await expect.poll(() => later.list(), { timeout: 5000 }).toEqual([]);
    await later.close();
    expect(readdirSync(at)).toEqual([]);
  });
});

describe("presence", () => {
  const person = (id: string, userName: string, changes = {}) => ({
    id,
    userName,
    room: "r1",
    mtgSessionId: "m1",
    ...changes,
  });
  const here = readPresence([
    person("p1", "Alice"),
    person("p2", "Bot"),
    person("p3", "Bot", { room: "r2", mtgSessionId: "m2" }),
  ]).records;

  it("a call per meeting of a watched room; of this host's participant, when its name is known", () => {
    expect(comparePresence(here, [], { rooms: ["r1"] }).start).toEqual([{ room: "r1", meeting: "m1" }]);
    const start = comparePresence(here, [], { rooms: ["r1", "r2"], participantName: "Bot" }).start;
    expect(start.map(({ participant, meeting }) => [participant, meeting])).toEqual([
      ["p2", "m1"],
      ["p3", "m2"],
    ]);
    expect(comparePresence(here, [], { rooms: [] }).start).toEqual([]);
  });

  it("no second call of one that is on, and the end of one that is gone", () => {
    const told = callOf({ meeting: "m1", participant: "p2" });
    expect(comparePresence(here, [told], { rooms: ["r1"] }).start).toEqual([]);
    const seen = callOf({ source: "presence", room: "r1", meeting: "m0" });
    const change = comparePresence(here, [seen], { rooms: ["r1"] });
    expect(change.missing).toEqual([seen]);
    expect(change.start).toHaveLength(1);
    expect(comparePresence([], [told], { rooms: ["r1"] }).missing).toEqual([]);
  });

  it("adds the meeting to a call that was told with a room only", () => {
    const told = callOf({ room: "r2" });
    expect(comparePresence(here, [told], { rooms: [] }).found).toEqual([{ call: told, meeting: "m2" }]);
    const two = readPresence([person("p1", "A"), person("p2", "B", { mtgSessionId: "m9" })]).records;
    expect(comparePresence(two, [callOf({ room: "r1" })], { rooms: [] }).found).toEqual([]);
  });
});

describe("webhook", () => {
  const secret = Buffer.from("a webhook's secret").toString("base64");
  const body = JSON.stringify({
    version: "1.0.0",
    type: "meeting.ended",
    id: "e1",
    payload: { start_ts: 1, end_ts: T0 / 1000 - 5.5, meeting_id: "m1", room: "r" },
    event_ts: 2,
  });
  /** As Daily's webhook guide says, written anew. */
  const sign = (timestamp: string, text = body, key = secret) =>
    createHmac("sha256", Buffer.from(key, "base64")).update(`${timestamp}.${text}`).digest("base64");
  const [now, old] = [String(T0 / 1000), String(T0 / 1000 - 301)];
  const judge = (timestamp: string | undefined, signature: string | undefined, text = body) =>
    new WebhookGate(secret).judge({ timestamp, signature }, text, T0);

  it("the end of a meeting, with seconds or milliseconds", () => {
    expect(judge(now, sign(now))).toEqual({ status: 200, ended: { meeting: "m1", endedAt: T0 - 5500 } });
    expect(judge(String(T0), sign(String(T0))).ended?.meeting).toBe("m1");
  });

  it.each([
    ["no signature", now, undefined],
    ["no timestamp", undefined, sign(now)],
    ["of another secret", now, sign(now, body, "YWFh")],
    ["of another body", now, sign(now, `${body} `)],
    ["of another time", now, sign(old)],
    ["too old", old, sign(old)],
    ["from the future", String(T0 / 1000 + 301), sign(String(T0 / 1000 + 301))],
    ["of no time at all", "now", sign("now")],
  ])("is refused: %s", (_, timestamp, signature) => {
    expect(judge(timestamp, signature)).toEqual({ status: 401 });
  });

  it("a replay is refused", () => {
    const gate = new WebhookGate(secret);
    const headers = { timestamp: now, signature: sign(now) };
    expect(gate.judge(headers, body, T0).status).toBe(200);
    expect(gate.judge(headers, body, T0 + 1000)).toEqual({ status: 409 });
  });

  it("other events, Daily's first test and nonsense end nothing", () => {
    expect(judge(undefined, undefined, '{"test":"test"}')).toEqual({ status: 200 });
    for (const text of ['{"type":"participant.left","payload":{}}', "[]", "{", '{"type":"meeting.ended"}']) {
      expect(judge(now, sign(now, text), text)).toEqual({ status: 200 });
    }
  });

  describe("over HTTP", () => {
    const open: Webhook[] = [];
    afterEach(async () => {
      for (const webhook of open.splice(0)) await webhook.close();
    });

    it("ends the calls of the meeting, and no others", async () => {
      const book = makeBook(join(directory, "hook"));
      const [one, two] = [book.start({ meeting: "m1" }), book.start({ meeting: "m2" })];
      const webhook = await openWebhook({ address: "127.0.0.1", port: 0, secret }, (ended) => book.endMeeting(ended));
      open.push(webhook);
      const url = `http://127.0.0.1:${webhook.port}/`;
      const timestamp = String(Date.now());
      const headers = { "x-webhook-timestamp": timestamp, "x-webhook-signature": sign(timestamp) };
      expect(
        (await fetch(url, { method: "POST", body, headers: { ...headers, "x-webhook-signature": "x" } })).status,
      ).toBe(401);
      expect(book.get(one.id).endedAt).toBeUndefined();
      expect((await fetch(url, { method: "POST", body, headers })).status).toBe(200);
      expect((await fetch(url, { method: "POST", body, headers })).status).toBe(409);
      expect((await fetch(url)).status).toBe(405);
      expect((await fetch(url, { method: "POST", body: "x".repeat(70_000), headers })).status).toBe(413);
      expect(book.get(one.id)).toMatchObject({ endReason: "meeting ended" });
      expect(book.get(two.id).endedAt).toBeUndefined();
    });
  });
});
