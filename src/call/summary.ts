// SPDX-License-Identifier: MIT
/** A report in one paragraph, for a ticket. */
import type { Report } from "./sides.js";

const ms = (seconds: number): string => `${(seconds * 1000).toFixed(1)} ms`;
const kbit = (bits: number): string => `${(bits / 1000).toFixed(0)} kbit/s`;
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function describeCall({ call, host }: Omit<Report, "summary">): string {
  const end =
    call.endedAt === undefined ? "is still on" : `lasted ${Math.round((call.endedAt - call.startedAt) / 1000)} s`;
  const ids = [
    call.meeting === undefined ? [] : [`meeting ${call.meeting}`],
    call.participant === undefined ? [] : [`participant ${call.participant}`],
    call.room === undefined ? [] : [`room ${call.room}`],
    call.pid === undefined ? [] : [`process ${call.pid}`],
  ].flat();
  const on = `on host ${host}`;
  return `Call ${call.id} (${[...ids, on].join(", ")}) began ${new Date(call.startedAt).toISOString()} and ${end}.`;
}

function describeHost({ totals }: Omit<Report, "summary">): string {
  if (totals === undefined) return "The host measured nothing of it.";
  const { packetsReceived, packetsLost, loss, audioJitter, audioJitterP95, videoJitter, videoJitterP95 } = totals;
  const jitter = [
    audioJitter === undefined
      ? []
      : [`audio ${ms(audioJitter)} (95th percentile ${ms(audioJitterP95 ?? audioJitter)})`],
    videoJitter === undefined
      ? []
      : [`video ${ms(videoJitter)} (95th percentile ${ms(videoJitterP95 ?? videoJitter)})`],
  ].flat();
  const received = `${Math.round(packetsReceived)} RTP packets at ${kbit(totals.receivedBitsPerSecond)}`;
  const lost = loss === undefined ? "" : `, ${Math.round(packetsLost)} lost on the way here (${percent(loss)})`;
  const sent = `sent ${Math.round(totals.packetsSent)} at ${kbit(totals.sentBitsPerSecond)}`;
  const shaken = jitter.length === 0 ? "" : `; jitter on arrival: ${jitter.join(", ")}`;
  return `Its kernel received ${received}${lost} and ${sent}${shaken}.`;
}

function describeRoundTrip({ totals, timeline }: Omit<Report, "summary">): string {
  const daily = timeline.flatMap(({ rttSource, roundTripTime }) => (rttSource === "daily" ? [roundTripTime ?? 0] : []));
  const parts = [
    totals?.roundTripTime === undefined
      ? []
      : [`mean ${ms(totals.roundTripTime)}, at most ${ms(totals.maxRoundTripTime ?? 0)} by this host's STUN checks`],
    daily.length === 0
      ? []
      : [`mean ${ms(daily.reduce((sum, value) => sum + value, 0) / daily.length)} by Daily where the host had none`],
  ].flat();
  return parts.length === 0 ? "No round trip was measured by either side." : `Round trip: ${parts.join("; ")}.`;
}

function describeDaily({ call, daily, compared, uncompared, differences }: Omit<Report, "summary">): string {
  if (call.daily.phase === "pending") return "Daily's side is still to come.";
  const note = daily.note === undefined ? "" : ` (${daily.note})`;
  if (daily.samples === 0) return `Daily's side is missing${note}.`;
  const missing = uncompared === 0 ? "" : `; ${uncompared} cannot be compared, for the host's side is missing`;
  const begin = `Daily has ${daily.samples} samples${note}, of which ${compared} can be compared${missing}`;
  if (compared === 0) return `${begin}.`;
  if (differences.length === 0) return `${begin}: both sides agree within what sampling explains.`;
  const times = new Map<string, number>();
  for (const { measure, meaning } of differences) {
    const text = `${measure}: ${meaning}`;
    times.set(text, (times.get(text) ?? 0) + 1);
  }
  const parts = [...times].map(([text, n]) => `${text} (${n} of ${compared} samples)`);
  return `${begin}; they differ beyond sampling in ${parts.join("; ")}.`;
}

export function summarize(report: Omit<Report, "summary">): string {
  const { notes } = report;
  const parts = [describeCall, describeHost, describeRoundTrip, describeDaily].map((describe) => describe(report));
  return [...parts, ...(notes.length === 0 ? [] : [`Note: ${notes.join("; ")}.`])].join(" ");
}
