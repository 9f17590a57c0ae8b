// SPDX-License-Identifier: MIT
/** Records and sources made by hand, for the tests of what is done with them. */
import type { DepthColumns, DepthRecord } from "../src/depthrecord.js";
import {
  type Columns,
  DATAGRAM_OUTCOMES,
  type Datagrams,
  type Origin,
  type PairRecord,
  type RecordKind,
  type Snapshot,
  type Source,
  type StreamRecord,
} from "../src/native.js";
import type { StatsContext } from "../src/origin.js";
import type { ReportRecord } from "../src/reportrecord.js";
import { addStreamStats, packetsExpected, packetsLost, type StreamStats, toSample } from "../src/stats.js";
import { StreamRecords } from "../src/streamrow.js";
import { Roster, StreamTable } from "../src/streamtable.js";
import { identify } from "../src/streamtrack.js";

/** Ten packets, sequence numbers 100 to 109, nothing lost, 48 kHz by inference. */
export function streamRecord(changes: Partial<StreamRecord> = {}): StreamRecord {
  return {
    id: 0,
    ssrc: 0xdecafbad,
    packets: 10,
    bytes: 1000,
    headerBytes: 120,
    baseSeq: 100,
    maxSeq: 109,
    expectedBefore: 0,
    duplicated: 0,
    reordered: 0,
    stray: 0,
    contended: 0,
    payloadType: 111,
    clockRate: 48_000,
    clockSource: 3,
    jitterNsQ8: 0,
    jitterRfc3550NsQ8: 0,
    lastTimestamp: 960_000,
    firstMs: 1000,
    lastMs: 2000,
    ...changes,
  };
}

/** A stream's depth of which nothing is known. */
export function depthRecord(changes: Partial<DepthRecord> = {}): DepthRecord {
  return {
    id: 0,
    packets: 0,
    extended: 0,
    encrypted: 0,
    gapMaxNs: 0,
    gaps: new Float64Array(5),
    gapNs: new Float64Array(5),
    variation: new Float64Array(64),
    driftWindows: 0,
    driftAtMs: new Float64Array(16),
    driftLeast: new Float64Array(16),
    lossRuns: new Float64Array(10),
    lossNumbers: 0,
    lossBursts: 0,
    lossBurstNumbers: 0,
    lossBurstLost: 0,
    lossGapLost: 0,
    frames: 0,
    frameIntervalUs: 0,
    frameIntervalSquares: 0,
    framePacketsMax: 0,
    frameBytesMax: 0,
    freezes: 0,
    freezeUs: 0,
    pauses: 0,
    pauseUs: 0,
    sendTimeId: 0,
    transitVariationNsQ8: 0,
    levelId: 0,
    level: 0,
    levels: 0,
    voices: 0,
    energyQ28: 0,
    levelTicks: 0,
    frameId: 0,
    keyFrames: 0,
    textIds: 0,
    text: new Float64Array(8),
    transportId: 0,
    transportPackets: 0,
    transportBaseSeq: 0,
    transportMaxSeq: 0,
    transportExpectedBefore: 0,
    transportDuplicated: 0,
    transportStray: 0,
    transportContended: 0,
    ...changes,
  };
}

export function pairRecord(changes: Partial<PairRecord> = {}): PairRecord {
  return {
    id: 0,
    traits: 1,
    channel: 0,
    firstRequests: 0,
    firstRetransmissions: 0,
    firstResponses: 0,
    firstErrors: 0,
    firstUnanswered: 0,
    firstConsentRequests: 0,
    firstRole: 0,
    firstRoundTrips: 0,
    firstRoundTripTotalNs: 0,
    firstRoundTripLastNs: 0,
    firstRoundTripMinNs: 0,
    firstRoundTripMaxNs: 0,
    firstRoundTripHistogram: new Float64Array(152),
    firstRequestMs: 0,
    firstResponseMs: 0,
    firstProtectedMs: 0,
    secondRequests: 0,
    secondRetransmissions: 0,
    secondResponses: 0,
    secondErrors: 0,
    secondUnanswered: 0,
    secondConsentRequests: 0,
    secondRole: 0,
    secondRoundTrips: 0,
    secondRoundTripTotalNs: 0,
    secondRoundTripLastNs: 0,
    secondRoundTripMinNs: 0,
    secondRoundTripMaxNs: 0,
    secondRoundTripHistogram: new Float64Array(152),
    secondRequestMs: 0,
    secondResponseMs: 0,
    secondProtectedMs: 0,
    helloMs: 0,
    contended: 0,
    firstMs: 1000,
    lastMs: 2000,
    ...changes,
  };
}

/** Nothing said of it, and nothing said. */
export function reportRecord(changes: Partial<ReportRecord> = {}): ReportRecord {
  return {
    id: 0,
    ssrc: 0xdecafbad,
    encrypted: 0,
    cipher: 0,
    datagrams: 0,
    senderReports: 0,
    receiverReports: 0,
    descriptions: 0,
    goodbyes: 0,
    applications: 0,
    nacks: 0,
    transportFeedbacks: 0,
    plis: 0,
    firs: 0,
    applicationFeedbacks: 0,
    extendedReports: 0,
    others: 0,
    ntpSec: 0,
    ntpFrac: 0,
    psent: 0,
    osent: 0,
    clockRate: 0,
    mentions: 0,
    reporter: 0,
    fraction: 0,
    lost: 0,
    lastSeq: 0,
    jitter: 0,
    nacksAbout: 0,
    plisAbout: 0,
    firsAbout: 0,
    lsrTrips: 0,
    lsrUnmatched: 0,
    lsrTripTotalNs: 0,
    lsrTripLastNs: 0,
    lsrTripMinNs: 0,
    lsrTripMaxNs: 0,
    dlrrTrips: 0,
    dlrrUnmatched: 0,
    dlrrTripTotalNs: 0,
    dlrrTripLastNs: 0,
    dlrrTripMinNs: 0,
    dlrrTripMaxNs: 0,
    voipReports: 0,
    voipLossRate: 0,
    voipDiscardRate: 0,
    voipBurstDensity: 0,
    voipGapDensity: 0,
    voipBurstDuration: 0,
    voipGapDuration: 0,
    voipRoundTripDelay: 0,
    voipEndSystemDelay: 0,
    voipJitterBuffer: 0,
    voipRFactor: 0,
    voipMosLq: 0,
    voipMosCq: 0,
    contended: 0,
    firstMs: 1000,
    lastMs: 2000,
    ...changes,
  };
}

export function originOf(changes: Partial<Origin> = {}): Origin {
  return {
    srcAddress: "192.0.2.7",
    srcPort: 5004,
    dstAddress: "10.1.2.3",
    dstPort: 40_000,
    direction: "in",
    ...changes,
  };
}

function toColumns<Row extends object>(rows: readonly Row[], empty: Row): Columns<Row> {
  const fields = Object.keys(empty) as (keyof Row)[];
  const cells = (field: keyof Row): number[] =>
    rows.flatMap((row) => {
      const value = row[field] as number | Float64Array;
      return typeof value === "number" ? [value] : [...value];
    });
  return Object.fromEntries(fields.map((field) => [field, Float64Array.from(cells(field))])) as Columns<Row>;
}

function toDepthColumns(rows: readonly DepthRecord[]): DepthColumns {
  const fields = Object.keys(depthRecord()) as (keyof DepthRecord)[];
  const cells = (field: keyof DepthRecord): number[] =>
    rows.flatMap((row) => {
      const value = row[field];
      return typeof value === "number" ? value : [...value];
    });
  return Object.fromEntries(fields.map((field) => [field, Float64Array.from(cells(field))])) as DepthColumns;
}

/** What src/stats.ts makes of one record. */
export const expectedOf = (record: StreamRecord): number => packetsExpected(toColumns([record], record), 0);
export const lostOf = (record: StreamRecord): number => packetsLost(toColumns([record], record), 0);

/** What a sample tells of one stream. */
export function streamStats(
  record: StreamRecord,
  previous: StreamRecord | undefined,
  { origin, owner, ...moment }: StatsContext,
): StreamStats {
  const none = streamRecord();
  const columns = toColumns([record, previous ?? none], none);
  const streams = new StreamTable(new Roster([identify(record.ssrc, origin, owner, {})]));
  const at = (row: number) => new StreamRecords(columns, Int32Array.of(row));
  addStreamStats(streams, at(0), at(previous === undefined ? -1 : 1), moment);
  const nothing = { timeNs: "0", candidatePairs: [], iceServers: [], reports: [] };
  const [stats] = toSample({ ...nothing, timestamp: moment.epochMs, streams, datagrams: {} as Datagrams }).streams;
  return stats as StreamStats;
}

/** A source whose records the test sets. */
export class FakeSource implements Source {
  atMs = 10_000;
  epochMs = 1_760_000_000_000;
  streams: StreamRecord[] = [];
  pairs: PairRecord[] = [];
  reports: ReportRecord[] = [];
  depths: DepthRecord[] = [];
  datagrams: Datagrams = Object.fromEntries(DATAGRAM_OUTCOMES.map((name) => [name, 0])) as Datagrams;
  origins = new Map<string, Origin>();
  readonly asked: string[] = [];
  readonly retired: [RecordKind, number[]][] = [];
  closed = false;

  /** Time goes on, on both clocks. */
  pass(ms: number): void {
    this.atMs += ms;
    this.epochMs += ms;
  }

  snapshot(): Snapshot {
    return {
      atMs: this.atMs,
      epochMs: this.epochMs,
      streams: toColumns(this.streams, streamRecord()),
      pairs: toColumns(this.pairs, pairRecord()),
      reports: toColumns(this.reports, reportRecord()),
      depths: toDepthColumns(this.depths),
      datagrams: { ...this.datagrams },
    };
  }

  origin(kind: RecordKind, id: number): Origin {
    this.asked.push(`${kind} ${id}`);
    return this.origins.get(`${kind} ${id}`) ?? originOf();
  }

  retire(kind: RecordKind, ids: Float64Array): void {
    this.retired.push([kind, [...ids]]);
  }

  close(): void {
    this.closed = true;
  }
}
