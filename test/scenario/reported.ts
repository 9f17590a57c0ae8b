// SPDX-License-Identifier: MIT
/** Holds the stats of RTCP to what the schedule of the reports says. */
import { expect } from "vitest";
import type { RemoteInboundRtpStats, ReportStats } from "../../src/rtcp.js";
import type { Answer, VoipMetrics } from "./reports.js";
import type { SourceTruth } from "./sources.js";

/** What LSR and DLSR are in: a round trip is not known any better. */
const RESOLUTION_S = 2 ** -16;
/** From 1900 to 1970 (RFC 868). */
const NTP_TO_UNIX_S = 2_208_988_800;

const keyOf = ({
  type,
  ssrc,
  srcAddress,
  srcPort,
  dstAddress,
  dstPort,
  turnChannel,
  turnPeer,
  relay,
}: ReportStats): string =>
  [type, ssrc, srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, relay].join(" ");

function expectTrips(stats: ReportStats, answers: Answer[]): number {
  const trips = answers.filter((answer) => typeof answer === "number").map((ns) => ns / 1e9);
  expect(stats).toMatchObject({
    roundTripTimeMeasurements: trips.length,
    reportsUnmatched: answers.filter((answer) => answer === "unknown").length,
  });
  const remote = stats as RemoteInboundRtpStats;
  const total = trips.reduce((sum, s) => sum + s, 0);
  const [last, least, most] = [trips.at(-1), Math.min(...trips), Math.max(...trips)];
  const { roundTripTime, minRoundTripTime, maxRoundTripTime, totalRoundTripTime } = remote;
  if (trips.length === 0) {
    expect([roundTripTime, minRoundTripTime, maxRoundTripTime, totalRoundTripTime]).toEqual(Array(4).fill(undefined));
    return 0;
  }
  for (const [found, truth] of [
    [roundTripTime, last],
    [minRoundTripTime, least],
    [maxRoundTripTime, most],
  ]) {
    expect(Math.abs((found ?? Number.NaN) - (truth ?? Number.NaN))).toBeLessThan(RESOLUTION_S);
  }
  expect(Math.abs((totalRoundTripTime ?? Number.NaN) - total)).toBeLessThan(RESOLUTION_S * trips.length);
  return trips.length;
}

/** RFC 3611 4.7.5: 127 is "unavailable", and what else is out of range is to be ignored. */
const within = (score: number, least: number, most: number): boolean => score >= least && score <= most;
/** RFC 3611 4.7.3: 0 until there is an estimate, or where none is made. */
const knownDelay = (ms: number): number | undefined => (ms === 0 ? undefined : ms / 1000);

function expectVoip(stats: ReportStats, voip: VoipMetrics | undefined): void {
  if (voip === undefined) {
    expect(Object.keys(stats).filter((name) => name.startsWith("xr"))).toEqual([]);
    return;
  }
  const found = stats as RemoteInboundRtpStats;
  expect(found).toMatchObject({
    xrLossRate: voip.lossRate / 256,
    xrDiscardRate: voip.discardRate / 256,
    xrBurstDensity: voip.burstDensity / 256,
    xrGapDensity: voip.gapDensity / 256,
    xrBurstDuration: voip.burstMs / 1000,
    xrGapDuration: voip.gapMs / 1000,
    xrJitterBufferDelay: voip.jitterBufferMs / 1000,
  });
  const opinion = (score: number): number | undefined => (within(score, 10, 50) ? score / 10 : undefined);
  const { xrRoundTripDelay, xrEndSystemDelay, xrRFactor, xrMosListening, xrMosConversational } = found;
  expect({ xrRoundTripDelay, xrEndSystemDelay, xrRFactor, xrMosListening, xrMosConversational }).toEqual({
    xrRoundTripDelay: knownDelay(voip.roundTripMs),
    xrEndSystemDelay: knownDelay(voip.endSystemMs),
    xrRFactor: within(voip.rFactor, 0, 100) ? voip.rFactor : undefined,
    xrMosListening: opinion(voip.mosListening),
    xrMosConversational: opinion(voip.mosConversational),
  });
}

/** remote-inbound-rtp: what the far end says of a source of ours. Returns its round trips. */
function expectReceived(stats: ReportStats, truth: SourceTruth): number {
  const { block, mentions, clockRate } = truth;
  expect(stats).toMatchObject({
    packetsLost: block?.lost,
    fractionLost: (block?.fraction ?? 0) / 256,
    reportsReceived: mentions,
  });
  expect((stats as RemoteInboundRtpStats).jitter).toBe(
    clockRate === undefined ? undefined : (block?.jitter ?? 0) / clockRate,
  );
  expectVoip(stats, truth.voip);
  return expectTrips(stats, truth.bySenderReport);
}

/** remote-outbound-rtp: what the far end says of itself. Returns its round trips. */
function expectSent(stats: ReportStats, truth: SourceTruth): number {
  const { sender, packets } = truth;
  if (stats.type !== "remote-outbound-rtp" || sender === undefined) throw new Error("no sender");
  expect(stats).toMatchObject({
    packetsSent: sender.packets,
    bytesSent: sender.bytes,
    reportsSent: packets.senderReports,
  });
  if (sender.seconds === 0) expect(stats.remoteTimestamp).toBeUndefined();
  else {
    const ms = (sender.seconds - NTP_TO_UNIX_S) * 1000 + (sender.fraction * 1000) / 2 ** 32;
    expect(stats.remoteTimestamp).toBeCloseTo(ms, 2);
  }
  return expectTrips(stats, truth.byReferenceTime);
}

function expectSaid(stats: ReportStats, { cipher, datagrams, packets }: SourceTruth): number {
  expect(stats).toMatchObject({ protocol: cipher === undefined ? "rtcp" : "srtcp", datagrams, ...packets });
  expect(Object.entries(stats).find(([name]) => name === "cipher")?.[1]).toBe(cipher);
  return 0;
}

type Check = (stats: ReportStats, truth: SourceTruth) => number;

/** The types that a source has, and what each must say. */
function checksOf({ isOurs, mentions, packets, cipher, datagrams }: SourceTruth): [ReportStats["type"], Check][] {
  return [
    ...(isOurs && mentions > 0 ? [["remote-inbound-rtp", expectReceived] as const] : []),
    ...(!isOurs && packets.senderReports > 0 && cipher === undefined
      ? [["remote-outbound-rtp", expectSent] as const]
      : []),
    ...(datagrams > 0 ? [[isOurs ? "outbound-rtcp" : "inbound-rtcp", expectSaid] as const] : []),
  ].map(([type, check]) => [type, check]);
}

/** No more and no less than the truth has. Returns how many round trips were held to it. */
export function expectReports(reports: ReportStats[], truths: SourceTruth[]): number {
  const found = new Map(reports.map((stats) => [keyOf(stats), stats]));
  const wanted = truths.flatMap((truth) =>
    checksOf(truth).map(([type, check]) => {
      const { ends, via, ssrc } = truth;
      const { src, srcPort, dst, dstPort } = ends;
      const key = [type, ssrc, src, srcPort, dst, dstPort, via.turnChannel, via.turnPeer, via.relay].join(" ");
      return { key, truth, check };
    }),
  );
  expect([...found.keys()].sort()).toEqual(wanted.map(({ key }) => key).sort());
  return wanted.reduce((sum, { key, truth, check }) => sum + check(found.get(key) as ReportStats, truth), 0);
}
