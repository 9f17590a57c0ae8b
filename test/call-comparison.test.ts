// SPDX-License-Identifier: MIT
/**
 * What is no difference between the two sides, and what just is one. Oracle: the rules that src/call/comparison.ts states, in the
 * arithmetic of each case done by hand on a call of which every second is the same.
 */
import { describe, expect, it } from "vitest";
import { compareReading, type Measure } from "../src/call/comparison.js";
import { type Reading, WINDOW_MS } from "../src/call/reading.js";
import type { Row } from "../src/call/traffic.js";

const PACKETS = 98;
/** Each second: 100 packets of video in, of which 2 are lost; 50 of audio out. */
const ROWS: Row[] = Array.from({ length: 60 }, (_, second) => ({
  at: (second + 1) * 1000,
  span: 1000,
  received: {
    audio: { packets: 50, bytes: 5_000, headerBytes: 600, lost: 0, jitter: 0.04 },
    video: { packets: PACKETS, bytes: 98_000, headerBytes: 1_200, lost: 2, jitter: 0.06 },
  },
  sent: { audio: { packets: 50, bytes: 5_000, headerBytes: 600 } },
  roundTripTime: second % 2 === 0 ? 0.06 : 0.08,
}));

/** Bits per second: of the payloads, and with the headers of RTP (above) and of UDP and IPv6 (48 bytes). */
const RECEIVED = { payload: 8 * 103_000, wire: 8 * (103_000 + 1_800 + 148 * 48) };
const SENT = { payload: 8 * 5_000, wire: 8 * (5_000 + 600 + 50 * 48) };
/** Two standard deviations of 2 % of the packets that came in 15 s: 0.73 %. */
const SPREAD = 2 * Math.sqrt((0.02 * 0.98) / (15 * PACKETS));

interface Bounds {
  measure: Measure;
  member: keyof Reading;
  least: number;
  most: number;
}

const BOUNDS: Bounds[] = [
  // A twentieth, and 5 kbit/s.
  {
    measure: "received",
    member: "receivedBitsPerSecond",
    least: RECEIVED.payload * 0.95 - 5_000,
    most: RECEIVED.wire * 1.05 + 5_000,
  },
  { measure: "sent", member: "sentBitsPerSecond", least: SENT.payload * 0.95 - 5_000, most: SENT.wire * 1.05 + 5_000 },
  // Half a percent.
  { measure: "video loss", member: "videoLoss", least: 0.02 - SPREAD - 0.005, most: 0.02 + SPREAD + 0.005 },
  // A quarter and 10 ms, of the least and the greatest.
  { measure: "round trip", member: "roundTripTime", least: 0.06 / 1.25 - 0.01, most: 0.08 * 1.25 + 0.01 },
  // Twice and 10 ms, of audio's and video's.
  { measure: "jitter", member: "jitter", least: 0.04 / 2 - 0.01, most: 0.06 * 2 + 0.01 },
];

const CASES = BOUNDS.flatMap(({ measure, member, least, most }) => [
  { name: `${measure} just above the least`, measure, member, value: least * 1.001, isDifference: false },
  { name: `${measure} just below the least`, measure, member, value: least * 0.999, isDifference: true },
  { name: `${measure} just below the most`, measure, member, value: most * 0.999, isDifference: false },
  { name: `${measure} just above the most`, measure, member, value: most * 1.001, isDifference: true },
]);

function differences(figures: Partial<Reading>, rows = ROWS) {
  return compareReading(rows, { at: 30_000, span: WINDOW_MS, timeNs: "0", ...figures });
}

describe("a difference", () => {
  it.each(CASES)("$name: $isDifference", ({ measure, member, value, isDifference }) => {
    const bounds = BOUNDS.find((one) => one.measure === measure) as Bounds;
    const [found, ...others] = differences({ [member]: value }) ?? [];
    expect(others).toEqual([]);
    expect(found?.measure).toBe(isDifference ? measure : undefined);
    if (!isDifference) return;
    expect(found).toMatchObject({ from: 15_000, to: 30_000, daily: value });
    expect(found?.host.least).toBeCloseTo(bounds.least, 6);
    expect(found?.host.most).toBeCloseTo(bounds.most, 6);
  });

  it("is not told of a window of which the host saw less than four fifths", () => {
    const receivedBitsPerSecond = 1;
    const seen = (seconds: number) => ROWS.filter(({ at }) => at <= 15_000 + seconds * 1000);
    expect(differences({ receivedBitsPerSecond }, seen(12))).toHaveLength(1);
    expect(differences({ receivedBitsPerSecond }, seen(11))).toBeUndefined();
  });
});
