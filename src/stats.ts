// SPDX-License-Identifier: MIT
/**
 * Records into W3C webrtc-stats, in seconds. Pure: the same records give the same stats. Names are the W3C's where meaning
 * and unit are the same; packetsDuplicated, packetsReordered, jitterRfc3550, bitsPerSecond, packetsPerSecond,
 * minRoundTripTime, maxRoundTripTime, rttSource, responseDelay, lastStunTimestamp and turnChannel are ours. What was not
 * measured is absent.
 */
import type { CodecStats } from "./codec.js";
import type { DepthStats } from "./depth.js";
import type { Datagrams, Origin, PairRecord, StreamRecord } from "./native.js";
import type { InboundRepairStats, RepairStats } from "./pairing.js";
import type { QualityStats } from "./quality.js";

/** The process behind a socket, as far as the host tells. */
export interface Owner {
  pid?: number;
  comm?: string;
  /** Path of the cgroup below the cgroup v2 root, "/" for the root itself. */
  cgroup?: string;
}

export interface Endpoints {
  srcAddress: string;
  srcPort: number;
  dstAddress: string;
  dstPort: number;
  /** TURN channel number (RFC 8656), when the datagrams came inside ChannelData. */
  turnChannel?: number;
}

export type RttSource = "stun" | "daily";
/**
 * A live pair's latest round trip is current for so long, in milliseconds: checks of consent come every 5 s (RFC 7675 5.1),
 * and two of them may be lost. What Daily says of a window without checks comes later than that.
 */
export const ROUND_TRIP_CURRENT_MS = 15_000;
export type ClockRateSource = "static" | "configured" | "inferred";

interface RtpStats extends Endpoints, Owner, CodecStats, RepairStats, DepthStats {
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

export interface CandidatePairStats extends Endpoints, Owner {
  type: "candidate-pair";
  timestamp: number;
  /** Binding requests of the source end: transactions, without retransmissions (W3C). */
  requestsSent: number;
  responsesReceived: number;
  /** Binding requests of the other end, retransmissions included (W3C). */
  requestsReceived: number;
  responsesSent: number;
  retransmissionsSent: number;
  /** Seconds; the latest, while it is current, and the sum over responsesReceived less the retransmitted (Karn). */
  currentRoundTripTime?: number;
  /** Ours: who measured it: this host's STUN checks, or Daily's client where there are none. */
  rttSource?: RttSource;
  totalRoundTripTime?: number;
  /** Ours: how many round trips the total is of, and the extremes since the pair began; seconds. */
  roundTripTimeMeasurements: number;
  minRoundTripTime?: number;
  maxRoundTripTime?: number;
  /** Ours: how long this end took for its latest answer, and for all of them; seconds. */
  responseDelay?: number;
  totalResponseDelay?: number;
  /** Ours: the latest STUN datagram of either end; milliseconds since the Unix epoch. The W3C's times leave STUN out. */
  lastStunTimestamp: number;
}

/** One moment: what every sink, the control socket and `--json` carry. */
export interface Sample {
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
  /** The same moment in ns, decimal: the time of every point made from it. */
  timeNs: string;
  streams: StreamStats[];
  candidatePairs: CandidatePairStats[];
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

const seconds = (ns: number): number => ns / 1e9;
const secondsQ8 = (nsQ8: number): number => nsQ8 / 256 / 1e9;

function fractionLost(record: StreamRecord, previous: StreamRecord | undefined): number | undefined {
  const expected = packetsExpected(record) - (previous ? packetsExpected(previous) : 0);
  const lost = packetsLost(record) - (previous ? packetsLost(previous) : 0);
  return expected > 0 ? Math.min(1, Math.max(0, lost / expected)) : undefined;
}

/** What a conversion needs to know beside the record. */
export interface StatsContext {
  origin: Origin;
  owner: Owner;
  /** Clock of the records at the snapshot, and the wall clock at the same moment; milliseconds. */
  atMs: number;
  epochMs: number;
  /** Since the previous snapshot; milliseconds. */
  intervalMs: number;
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

/** One end's half of a pair record. */
interface PairSide {
  requests: number;
  retransmissions: number;
  responses: number;
  roundTrips: number;
  totalNs: number;
  lastNs: number;
  minNs: number;
  maxNs: number;
}

function firstSide(record: PairRecord): PairSide {
  return {
    requests: record.firstRequests,
    retransmissions: record.firstRetransmissions,
    responses: record.firstResponses,
    roundTrips: record.firstRoundTrips,
    totalNs: record.firstRoundTripTotalNs,
    lastNs: record.firstRoundTripLastNs,
    minNs: record.firstRoundTripMinNs,
    maxNs: record.firstRoundTripMaxNs,
  };
}

function secondSide(record: PairRecord): PairSide {
  return {
    requests: record.secondRequests,
    retransmissions: record.secondRetransmissions,
    responses: record.secondResponses,
    roundTrips: record.secondRoundTrips,
    totalNs: record.secondRoundTripTotalNs,
    lastNs: record.secondRoundTripLastNs,
    minNs: record.secondRoundTripMinNs,
    maxNs: record.secondRoundTripMaxNs,
  };
}

/**
 * In a capture nobody may have said which end is ours. The end next to the capture answers fast, so its own requests take
 * longer to come back than those it answers; an end that alone sends requests is the one with a round trip to show.
 */
function secondIsLocal(first: PairSide, second: PairSide): boolean {
  if (second.roundTrips === 0) return false;
  if (first.roundTrips === 0) return true;
  return second.totalNs / second.roundTrips > first.totalNs / first.roundTrips;
}

/** Stats of one pair, told from this host's end, or in a capture from the end the capture is next to. */
export function candidatePairStats(record: PairRecord, context: StatsContext): CandidatePairStats {
  const { origin, owner, atMs, epochMs } = context;
  const first = firstSide(record);
  const second = secondSide(record);
  const swap = origin.direction === "unknown" && secondIsLocal(first, second);
  const [ours, theirs] = swap ? [second, first] : [first, second];
  const { srcAddress, srcPort, dstAddress, dstPort, channel } = origin;
  return {
    type: "candidate-pair",
    timestamp: epochMs,
    ...(swap
      ? { srcAddress: dstAddress, srcPort: dstPort, dstAddress: srcAddress, dstPort: srcPort }
      : { srcAddress, srcPort, dstAddress, dstPort }),
    ...(channel === undefined ? {} : { turnChannel: channel }),
    ...owner,
    requestsSent: ours.requests,
    responsesReceived: ours.responses,
    requestsReceived: theirs.requests + theirs.retransmissions,
    responsesSent: theirs.responses,
    retransmissionsSent: ours.retransmissions,
    roundTripTimeMeasurements: ours.roundTrips,
    ...(ours.roundTrips > 0
      ? {
          currentRoundTripTime: seconds(ours.lastNs),
          rttSource: "stun" as const,
          totalRoundTripTime: seconds(ours.totalNs),
          minRoundTripTime: seconds(ours.minNs),
          maxRoundTripTime: seconds(ours.maxNs),
        }
      : {}),
    ...(theirs.roundTrips > 0
      ? { responseDelay: seconds(theirs.lastNs), totalResponseDelay: seconds(theirs.totalNs) }
      : {}),
    lastStunTimestamp: epochMs - atMs + record.lastMs,
  };
}
