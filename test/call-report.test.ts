// SPDX-License-Identifier: MIT
/**
 * The report of calls of known loss, jitter and delay, made by hand second by second; and Daily's samples that agree with
 * them, contradict them, or are missing. Oracle: the figures put in.
 */
import { describe, expect, it } from "vitest";
import type { Call } from "../src/call/call.js";
import { chooseFallback, findStretches } from "../src/call/fallback.js";
import { readReadings } from "../src/call/reading.js";
import { makeReport } from "../src/call/report.js";
import { Meter, type Row } from "../src/call/traffic.js";
import { viewReport } from "../src/reportview.js";
import { candidatePair, makeSample } from "./samples.js";

const START = Date.parse("2026-03-23T16:00:00Z");
const SECONDS = 60;
const US = "participant-us";
/** Each second: 50 packets of audio and 100 of video in, of which 2 are lost, 50 of audio out. */
const AUDIO = { packets: 50, bytes: 5_000, headerBytes: 600 };
const VIDEO = { packets: 98, bytes: 98_000, headerBytes: 1_200 };
const RECEIVED_BITS = 8 * (AUDIO.bytes + VIDEO.bytes);
const SENT_BITS = 8 * AUDIO.bytes;
const RTT = 0.06;

const CALL: Call = {
  id: "0123abcd",
  meeting: "meeting",
  participant: US,
  pid: 77,
  source: "control",
  startedAt: START,
  endedAt: START + SECONDS * 1000,
  daily: { phase: "stored", polls: 2, metrics: 4, settled: true },
};

function makeRow(second: number, changes: Partial<Row> = {}): Row {
  return {
    at: START + (second + 1) * 1000,
    span: 1000,
    received: { audio: { ...AUDIO, lost: 0, jitter: 0.003 }, video: { ...VIDEO, lost: 2, jitter: 0.006 } },
    sent: { audio: AUDIO },
    ...(second % 3 === 0 ? { roundTripTime: RTT } : {}),
    ...changes,
  };
}

const makeRows = (change: (second: number) => Partial<Row> = () => ({})): Row[] =>
  Array.from({ length: SECONDS }, (_, second) => makeRow(second, change(second)));

/** Daily's sample of the 15 s that end so many seconds after the start. */
function sample(second: number, changes: Record<string, unknown> = {}) {
  const at = new Date(START + second * 1000).toISOString();
  return {
    time: at,
    clientTime: at,
    mtgSessionId: "meeting",
    userSessionId: US,
    userRecvBitsPerSecAvg: RECEIVED_BITS,
    userSentBitsPerSecAvg: SENT_BITS,
    videoRecvPacketLoss: 0.02,
    ...changes,
  };
}

const SECONDS_OF_SAMPLES = [15, 30, 45, 60];
const samples = (changes: (second: number) => Record<string, unknown> = () => ({})) =>
  SECONDS_OF_SAMPLES.map((second) => sample(second, changes(second)));

describe("a call of known loss, jitter and delay", () => {
  const report = makeReport(CALL, makeRows(), samples(), "h1");

  it("the host's totals", () => {
    expect(report.totals).toMatchObject({
      packetsReceived: 148 * 60,
      packetsSent: 50 * 60,
      packetsLost: 120,
      coverage: 1,
    });
    expect(report.totals?.loss).toBeCloseTo(120 / (150 * 60), 9);
    expect(report.totals).toMatchObject({ audioJitter: 0.003, videoJitter: 0.006, videoLoss: 0.02 });
    expect(report.totals?.roundTripTime).toBeCloseTo(RTT, 9);
    expect(report.totals?.receivedBitsPerSecond).toBeCloseTo(RECEIVED_BITS, 6);
  });

  it("agreeing: four windows side by side, and no difference", () => {
    expect(report.timeline).toHaveLength(4);
    expect(report.timeline[0]).toMatchObject({ from: START, to: START + 15_000, rttSource: "stun" });
    expect(report).toMatchObject({ compared: 4, uncompared: 0, differences: [], notes: [] });
    expect(report.summary).toBe(
      "Call 0123abcd (meeting meeting, participant participant-us, process 77, on host h1) began 2026-03-23T16:00:00.000Z " +
        "and lasted 60 s. Its kernel received 8880 RTP packets at 824 kbit/s, 120 lost on the way here (1.33 %) and sent " +
        "3000 at 40 kbit/s; jitter on arrival: audio 3.0 ms (95th percentile 3.0 ms), video 6.0 ms (95th percentile 6.0 " +
        "ms). Round trip: mean 60.0 ms, at most 60.0 ms by this host's STUN checks. Daily has 4 samples, of which 4 can be " +
        "compared: both sides agree within what sampling explains.",
    );
  });

  it.each([
    ["headers counted", { userRecvBitsPerSecAvg: RECEIVED_BITS + 8 * (1_800 + 148 * 48) }],
    ["a few per cent of another window", { userRecvBitsPerSecAvg: RECEIVED_BITS * 0.97, videoRecvPacketLoss: 0.025 }],
    ["a round trip of the same path, in seconds", { metrics: { rtt: 0.063 } }],
    ["a round trip of the same path, in milliseconds", { metrics: { rtt: 63 } }],
  ])("what sampling explains is no difference: %s", (_, changes) => {
    expect(
      makeReport(
        CALL,
        makeRows(),
        samples(() => changes),
        "h1",
      ).differences,
    ).toEqual([]);
  });

  it("a burst at the edge of a window is in the one or the other: no difference", () => {
    const burst = { audio: AUDIO, video: { packets: 3000, bytes: 3_000_000, headerBytes: 36_000, lost: 60 } };
    const rows = makeRows((second) => (second === 14 ? { received: burst } : {}));
    const moved = (8 * (burst.video.bytes - VIDEO.bytes)) / 15;
    const later = samples((second) => (second === 30 ? { userRecvBitsPerSecAvg: RECEIVED_BITS + moved } : {}));
    expect(makeReport(CALL, rows, later, "h1").differences).toEqual([]);
  });
});

describe("Daily's samples contradict", () => {
  it.each<[string, Record<string, unknown>, string, RegExp]>([
    [
      "less received",
      { userRecvBitsPerSecAvg: RECEIVED_BITS / 2 },
      "received",
      /reads too late, or they were dropped on the host/,
    ],
    ["more received", { userRecvBitsPerSecAvg: RECEIVED_BITS * 2 }, "received", /media over TCP/],
    ["less sent", { userSentBitsPerSecAvg: 1_000 }, "sent", /more left this host/],
    ["more sent", { userSentBitsPerSecAvg: SENT_BITS * 3 }, "sent", /before the wire/],
    ["more loss", { videoRecvPacketLoss: 0.15 }, "video loss", /lost behind its socket: the fault is on this host/],
    ["no loss", { videoRecvPacketLoss: 0 }, "video loss", /repaired by retransmission/],
    ["a longer round trip", { metrics: { roundTripTime: 0.4 } }, "round trip", /delay within the process/],
    ["more jitter", { metrics: { "inbound-audio-1": { jitter: 0.08 } } }, "jitter", /the process is late/],
  ])("%s: in the window where it does, and with what it means", (_, changes, measure, meaning) => {
    const report = makeReport(
      CALL,
      makeRows(),
      samples((second) => (second === 45 ? changes : {})),
      "h1",
    );
    expect(report.differences).toMatchObject([
      { measure, to: START + 45_000, meaning: expect.stringMatching(meaning) },
    ]);
    expect(report.summary).toMatch(/differ beyond sampling in .* \(1 of 4 samples\)/);
    expect(viewReport(report).join("\n")).toMatch(new RegExp(`^16:00:45 +${measure}`, "m"));
  });
});

describe("a side is missing", () => {
  it("Daily's in part: the timeline shows where", () => {
    const report = makeReport(CALL, makeRows(), samples().slice(2), "h1");
    expect(report.timeline.map(({ daily }) => daily !== undefined)).toEqual([false, false, true, true]);
    expect(report).toMatchObject({ compared: 2, differences: [], daily: { samples: 2 } });
  });

  it("Daily's altogether, with the reason", () => {
    const daily = { phase: "absent" as const, polls: 9, metrics: 0, reason: "Daily had no metrics of it" };
    const report = makeReport({ ...CALL, daily }, makeRows(), [], "h1");
    expect(report.daily).toEqual({ samples: 0, others: {}, note: "Daily had no metrics of it" });
    expect(report.summary).toContain("Daily's side is missing (Daily had no metrics of it).");
  });

  it("Daily's still to come: nothing agrees yet", () => {
    const daily = { phase: "pending" as const, polls: 0, metrics: 0 };
    const report = makeReport({ ...CALL, daily }, makeRows(), [], "h1");
    expect(report.summary).toMatch(/STUN checks\. Daily's side is still to come\.$/);
    expect(viewReport(report)).toContain("no sample of Daily's to compare with");
    expect(viewReport(makeReport(CALL, makeRows(), samples(), "h1"))).toContain(
      "no differences beyond what sampling explains",
    );
  });

  it("the host's in part: such windows are not compared, and no contradiction is made of it", () => {
    const rows = makeRows().filter((_, second) => second >= 20);
    const report = makeReport(CALL, rows, samples(), "h1");
    expect(report).toMatchObject({ compared: 2, uncompared: 2, differences: [] });
    expect(report.notes).toEqual(["this host measured 67 % of the call's time"]);
  });

  it("the host's altogether", () => {
    const report = makeReport(CALL, [], samples(), "h1");
    expect(report).toMatchObject({ compared: 0, uncompared: 4, differences: [] });
    expect(report).not.toHaveProperty("totals");
    expect(report.summary).toContain("The host measured nothing of it.");
    expect(report.summary).toMatch(/ Note: this host measured nothing of the call: [^.;?]+\.$/);
  });

  it("nulls are absent, not zero", () => {
    const none = { userRecvBitsPerSecAvg: null, userSentBitsPerSecAvg: null, videoRecvPacketLoss: null, metrics: null };
    const report = makeReport(
      CALL,
      makeRows(),
      samples(() => none),
      "h1",
    );
    expect(report).toMatchObject({ compared: 4, differences: [] });
  });

  it("the samples of others are counted, and compared with nothing", () => {
    const others = samples(() => ({ userSessionId: "somebody", userRecvBitsPerSecAvg: 1 }));
    expect(makeReport(CALL, makeRows(), others, "h1")).toMatchObject({
      compared: 0,
      daily: { others: { somebody: 4 } },
    });
    const { participant: _, ...unknown } = CALL;
    const { daily } = makeReport(unknown, makeRows(), others, "h1");
    expect(daily.note).toMatch(/not known which participant/);
  });
});

describe("round trips of two sources", () => {
  const rtt = { metrics: { recv: { roundTripTime: 48 }, send: { roundTripTime: 52 }, totalRoundTripTime: 9e9 } };
  const readings = (raws = samples(() => rtt)) => readReadings(raws, CALL).ours;
  const without = (from: number, to: number) =>
    makeRows().map((row, second) => {
      if (second < from || second >= to) return row;
      const { roundTripTime: _, ...rest } = row;
      return rest;
    });

  it("none of Daily's while this host has its own", () => {
    expect(chooseFallback(readings(), makeRows())).toEqual([]);
  });

  it("Daily's for a call without any, in seconds whatever the unit was", () => {
    const chosen = chooseFallback(readings(), without(0, 60));
    expect(chosen.map(({ at }) => (at - START) / 1000)).toEqual(SECONDS_OF_SAMPLES);
    expect(chosen[0]?.roundTripTime).toBeCloseTo(0.048, 9);
    const inSeconds = readings(samples(() => ({ metrics: { rtt: 0.05 } })));
    expect(inSeconds[0]?.roundTripTime).toBeCloseTo(0.05, 9);
  });

  it("never within a stretch: a window that has only a part of one is the host's", () => {
    // The host's checks end after 20 s, in the second window.
    const chosen = chooseFallback(readings(), without(20, 60));
    expect(chosen.map(({ at }) => (at - START) / 1000)).toEqual([45, 60]);
    // Two checks that are 25 s apart are one stretch, for consent would not have ended between them.
    expect(findStretches(without(20, 45))).toHaveLength(1);
    expect(chooseFallback(readings(), without(20, 45))).toEqual([]);
    expect(findStretches(without(10, 50))).toHaveLength(2);
  });

  it("a pair that still shows its last round trip, while none comes, is no stretch", () => {
    const meter = new Meter();
    const rows = Array.from({ length: SECONDS + 1 }, (_, second) => {
      const count = Math.min(second, 20);
      const pair = candidatePair({ roundTripTimeMeasurements: count, totalRoundTripTime: RTT * count });
      const pairs = [{ ...pair, currentRoundTripTime: RTT, requestsReceived: second }];
      const sample = makeSample({ timestamp: START + 1000 * second, candidatePairs: pairs });
      return meter.measure(sample, { streams: [], pairs });
    }).filter((row) => row !== undefined);
    expect(findStretches(rows)).toEqual([{ from: START, to: START + 20_000 }]);
    expect(chooseFallback(readings(), rows).map(({ at }) => (at - START) / 1000)).toEqual([45, 60]);
  });

  it("the report says of each where it is from", () => {
    const { timeline, notes } = makeReport(
      CALL,
      without(20, 60),
      samples(() => rtt),
      "h1",
    );
    expect(timeline.map(({ rttSource }) => rttSource)).toEqual(["stun", "stun", "daily", "daily"]);
    expect(notes).toEqual(["2 round trips are Daily's, for this host had none then; their unit is inferred"]);
  });
});
