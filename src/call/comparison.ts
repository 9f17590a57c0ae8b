// SPDX-License-Identifier: MIT
/** Where the two sides differ by more than their ways of sampling explain, and what such a difference means. */
import type { Reading } from "./reading.js";
import type { Row } from "./traffic.js";
import { type HostFigures, measureWindow, type Span } from "./window.js";

export type Measure = "received" | "sent" | "video loss" | "round trip" | "jitter";

export interface Difference extends Span {
  measure: Measure;
  /** What the host's measurements allow Daily to say, and what it says; bits/s, seconds, or 0 to 1. */
  host: { least: number; most: number };
  daily: number;
  meaning: string;
}

/**
 * Daily's client looks every 2 s, so that its window may begin and end that much off ours (STATS_CAPTURE_INTERVAL_SECS of
 * daily-core).
 */
const SHIFTS_MS = [-2000, -1000, 0, 1000, 2000];
/** A window of which the host saw less is no ground for a comparison. */
const LEAST_COVERAGE = 0.8;
const RATE_SLACK = 0.05;
/** Below this an audio stream's silence makes any ratio. */
const RATE_FLOOR = 5_000;
const LOSS_SLACK = 0.005;
const ROUND_TRIP_SLACK = { factor: 0.25, seconds: 0.01 };
const JITTER_SLACK = { factor: 1, seconds: 0.01 };

const MEANINGS: Readonly<Record<Measure, { above: string; below: string }>> = {
  received: {
    above: "Daily's client counts more than the kernel delivered by UDP: media over TCP, or in another process",
    below:
      "packets reached this host that Daily's client does not count: it reads too late, or they were dropped on the host",
  },
  sent: {
    above:
      "Daily's client counts more than left this host by UDP: media over TCP, or dropped on the host before the wire",
    below: "more left this host than Daily's client counts: retransmissions, or streams that are not Daily's",
  },
  "video loss": {
    above: "packets that this host received were lost behind its socket: the fault is on this host, not in the network",
    below: "what the network lost was repaired by retransmission before Daily's client counted it",
  },
  "round trip": {
    above: "Daily's client sees a longer way than this host's checks: delay within the process, or another path",
    below: "this host's checks see a longer way than Daily's client: another path, or another unit",
  },
  jitter: {
    above: "packets arrive at this host more evenly than Daily's client sees them: the process is late",
    below: "packets arrive at this host less evenly than Daily's client says: it measures elsewhere",
  },
};

interface Bounds {
  least: number;
  most: number;
}

function range(values: readonly number[]): Bounds | undefined {
  return values.length === 0 ? undefined : { least: Math.min(...values), most: Math.max(...values) };
}

type Key = "receivedBitsPerSecond" | "receivedWireBitsPerSecond" | "sentBitsPerSecond" | "sentWireBitsPerSecond";

function rateBounds(shifted: readonly HostFigures[], payload: Key, wire: Key): Bounds | undefined {
  const bounds = range(shifted.flatMap((figures) => [figures[payload], figures[wire]]));
  if (bounds === undefined) return undefined;
  return { least: bounds.least * (1 - RATE_SLACK) - RATE_FLOOR, most: bounds.most * (1 + RATE_SLACK) + RATE_FLOOR };
}

function lossBounds(shifted: readonly HostFigures[]): Bounds | undefined {
  const bounds = range(shifted.map(({ videoLoss }) => videoLoss).filter((loss) => loss !== undefined));
  if (bounds === undefined) return undefined;
  const packets = Math.max(1, ...shifted.map(({ videoPackets }) => videoPackets));
  // Two standard deviations of a share of so many packets.
  const spread = 2 * Math.sqrt((bounds.most * (1 - bounds.most)) / packets);
  return { least: bounds.least - spread - LOSS_SLACK, most: bounds.most + spread + LOSS_SLACK };
}

function widen(
  bounds: Bounds | undefined,
  { factor, seconds }: { factor: number; seconds: number },
): Bounds | undefined {
  if (bounds === undefined) return undefined;
  return { least: bounds.least / (1 + factor) - seconds, most: bounds.most * (1 + factor) + seconds };
}

function tripBounds(shifted: readonly HostFigures[]): Bounds | undefined {
  const values = shifted.flatMap(({ minRoundTripTime: least, maxRoundTripTime: most }) => [least, most]);
  return widen(range(values.filter((value) => value !== undefined)), ROUND_TRIP_SLACK);
}

function jitterBounds(shifted: readonly HostFigures[]): Bounds | undefined {
  const values = shifted.flatMap(({ audioJitter, videoJitter }) => [audioJitter, videoJitter]);
  return widen(range(values.filter((value) => value !== undefined)), JITTER_SLACK);
}

/** Differences within one of Daily's windows; undefined when the host did not see enough of it to say. */
export function compareReading(rows: readonly Row[], reading: Reading): Difference[] | undefined {
  const window = { from: reading.at - reading.span, to: reading.at };
  const own = measureWindow(rows, window);
  if (own === undefined || own.coverage < LEAST_COVERAGE) return undefined;
  const shifted = SHIFTS_MS.map((ms) => measureWindow(rows, { from: window.from + ms, to: window.to + ms })).filter(
    (figures): figures is HostFigures => figures !== undefined && figures.coverage >= LEAST_COVERAGE,
  );
  const sides: [Measure, number | undefined, Bounds | undefined][] = [
    [
      "received",
      reading.receivedBitsPerSecond,
      rateBounds(shifted, "receivedBitsPerSecond", "receivedWireBitsPerSecond"),
    ],
    ["sent", reading.sentBitsPerSecond, rateBounds(shifted, "sentBitsPerSecond", "sentWireBitsPerSecond")],
    ["video loss", reading.videoLoss, lossBounds(shifted)],
    ["round trip", reading.roundTripTime, tripBounds(shifted)],
    ["jitter", reading.jitter, jitterBounds(shifted)],
  ];
  return sides.flatMap(([measure, daily, bounds]) => {
    if (daily === undefined || bounds === undefined) return [];
    const host = { least: Math.max(0, bounds.least), most: bounds.most };
    if (daily >= host.least && daily <= host.most) return [];
    const meaning = MEANINGS[measure][daily > host.most ? "above" : "below"];
    return [{ ...window, measure, host, daily, meaning }];
  });
}
