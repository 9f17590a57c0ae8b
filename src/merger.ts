// SPDX-License-Identifier: MIT
/**
 * The streams between two ends as one, for stores that are to hold fewer series: counters and rates are sums, jitter and loss
 * the worst of them. A sum of counters falls when a stream ends.
 */
import { DEPTH_FIELDS } from "./depthpoint.js";
import { LOSS_RUNS } from "./loss.js";
import type { ReportStats } from "./rtcp.js";
import type { InboundRtpStats, OutboundRtpStats, StreamStats } from "./stats.js";

function endsKey({
  type,
  srcAddress,
  srcPort,
  dstAddress,
  dstPort,
  turnChannel,
  turnPeer,
  comm,
  cgroup,
}: StreamStats | ReportStats): string {
  return [type, srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, comm, cgroup].join("\n");
}

/** What is known of both; absent only if it is of neither. */
function join(a: number | undefined, b: number | undefined, how: (a: number, b: number) => number): number | undefined {
  return a === undefined ? b : b === undefined ? a : how(a, b);
}

const add = (a: number, b: number): number => a + b;

function joined<Name extends string>(
  a: { [name in Name]?: number },
  b: { [name in Name]?: number },
  names: readonly Name[],
  how: (a: number, b: number) => number,
): { [name in Name]?: number } {
  const result: { [name in Name]?: number } = {};
  for (const name of names) {
    const value = join(a[name], b[name], how);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

const SUMS = [
  "packetsDuplicated",
  "packetsReordered",
  "bitsPerSecond",
  "packetsPerSecond",
  "nackCount",
  "pliCount",
  "firCount",
] as const;
const INBOUND_SUMS = [
  "packetsReceived",
  "bytesReceived",
  "headerBytesReceived",
  "packetsLost",
  "retransmittedPacketsReceived",
  "retransmittedBytesReceived",
  "fecPacketsReceived",
  "fecBytesReceived",
  "burstPacketsLost",
  "burstLossCount",
  ...LOSS_RUNS,
] as const;
const INBOUND_WORST = ["lastPacketReceivedTimestamp", "fractionLost", "jitter", "jitterRfc3550"] as const;
const INBOUND_LEAST = ["quality", "rFactor", "mosCq"] as const;
const OUTBOUND_SUMS = ["packetsSent", "bytesSent", "headerBytesSent"] as const;

/** Of the depth probe's: the same on all streams of a 5-tuple. */
const OF_TRANSPORT = ["transportPacketsExpected", "transportPacketsLost"];

/** What is of one stream and not of several. */
const OWN = new Set([
  "clockRate",
  "clockRateSource",
  "codec",
  "channels",
  "kind",
  "repairKind",
  "repairedSsrc",
  "rtxSsrc",
  "fecSsrc",
  "qualityThreshold",
  "qualityUnavailable",
  ...Object.keys(DEPTH_FIELDS).filter((name) => !OF_TRANSPORT.includes(name)),
]);

function shared<Stats extends StreamStats>(stats: Stats): Stats {
  return Object.fromEntries(Object.entries(stats).filter(([name]) => !OWN.has(name))) as Stats;
}

function mergeInbound(a: InboundRtpStats, b: InboundRtpStats): InboundRtpStats {
  return {
    ...shared(a),
    ...joined(a, b, [...SUMS, ...INBOUND_SUMS], add),
    ...joined(a, b, INBOUND_WORST, Math.max),
    ...joined(a, b, INBOUND_LEAST, Math.min),
  };
}

function mergeOutbound(a: OutboundRtpStats, b: OutboundRtpStats): OutboundRtpStats {
  return {
    ...shared(a),
    ...joined(a, b, [...SUMS, ...OUTBOUND_SUMS], add),
    ...joined(a, b, ["lastPacketSentTimestamp"], Math.max),
  };
}

const REPORT_SUMS = [
  "packetsLost",
  "packetsSent",
  "bytesSent",
  "reportsReceived",
  "reportsSent",
  "reportsUnmatched",
  "totalRoundTripTime",
  "roundTripTimeMeasurements",
  "datagrams",
  "senderReports",
  "receiverReports",
  "sourceDescriptions",
  "goodbyes",
  "nacks",
  "plis",
  "firs",
  "transportFeedbacks",
  "applicationFeedbacks",
  "extendedReports",
  "otherPackets",
] as const;
const REPORT_WORST = [
  "fractionLost",
  "jitter",
  "roundTripTime",
  "maxRoundTripTime",
  "remoteTimestamp",
  "lastReportTimestamp",
  "xrLossRate",
  "xrDiscardRate",
  "xrBurstDensity",
  "xrGapDensity",
  "xrBurstDuration",
  "xrGapDuration",
  "xrRoundTripDelay",
  "xrEndSystemDelay",
  "xrJitterBufferDelay",
] as const;
const REPORT_LEAST = ["minRoundTripTime", "xrRFactor", "xrMosListening", "xrMosConversational"] as const;

/** Numbers by name; which there are depends on the type. */
type Numbers = { [name: string]: number };

function joinReports(a: Numbers, b: Numbers): Numbers {
  return {
    ...joined(a, b, REPORT_SUMS, add),
    ...joined(a, b, REPORT_WORST, Math.max),
    ...joined(a, b, REPORT_LEAST, Math.min),
  } as Numbers;
}

/** The reports between two ends of one type as one. */
export function mergeReports(reports: readonly ReportStats[]): ReportStats[] {
  const merged = new Map<string, ReportStats>();
  for (const report of reports) {
    const key = endsKey(report);
    const before = merged.get(key);
    const numbers = before && joinReports(before as unknown as Numbers, report as unknown as Numbers);
    merged.set(key, before === undefined ? report : ({ ...before, ...numbers } as ReportStats));
  }
  return [...merged.values()];
}

/** One for each pair of ends and direction. `ssrc` and `payloadType` are those of the first. */
export function mergeStreams(streams: readonly StreamStats[]): StreamStats[] {
  const merged = new Map<string, StreamStats>();
  for (const stream of streams) {
    const key = endsKey(stream);
    const before = merged.get(key);
    if (before === undefined) merged.set(key, stream);
    else if (before.type === "inbound-rtp") merged.set(key, mergeInbound(before, stream as InboundRtpStats));
    else merged.set(key, mergeOutbound(before, stream as OutboundRtpStats));
  }
  return [...merged.values()];
}
