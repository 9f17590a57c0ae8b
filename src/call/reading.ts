// SPDX-License-Identifier: MIT
/** Daily's metrics as figures that can stand beside the host's. Names and units within them are documented nowhere. */
import { flattenRecord } from "../daily/flat.js";
import { type DailyMetric, type Raw, readMetrics } from "../daily/record.js";
import type { Call } from "./call.js";

/** What Daily recorded of one participant within one window. */
export interface Reading {
  /** End of the window, milliseconds since the Unix epoch; and how long it is, milliseconds. */
  at: number;
  span: number;
  /** The moment of the record, in ns, decimal. */
  timeNs: string;
  participant?: string;
  receivedBitsPerSecond?: number;
  sentBitsPerSecond?: number;
  /** 0 to 1, by its name and by the SDK's use of it. */
  videoLoss?: number;
  /** Seconds; the unit is inferred from all values of the call. */
  roundTripTime?: number;
  jitter?: number;
}

/** Daily's clients report every 15 s. */
export const WINDOW_MS = 15_000;
/** A client's clock that is further off than this is not believed. */
const CLOCK_MS = 60_000;

/** A figure that the records carry under names which only a pattern can find. */
interface Figure {
  wanted: RegExp;
  refused: RegExp;
  /** The median over a call, from which on the unit must be milliseconds: in seconds it would be absurd. */
  msFrom: number;
}

const ROUND_TRIP: Figure = {
  wanted: /rtt|round-?trip/i,
  refused: /total|count|measurements|max|min|worst/i,
  msFrom: 1,
};
const JITTER: Figure = { wanted: /jitter/i, refused: /buffer|total|count|max|min|worst|outbound|send/i, msFrom: 0.5 };

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Per record, the median of its values, in seconds. */
function findFigure(
  records: readonly Map<string, unknown>[],
  { wanted, refused, msFrom }: Figure,
): (number | undefined)[] {
  const byName = new Map<string, number[]>();
  const isWanted = ([name, value]: [string, unknown]): boolean =>
    typeof value === "number" && value > 0 && wanted.test(name) && !refused.test(name);
  for (const record of records) {
    for (const [name, value] of [...record].filter(isWanted)) {
      byName.set(name, [...(byName.get(name) ?? []), value as number]);
    }
  }
  const factor = new Map([...byName].map(([name, values]) => [name, (median(values) ?? 0) >= msFrom ? 1e-3 : 1]));
  return records.map((record) =>
    median([...record].filter(isWanted).map(([name, value]) => (value as number) * (factor.get(name) ?? 1))),
  );
}

/** The client's clock is the one the window was cut by; the server's time is up to a window later. */
function timeOf({ time, clientTime }: DailyMetric, { startedAt, endedAt = Number.POSITIVE_INFINITY }: Call): number {
  if (clientTime === undefined) return time.ms;
  const { ms } = clientTime;
  return ms >= startedAt - CLOCK_MS && ms <= endedAt + CLOCK_MS ? ms : time.ms;
}

function defined<T extends object>(values: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Readings of one participant, oldest first. */
function readParticipant(metrics: readonly DailyMetric[], call: Call): Reading[] {
  const flat = metrics.map(({ raw }) => flattenRecord(raw));
  const roundTrips = findFigure(flat, ROUND_TRIP);
  const jitters = findFigure(flat, JITTER);
  const readings = metrics.map((metric, i): Reading => {
    const { userRecvBitsPerSecAvg, userSentBitsPerSecAvg, videoRecvPacketLoss, userSessionId } = metric;
    const figures = {
      participant: userSessionId,
      receivedBitsPerSecond: userRecvBitsPerSecAvg,
      sentBitsPerSecond: userSentBitsPerSecAvg,
      videoLoss: videoRecvPacketLoss,
      roundTripTime: roundTrips[i],
      jitter: jitters[i],
    };
    return { at: timeOf(metric, call), span: WINDOW_MS, timeNs: metric.time.ns, ...defined(figures) };
  });
  const sorted = readings.sort((a, b) => a.at - b.at);
  return sorted.map((reading, i) => {
    const since = reading.at - (sorted[i - 1]?.at ?? Number.NEGATIVE_INFINITY);
    return { ...reading, span: Math.min(WINDOW_MS, Math.max(since, 1)) };
  });
}

export interface Readings {
  /** Of this host's participant; empty when it is not known who that is. */
  ours: Reading[];
  /** Of the others, by participant. */
  others: Map<string, Reading[]>;
  /** Why `ours` is empty. */
  reason?: string;
}

export function readReadings(raws: readonly Raw[], call: Call): Readings {
  const byParticipant = new Map<string, DailyMetric[]>();
  for (const metric of readMetrics(raws).records) {
    // Some records lack it: what was asked for by participant is that participant's.
    const name = metric.userSessionId ?? (call.meeting === undefined ? (call.participant ?? "") : "");
    byParticipant.set(name, [...(byParticipant.get(name) ?? []), metric]);
  }
  const all = new Map([...byParticipant].map(([name, metrics]) => [name, readParticipant(metrics, call)]));
  const { participant } = call;
  if (participant === undefined) {
    return { ours: [], others: all, reason: "it is not known which participant is this host's" };
  }
  const ours = all.get(participant) ?? [];
  all.delete(participant);
  return { ours, others: all, ...(ours.length > 0 ? {} : { reason: "Daily has no sample of this participant" }) };
}
