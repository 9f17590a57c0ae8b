// SPDX-License-Identifier: MIT
/**
 * Records into W3C webrtc-stats, in seconds. Pure: the same records give the same stats. Names are the W3C's where meaning
 * and unit are the same; packetsDuplicated, packetsReordered, jitterRfc3550, bitsPerSecond and packetsPerSecond are ours. What
 * was not measured is absent.
 */
import type { CodecStats } from "./codec.js";
import type { DepthStats } from "./depth.js";
import type { FeedbackStats } from "./feedback.js";
import type { Datagrams, StreamRecord } from "./native.js";
import type { Endpoints, Owner, StatsContext } from "./origin.js";
import type { InboundRepairStats, RepairStats } from "./pairing.js";
import type { CandidatePairStats, IceServerStats } from "./pairstats.js";
import type { QualityStats } from "./quality.js";
import type { ReportStats } from "./rtcp.js";

export type { Endpoints, Owner, StatsContext } from "./origin.js";
export type { CandidatePairStats, IceServerStats, RttSource } from "./pairstats.js";

export type ClockRateSource = "static" | "configured" | "inferred";

interface RtpStats extends Endpoints, Owner, CodecStats, RepairStats, DepthStats, FeedbackStats {
  /** When the snapshot was taken; milliseconds since the Unix epoch (W3C `timestamp`). */
  timestamp: number;
  ssrc: number;
  payloadType: number;
  /** Hz (W3C RTCCodecStats `clockRate`); absent until known. */
  clockRate?: number;
  clockRateSource?: ClockRateSource;
  /** Ours: same sequence number again. */
  packetsDuplicated: number;
  /** Ours: unique, behind the highest so far. */
  packetsReordered: number;
  /** Ours, over the interval since the previous snapshot: RTP payload bits and packets per second. */
  bitsPerSecond?: number;
  packetsPerSecond?: number;
}

export interface InboundRtpStats extends RtpStats, InboundRepairStats, QualityStats {
  type: "inbound-rtp";
  packetsReceived: number;
  bytesReceived: number;
  headerBytesReceived: number;
  lastPacketReceivedTimestamp: number;
  /** Exact: numbers between the lowest and the highest seen that never arrived. */
  packetsLost: number;
  /** Lost of those expected in the interval, 0 to 1; absent when none was expected. */
  fractionLost?: number;
  /** Seconds; what a WebRTC endpoint's getStats shows. */
  jitter?: number;
  /** Seconds; RFC 3550 A.8 over every packet. */
  jitterRfc3550?: number;
}

export interface OutboundRtpStats extends RtpStats {
  type: "outbound-rtp";
  packetsSent: number;
  bytesSent: number;
  headerBytesSent: number;
  lastPacketSentTimestamp: number;
}

export type StreamStats = InboundRtpStats | OutboundRtpStats;

/** One moment: what every sink, the control socket and `--json` carry. */
export interface Sample {
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
  /** The same moment in ns, decimal: the time of every point made from it. */
  timeNs: string;
  streams: StreamStats[];
  candidatePairs: CandidatePairStats[];
  /** The STUN and TURN servers that were asked. */
  iceServers: IceServerStats[];
  /** Of RTCP: what the far ends say, and who said what. */
  reports: ReportStats[];
  datagrams: Datagrams;
}

const CLOCK_RATE_SOURCES: readonly (ClockRateSource | undefined)[] = [undefined, "static", "configured", "inferred"];

/** Sequence numbers a stream spans, over all its runs. */
export function packetsExpected(record: StreamRecord): number {
  return record.expectedBefore + record.maxSeq - record.baseSeq + 1;
}

/**
 * Exact loss: expected less unique. A stray packet is of unknown uniqueness. A contended one did arrive, and is no loss of the
 * network's: what the probe itself missed is counted apart.
 */
export function packetsLost(record: StreamRecord): number {
  const unique = record.packets - record.duplicated - record.stray;
  return Math.max(0, packetsExpected(record) - unique - record.contended);
}

const secondsQ8 = (nsQ8: number): number => nsQ8 / 256 / 1e9;

function fractionLost(record: StreamRecord, previous: StreamRecord | undefined): number | undefined {
  const expected = packetsExpected(record) - (previous ? packetsExpected(previous) : 0);
  const lost = packetsLost(record) - (previous ? packetsLost(previous) : 0);
  return expected > 0 ? Math.min(1, Math.max(0, lost / expected)) : undefined;
}

/**
 * What both directions have. One literal, and named assignments of what may be absent: V8 keeps such objects fast. One made of
 * spreads or by Object.assign becomes a hash table, which costs ten times as much, here and in all that reads it.
 */
function rtpStats(record: StreamRecord, previous: StreamRecord | undefined, context: StatsContext): RtpStats {
  const { origin, owner, epochMs, intervalMs } = context;
  const stats: RtpStats & Pick<StreamStats, "type"> = {
    type: origin.direction === "out" ? "outbound-rtp" : "inbound-rtp",
    timestamp: epochMs,
    ssrc: record.ssrc,
    srcAddress: origin.srcAddress,
    srcPort: origin.srcPort,
    dstAddress: origin.dstAddress,
    dstPort: origin.dstPort,
    payloadType: record.payloadType,
    packetsDuplicated: record.duplicated,
    packetsReordered: record.reordered,
  };
  const source = CLOCK_RATE_SOURCES[record.clockSource];
  if (origin.channel !== undefined) stats.turnChannel = origin.channel;
  if (owner.pid !== undefined) stats.pid = owner.pid;
  if (owner.comm !== undefined) stats.comm = owner.comm;
  if (owner.cgroup !== undefined) stats.cgroup = owner.cgroup;
  if (source !== undefined) stats.clockRate = record.clockRate;
  if (source !== undefined) stats.clockRateSource = source;
  if (previous !== undefined && intervalMs > 0) {
    stats.bitsPerSecond = ((record.bytes - previous.bytes) * 8000) / intervalMs;
    stats.packetsPerSecond = ((record.packets - previous.packets) * 1000) / intervalMs;
  }
  return stats;
}

/** Stats of one stream. `previous` is its record at the previous snapshot, absent at its first. */
export function streamStats(
  record: StreamRecord,
  previous: StreamRecord | undefined,
  context: StatsContext,
): StreamStats {
  const stats = rtpStats(record, previous, context) as StreamStats;
  const lastPacket = context.epochMs - context.atMs + record.lastMs;
  if (stats.type === "outbound-rtp") {
    stats.packetsSent = record.packets;
    stats.bytesSent = record.bytes;
    stats.headerBytesSent = record.headerBytes;
    stats.lastPacketSentTimestamp = lastPacket;
    return stats;
  }
  stats.packetsReceived = record.packets;
  stats.bytesReceived = record.bytes;
  stats.headerBytesReceived = record.headerBytes;
  stats.lastPacketReceivedTimestamp = lastPacket;
  stats.packetsLost = packetsLost(record);
  const fraction = fractionLost(record, previous);
  if (fraction !== undefined) stats.fractionLost = fraction;
  if (stats.clockRate === undefined) return stats;
  stats.jitter = secondsQ8(record.jitterNsQ8);
  stats.jitterRfc3550 = secondsQ8(record.jitterRfc3550NsQ8);
  return stats;
}
