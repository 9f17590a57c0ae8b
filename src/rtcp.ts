// SPDX-License-Identifier: MIT
/**
 * RTCP records into stats: what the far end says of our streams (W3C remote-inbound-rtp) and of its own (remote-outbound-rtp),
 * and by type what each source said. Pure. Names are the W3C's where meaning and unit are the same; minRoundTripTime,
 * maxRoundTripTime, reportsReceived, reportsUnmatched, everything that begins with xr, and the types inbound-rtcp and
 * outbound-rtcp are ours. Times of a host that does not tell which end is its own are seen from the capture.
 */
import { type Endpoints, endpoints, type Owner, type StatsContext } from "./origin.js";
import type { ReportRecord } from "./reportrecord.js";

interface RemoteStats extends Endpoints, Owner {
  /** When the snapshot was taken; milliseconds since the Unix epoch (W3C `timestamp`). */
  timestamp: number;
  ssrc: number;
  /** Seconds; the latest, and the sum of all; absent until one was measured, which takes cleartext RTCP. */
  roundTripTime?: number;
  totalRoundTripTime?: number;
  roundTripTimeMeasurements: number;
  /** Ours: the extremes; seconds. */
  minRoundTripTime?: number;
  maxRoundTripTime?: number;
  /** Ours: the latest RTCP that named this SSRC; milliseconds since the Unix epoch. */
  lastReportTimestamp: number;
  /** Ours: answers that gave no round trip, for what they answer was not seen. */
  reportsUnmatched: number;
}

/** The far end's latest report about a stream from here; source is the sending end. */
export interface RemoteInboundRtpStats extends RemoteStats {
  type: "remote-inbound-rtp";
  /** As the far end counts; below 0 when duplicates arrived (RFC 3550 A.3). */
  packetsLost: number;
  /** Of the interval before the report, 0 to 1. */
  fractionLost: number;
  /** Seconds; absent while the clock rate is not known. */
  jitter?: number;
  /** Ours: report blocks so far. */
  reportsReceived: number;
  /** Ours: VoIP metrics of RFC 3611 section 4.7, as the far end computes them; shares 0 to 1, times in seconds;
   * what it does not know is absent. */
  xrLossRate?: number;
  xrDiscardRate?: number;
  xrBurstDensity?: number;
  xrGapDensity?: number;
  xrBurstDuration?: number;
  xrGapDuration?: number;
  xrRoundTripDelay?: number;
  xrEndSystemDelay?: number;
  xrJitterBufferDelay?: number;
  xrRFactor?: number;
  xrMosListening?: number;
  xrMosConversational?: number;
}

/** What the far end says of a stream that it sends here; source is the far end. */
export interface RemoteOutboundRtpStats extends RemoteStats {
  type: "remote-outbound-rtp";
  packetsSent: number;
  bytesSent: number;
  /** By the sender's clock; milliseconds since the Unix epoch. Absent if it has none. */
  remoteTimestamp?: number;
  reportsSent: number;
}

export type SrtcpCipher = "AES-CM" | "AES-GCM";

/**
 * Ours: the RTCP of one source by type. Under SRTCP only the first packet of a datagram shows its type: lower bounds, and
 * complete only of a peer that sends feedback by itself (RFC 5506).
 */
export interface RtcpStats extends Endpoints, Owner {
  type: "inbound-rtcp" | "outbound-rtcp";
  timestamp: number;
  /** Of the sender of the RTCP. */
  ssrc: number;
  lastReportTimestamp: number;
  protocol: "rtcp" | "srtcp";
  /** Of SRTCP; absent until the index showed it. */
  cipher?: SrtcpCipher;
  datagrams: number;
  senderReports: number;
  receiverReports: number;
  sourceDescriptions: number;
  goodbyes: number;
  nacks: number;
  plis: number;
  firs: number;
  transportFeedbacks: number;
  /** REMB among them. */
  applicationFeedbacks: number;
  extendedReports: number;
  /** APP, and types without a column. */
  otherPackets: number;
}

export type ReportStats = RemoteInboundRtpStats | RemoteOutboundRtpStats | RtcpStats;

const seconds = (ns: number): number => ns / 1e9;

/** From 1900 to 1970 (RFC 868). */
const NTP_TO_UNIX_S = 2_208_988_800;
const CIPHERS: readonly (SrtcpCipher | undefined)[] = [undefined, "AES-CM", "AES-GCM"];
/** RFC 3611 section 4.7.5: 127 is "unavailable", and what else is out of range is to be ignored. */
const isRating = (r: number): boolean => r <= 100;
const isOpinion = (tenths: number): boolean => tenths >= 10 && tenths <= 50;

interface Trips {
  count: number;
  totalNs: number;
  lastNs: number;
  minNs: number;
  maxNs: number;
}

function roundTrips({ count, totalNs, lastNs, minNs, maxNs }: Trips) {
  return {
    roundTripTimeMeasurements: count,
    ...(count > 0
      ? {
          roundTripTime: seconds(lastNs),
          totalRoundTripTime: seconds(totalNs),
          minRoundTripTime: seconds(minNs),
          maxRoundTripTime: seconds(maxNs),
        }
      : {}),
  };
}

function voipMetrics(record: ReportRecord): Partial<RemoteInboundRtpStats> {
  if (record.voipReports === 0) return {};
  return {
    xrLossRate: record.voipLossRate / 256,
    xrDiscardRate: record.voipDiscardRate / 256,
    xrBurstDensity: record.voipBurstDensity / 256,
    xrGapDensity: record.voipGapDensity / 256,
    xrBurstDuration: record.voipBurstDuration / 1000,
    xrGapDuration: record.voipGapDuration / 1000,
    // RFC 3611 section 4.7.3: 0 until there is an estimate, or where none is made.
    ...(record.voipRoundTripDelay === 0 ? {} : { xrRoundTripDelay: record.voipRoundTripDelay / 1000 }),
    ...(record.voipEndSystemDelay === 0 ? {} : { xrEndSystemDelay: record.voipEndSystemDelay / 1000 }),
    xrJitterBufferDelay: record.voipJitterBuffer / 1000,
    ...(isRating(record.voipRFactor) ? { xrRFactor: record.voipRFactor } : {}),
    ...(isOpinion(record.voipMosLq) ? { xrMosListening: record.voipMosLq / 10 } : {}),
    ...(isOpinion(record.voipMosCq) ? { xrMosConversational: record.voipMosCq / 10 } : {}),
  };
}

type Common = Endpoints & Owner & { timestamp: number; ssrc: number; lastReportTimestamp: number };

function remoteInbound(record: ReportRecord, common: Common): RemoteInboundRtpStats {
  return {
    type: "remote-inbound-rtp",
    ...common,
    packetsLost: record.lost,
    fractionLost: record.fraction / 256,
    ...(record.clockRate > 0 ? { jitter: record.jitter / record.clockRate } : {}),
    reportsReceived: record.mentions,
    ...roundTrips({
      count: record.lsrTrips,
      totalNs: record.lsrTripTotalNs,
      lastNs: record.lsrTripLastNs,
      minNs: record.lsrTripMinNs,
      maxNs: record.lsrTripMaxNs,
    }),
    reportsUnmatched: record.lsrUnmatched,
    ...voipMetrics(record),
  };
}

function remoteOutbound(record: ReportRecord, common: Common): RemoteOutboundRtpStats {
  const { ntpSec, ntpFrac } = record;
  const sent = (ntpSec - NTP_TO_UNIX_S) * 1000 + (ntpFrac * 1000) / 2 ** 32;
  return {
    type: "remote-outbound-rtp",
    ...common,
    packetsSent: record.psent,
    bytesSent: record.osent,
    ...(ntpSec === 0 && ntpFrac === 0 ? {} : { remoteTimestamp: sent }),
    reportsSent: record.senderReports,
    ...roundTrips({
      count: record.dlrrTrips,
      totalNs: record.dlrrTripTotalNs,
      lastNs: record.dlrrTripLastNs,
      minNs: record.dlrrTripMinNs,
      maxNs: record.dlrrTripMaxNs,
    }),
    reportsUnmatched: record.dlrrUnmatched,
  };
}

function spoken(record: ReportRecord, common: Common, { origin }: StatsContext): RtcpStats {
  const cipher = CIPHERS[record.cipher];
  return {
    type: origin.direction === "out" ? "outbound-rtcp" : "inbound-rtcp",
    ...common,
    protocol: record.encrypted === 1 ? "srtcp" : "rtcp",
    ...(cipher === undefined ? {} : { cipher }),
    datagrams: record.datagrams,
    senderReports: record.senderReports,
    receiverReports: record.receiverReports,
    sourceDescriptions: record.descriptions,
    goodbyes: record.goodbyes,
    nacks: record.nacks,
    plis: record.plis,
    firs: record.firs,
    transportFeedbacks: record.transportFeedbacks,
    applicationFeedbacks: record.applicationFeedbacks,
    extendedReports: record.extendedReports,
    otherPackets: record.applications + record.others,
  };
}

/**
 * Stats of one source, of those types that it has something for. The far end's reports are of our streams only: what this
 * host reports of the streams that it receives is in no W3C type. Where nobody said which end is ours, every end may be.
 */
export function reportStats(record: ReportRecord, context: StatsContext): ReportStats[] {
  const { origin, owner, atMs, epochMs } = context;
  const lastReportTimestamp = epochMs - atMs + record.lastMs;
  const common = { timestamp: epochMs, ssrc: record.ssrc, ...endpoints(origin), ...owner, lastReportTimestamp };
  const stats: ReportStats[] = [];
  if (record.mentions > 0 && origin.direction !== "in") stats.push(remoteInbound(record, common));
  if (record.senderReports > 0 && record.encrypted === 0 && origin.direction !== "out") {
    stats.push(remoteOutbound(record, common));
  }
  if (record.datagrams > 0) stats.push(spoken(record, common, context));
  return stats;
}
