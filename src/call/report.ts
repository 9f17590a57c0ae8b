// SPDX-License-Identifier: MIT
/** Makes the report of a call: what this host counted, and what Daily recorded. */
import type { Raw } from "../daily/record.js";
import type { Call } from "./call.js";
import { compareReading } from "./comparison.js";
import { chooseFallback } from "./fallback.js";
import { type Reading, readReadings, WINDOW_MS } from "./reading.js";
import type { HostTotals, Report, TimelineEntry } from "./sides.js";
import { summarize } from "./summary.js";
import type { Row } from "./traffic.js";
import { measureWindow, quantile, type Span } from "./window.js";

export type { Report } from "./sides.js";

/** Windows of Daily's samples, and of the same length where there is none. */
function cutTimeline(call: Call, readings: readonly Reading[], end: number): { span: Span; reading?: Reading }[] {
  const cuts: { span: Span; reading?: Reading }[] = [];
  let at = call.startedAt;
  const fill = (to: number): void => {
    while (to - at > WINDOW_MS / 2) {
      const next = Math.min(to, at + WINDOW_MS);
      cuts.push({ span: { from: at, to: next } });
      at = next;
    }
  };
  for (const reading of readings) {
    fill(reading.at - reading.span);
    cuts.push({ span: { from: reading.at - reading.span, to: reading.at }, reading });
    at = Math.max(at, reading.at);
  }
  fill(end);
  return cuts;
}

function makeTotals(rows: readonly Row[], span: Span): HostTotals | undefined {
  const figures = measureWindow(rows, span);
  if (figures === undefined) return undefined;
  const p95 = (kind: "audio" | "video"): number | undefined => {
    const values = rows.map(({ received }) => received[kind]?.jitter).filter((value) => value !== undefined);
    return quantile(values, 0.95);
  };
  const [audioJitterP95, videoJitterP95] = [p95("audio"), p95("video")];
  return {
    ...figures,
    ...(audioJitterP95 === undefined ? {} : { audioJitterP95 }),
    ...(videoJitterP95 === undefined ? {} : { videoJitterP95 }),
  };
}

function dailyNote({ daily }: Call, reason: string | undefined): string | undefined {
  switch (daily.phase) {
    case "pending":
      return "Daily's side is still to come";
    case "absent":
      return daily.reason;
    default:
      return reason ?? (daily.settled === false ? "Daily's samples were still coming in at the deadline" : undefined);
  }
}

function makeNotes(rows: readonly Row[], totals: HostTotals | undefined, fallback: number): string[] {
  const ambiguous = new Set(rows.map((row) => row.ambiguous).filter((why) => why !== undefined));
  const hasNone = totals !== undefined && totals.packetsReceived + totals.packetsSent === 0;
  return [
    ...(totals === undefined ? ["this host measured nothing of the call: see whether the daemon was running"] : []),
    ...(hasNone ? ["no RTP of the call was seen by UDP on this host: media over TCP, or another process"] : []),
    ...(totals !== undefined && totals.coverage < 0.95
      ? [`this host measured ${Math.round(totals.coverage * 100)} % of the call's time`]
      : []),
    ...[...ambiguous].map((why) => `in part of the call ${why}`),
    ...(fallback > 0
      ? [`${fallback} round trips are Daily's, for this host had none then; their unit is inferred`]
      : []),
  ];
}

/** @param rows - oldest first */
export function makeReport(call: Call, rows: readonly Row[], raws: readonly Raw[], host: string): Report {
  const end = call.endedAt ?? rows.at(-1)?.at ?? call.startedAt;
  const { ours, others, reason } = readReadings(raws, call);
  const within = ours.filter(({ at, span }) => at > call.startedAt && at - span < end + WINDOW_MS);
  const fallback = new Set(chooseFallback(within, rows));
  const totals = makeTotals(rows, { from: call.startedAt, to: Math.max(end, call.startedAt + 1) });
  const timeline = cutTimeline(call, within, end).map(({ span, reading }): TimelineEntry => {
    const figures = measureWindow(rows, span);
    const stun = figures?.roundTripTime;
    const daily = reading !== undefined && fallback.has(reading) ? reading.roundTripTime : undefined;
    return {
      ...span,
      ...(figures === undefined ? {} : { host: figures }),
      ...(reading === undefined ? {} : { daily: reading }),
      ...(stun === undefined ? {} : { roundTripTime: stun, rttSource: "stun" }),
      ...(daily === undefined ? {} : { roundTripTime: daily, rttSource: "daily" }),
    };
  });
  const results = within.map((reading) => compareReading(rows, reading));
  const note = dailyNote(call, reason);
  const facts = {
    call,
    host,
    ...(totals === undefined ? {} : { totals }),
    daily: {
      samples: within.length,
      others: Object.fromEntries([...others].map(([name, readings]) => [name, readings.length])),
      ...(note === undefined ? {} : { note }),
    },
    timeline,
    compared: results.filter((result) => result !== undefined).length,
    uncompared: results.filter((result) => result === undefined).length,
    differences: results.flatMap((result) => result ?? []),
    notes: makeNotes(rows, totals, fallback.size),
  };
  return { ...facts, summary: summarize(facts) };
}
