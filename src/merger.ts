// SPDX-License-Identifier: MIT
/**
 * The streams between two ends as one, for stores that are to hold fewer series: counters and rates are sums, jitter and loss
 * the worst of them. A sum of counters falls when a stream ends.
 */
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
}: StreamStats): string {
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

const SUMS = ["packetsDuplicated", "packetsReordered", "bitsPerSecond", "packetsPerSecond"] as const;
const INBOUND_SUMS = [
  "packetsReceived",
  "bytesReceived",
  "headerBytesReceived",
  "packetsLost",
  "retransmittedPacketsReceived",
  "retransmittedBytesReceived",
  "fecPacketsReceived",
  "fecBytesReceived",
] as const;
const INBOUND_WORST = ["lastPacketReceivedTimestamp", "fractionLost", "jitter", "jitterRfc3550"] as const;
const INBOUND_LEAST = ["quality", "rFactor", "mosCq"] as const;
const OUTBOUND_SUMS = ["packetsSent", "bytesSent", "headerBytesSent"] as const;

/** What is of one stream and not of several. */
const OWN = [
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
];

function shared<Stats extends StreamStats>(stats: Stats): Stats {
  return Object.fromEntries(Object.entries(stats).filter(([name]) => !OWN.includes(name))) as Stats;
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
