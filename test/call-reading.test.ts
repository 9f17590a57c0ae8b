// SPDX-License-Identifier: MIT
/**
 * Daily's metrics as readings. Oracle: the figures put in; a median jitter of half a second, or round trip of one, is absurd, so the
 * unit is milliseconds from there on; and names that say what else a figure is.
 */
import { describe, expect, it } from "vitest";
import type { Call } from "../src/call/call.js";
import { type Reading, readReadings } from "../src/call/reading.js";

const START = Date.parse("2026-03-23T16:00:00Z");
const END = START + 60_000;
const CALL: Call = {
  id: "0123abcd",
  meeting: "m1",
  participant: "p1",
  source: "control",
  startedAt: START,
  endedAt: END,
  daily: { phase: "stored", polls: 2, metrics: 1 },
};

function read(...metrics: Record<string, unknown>[]): Reading[] {
  const time = new Date(START + 15_000).toISOString();
  return readReadings(
    metrics.map((metric) => ({ time, userSessionId: "p1", ...metric })),
    CALL,
  ).ours;
}

describe("units", () => {
  it.each([
    ["jitter", 0.499, 0.499],
    ["jitter", 0.5, 0.0005],
    ["jitter", 4, 0.004],
    ["roundTripTime", 0.999, 0.999],
    ["roundTripTime", 1, 0.001],
  ] as const)("a %s of %d is %d s", (name, value, seconds) => {
    expect(read({ [name]: value })[0]?.[name]).toBeCloseTo(seconds, 9);
  });

  it("are of all values of the call: a large one among many does not make milliseconds of them", () => {
    expect(read({ jitter: 0.01 }, { jitter: 0.02 }, { jitter: 0.6 }).map(({ jitter }) => jitter)).toEqual([
      0.01, 0.02, 0.6,
    ]);
  });
});

describe("names", () => {
  it.each([
    "jitterBufferDelay",
    "totalJitter",
    "jitterCount",
    "maxJitter",
    "jitterMin",
    "worstJitter",
    "outbound-audio-1.jitter",
    "sendJitter",
  ])("%s is no jitter of what came in", (name) => {
    expect(read({ [name]: 0.1, jitter: 0.002 })[0]?.jitter).toBe(0.002);
    expect(read({ [name]: 0.1 })[0]).not.toHaveProperty("jitter");
  });

  it.each(["totalRoundTripTime", "rttCount", "roundTripTimeMeasurements", "maxRtt", "rttMin", "worstRoundTripTime"])(
    "%s is no round trip",
    (name) => {
      expect(read({ [name]: 0.9, "round-trip": 0.05 })[0]?.roundTripTime).toBe(0.05);
      expect(read({ [name]: 0.9 })[0]).not.toHaveProperty("roundTripTime");
    },
  );
});

describe("the client's clock", () => {
  const server = START + 30_000;
  it.each([
    ["a minute before the call is believed", START - 60_000, START - 60_000],
    ["further before is not", START - 60_001, server],
    ["a minute after the call is believed", END + 60_000, END + 60_000],
    ["further after is not", END + 60_001, server],
  ])("%s", (_, clientMs, at) => {
    const toText = (ms: number) => new Date(ms).toISOString();
    expect(read({ time: toText(server), clientTime: toText(clientMs) })[0]?.at).toBe(at);
  });
});
