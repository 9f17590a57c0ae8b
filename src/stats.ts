// SPDX-License-Identifier: MIT
/**
 * Records into W3C webrtc-stats, in seconds. Pure: the same records give the same stats. Names are the W3C's where meaning
 * and unit are the same; packetsDuplicated, packetsReordered, jitterRfc3550, bitsPerSecond and packetsPerSecond are ours. What
 * was not measured is absent.
 */
import type { CodecStats } from "./codec.js";
import type { DepthStats } from "./depth.js";
import type { FeedbackStats } from "./feedback.js";
import type { Columns, Datagrams, StreamRecord } from "./native.js";
import type { Endpoints, Moment, Owner } from "./origin.js";
import type { InboundRepairStats, RepairStats } from "./pairing.js";
import type { CandidatePairStats, IceServerStats } from "./pairstats.js";
import type { QualityStats } from "./quality.js";
import type { ReportStats } from "./rtcp.js";
import type { StreamRecords } from "./streamrow.js";
import type { NumberColumn, StreamIdentity, StreamTable } from "./streamtable.js";

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

/** One moment. */
interface SampleOf<Streams> {
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
  /** The same moment in ns, decimal: the time of every point made from it. */
  timeNs: string;
  streams: Streams;
  candidatePairs: CandidatePairStats[];
  /** The STUN and TURN servers that were asked. */
  iceServers: IceServerStats[];
  /** Of RTCP: what the far ends say, and who said what. */
  reports: ReportStats[];
  datagrams: Datagrams;
}

/** As the control socket and `--json` carry it, and whoever looks at streams one by one. */
export type Sample = SampleOf<StreamStats[]>;

/** As it is made, stored and sent. */
export type ColumnSample = SampleOf<StreamTable>;

/**
 * Row i of a table, at the time of its sample. One literal, and named assignments of what may be absent: V8 keeps such objects
 * fast. One made of spreads becomes a hash table, which costs ten times as much, here and in all that reads it.
 */
function statsAt(table: StreamTable, i: number, timestamp: number): StreamStats {
  const who = table.roster.who[i] as StreamIdentity;
  const { type, ssrc, srcAddress, srcPort, dstAddress, dstPort } = who;
  const stats = { type, timestamp, ssrc, srcAddress, srcPort, dstAddress, dstPort } as StreamStats;
  if (who.turnChannel !== undefined) stats.turnChannel = who.turnChannel;
  if (who.turnPeer !== undefined) stats.turnPeer = who.turnPeer;
  if (who.relay !== undefined) stats.relay = who.relay;
  if (who.pid !== undefined) stats.pid = who.pid;
  if (who.comm !== undefined) stats.comm = who.comm;
  if (who.cgroup !== undefined) stats.cgroup = who.cgroup;
  table.addTo(stats, i);
  return stats;
}

/** With an object per stream. */
export function toSample(sample: Sample | ColumnSample): Sample {
  const { streams, timestamp } = sample;
  if (Array.isArray(streams)) return sample as Sample;
  return { ...sample, streams: Array.from(streams.roster.order, (i) => statsAt(streams, i, timestamp)) };
}

const CLOCK_RATE_SOURCES: readonly (ClockRateSource | undefined)[] = [undefined, "static", "configured", "inferred"];

/** Sequence numbers that the stream of this row spans, over all its runs. Of columns, for they are read a hundred thousand times. */
export function packetsExpected({ expectedBefore, maxSeq, baseSeq }: Columns<StreamRecord>, row: number): number {
  return (expectedBefore[row] as number) + (maxSeq[row] as number) - (baseSeq[row] as number) + 1;
}

/**
 * Exact loss: expected less unique. A stray packet is of unknown uniqueness. A contended one did arrive, and is no loss of the
 * network's: what the probe itself missed is counted apart.
 */
export function packetsLost(columns: Columns<StreamRecord>, row: number): number {
  const { packets, duplicated, stray, contended } = columns;
  const unique = (packets[row] as number) - (duplicated[row] as number) - (stray[row] as number);
  return Math.max(0, packetsExpected(columns, row) - unique - (contended[row] as number));
}

/** Whole nanoseconds, for what is behind them is no more than digits that a database must keep. */
const secondsQ8 = (nsQ8: number): number => Math.round(nsQ8 / 256) / 1e9;
/** Three places, likewise: rates, and milliseconds. */
const toThousandths = (value: number): number => Math.round(value * 1000) / 1000;

/** What the records say of the streams of a table. `previousRecords` are of the same streams at the snapshot before. */
export function addStreamStats(
  table: StreamTable,
  records: StreamRecords,
  previousRecords: StreamRecords,
  moment: Moment,
): void {
  addCounts(table, records, moment);
  addClocks(table, records);
  if (moment.intervalMs > 0) addRates(table, records, previousRecords, moment.intervalMs);
  addLosses(table, records, previousRecords);
}

/** The totals that records hold, and where they go for streams that are received and for those that are sent. */
function countsOf(table: StreamTable, { columns }: StreamRecords) {
  const { packets, bytes, headerBytes, payloadType, duplicated, reordered } = columns;
  const byDirection: [Float64Array, NumberColumn, NumberColumn][] = [
    [packets, table.number("packetsReceived"), table.number("packetsSent")],
    [bytes, table.number("bytesReceived"), table.number("bytesSent")],
    [headerBytes, table.number("headerBytesReceived"), table.number("headerBytesSent")],
  ];
  const ofBoth: [Float64Array, NumberColumn][] = [
    [payloadType, table.number("payloadType")],
    [duplicated, table.number("packetsDuplicated")],
    [reordered, table.number("packetsReordered")],
  ];
  return { byDirection, ofBoth };
}

function addCounts(table: StreamTable, records: StreamRecords, { epochMs, atMs }: Moment): void {
  const { rows, columns } = records;
  const { isSent } = table.roster;
  const { byDirection, ofBoth } = countsOf(table, records);
  for (const [from, to] of ofBoth) for (let i = 0; i < rows.length; i++) to[i] = from[rows[i] as number] as number;
  for (const [from, received, sent] of byDirection) {
    for (let i = 0; i < rows.length; i++) (isSent[i] === 1 ? sent : received)[i] = from[rows[i] as number] as number;
  }
  const { lastMs } = columns;
  const received = table.number("lastPacketReceivedTimestamp");
  const sent = table.number("lastPacketSentTimestamp");
  for (let i = 0; i < rows.length; i++) {
    (isSent[i] === 1 ? sent : received)[i] = toThousandths(epochMs - atMs + (lastMs[rows[i] as number] as number));
  }
}

function addClocks(table: StreamTable, { rows, columns }: StreamRecords): void {
  const { clockSource, clockRate, jitterNsQ8, jitterRfc3550NsQ8 } = columns;
  const { isSent } = table.roster;
  const rates = table.number("clockRate");
  const sources = table.text("clockRateSource");
  const jitter = table.number("jitter");
  const jitterRfc3550 = table.number("jitterRfc3550");
  const names = CLOCK_RATE_SOURCES.map((name) => (name === undefined ? Number.NaN : sources.numberOf(name)));
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const source = clockSource[row] as number;
    if (source === 0) continue;
    rates[i] = clockRate[row] as number;
    sources.numbers[i] = names[source] as number;
    if (isSent[i] === 1) continue;
    jitter[i] = secondsQ8(jitterNsQ8[row] as number);
    jitterRfc3550[i] = secondsQ8(jitterRfc3550NsQ8[row] as number);
  }
}

function addRates(table: StreamTable, now: StreamRecords, before: StreamRecords, intervalMs: number): void {
  const bitsPerSecond = table.number("bitsPerSecond");
  const packetsPerSecond = table.number("packetsPerSecond");
  const [bytes, bytesBefore] = [now.columns.bytes, before.columns.bytes];
  const [packets, packetsBefore] = [now.columns.packets, before.columns.packets];
  for (let i = 0; i < now.rows.length; i++) {
    const [row, rowBefore] = [now.rows[i] as number, before.rows[i] as number];
    if (rowBefore < 0) continue;
    const bits = ((bytes[row] as number) - (bytesBefore[rowBefore] as number)) * 8;
    bitsPerSecond[i] = toThousandths((bits * 1000) / intervalMs);
    const counted = (packets[row] as number) - (packetsBefore[rowBefore] as number);
    packetsPerSecond[i] = toThousandths((counted * 1000) / intervalMs);
  }
}

function addLosses(table: StreamTable, now: StreamRecords, before: StreamRecords): void {
  const { isSent } = table.roster;
  const lost = table.number("packetsLost");
  const fractionLost = table.number("fractionLost");
  for (let i = 0; i < table.length; i++) {
    if (isSent[i] === 1) continue;
    const [row, rowBefore] = [now.rows[i] as number, before.rows[i] as number];
    const lostNow = packetsLost(now.columns, row);
    lost[i] = lostNow;
    let expected = packetsExpected(now.columns, row);
    let lostSince = lostNow;
    if (rowBefore >= 0) {
      expected -= packetsExpected(before.columns, rowBefore);
      lostSince -= packetsLost(before.columns, rowBefore);
    }
    if (expected > 0) fractionLost[i] = Math.min(1, Math.max(0, lostSince / expected));
  }
}
