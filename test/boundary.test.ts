// SPDX-License-Identifier: MIT
/**
 * The boundary between core records and JavaScript. Oracle: boundary.cc fills every field of the C structs with a number of
 * its own; here each stands beside the name that src/native.ts gives it. A field that is missing, added, swapped or cut
 * to fewer bits fails.
 */
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { type DepthRecord, depthAt } from "../src/depthrecord.js";
import {
  type Columns,
  DATAGRAM_OUTCOMES,
  type Origin,
  type PairRecord,
  rowAt,
  rowCount,
  type Snapshot,
  type StreamRecord,
} from "../src/native.js";
import type { ReportRecord } from "../src/reportrecord.js";

const boundary = createRequire(import.meta.url)("../build/Release/boundary.node") as {
  snapshot(): Snapshot;
  origins(): [Origin, Origin, Origin];
  log(whole: string): string;
};

const WIDE = 2 ** 40;
const NARROW = 2 ** 31;

const STREAM: StreamRecord = {
  id: 2,
  ssrc: NARROW + 3,
  packets: WIDE + 4,
  bytes: WIDE + 5,
  headerBytes: WIDE + 6,
  baseSeq: NARROW + 26,
  maxSeq: NARROW + 27,
  expectedBefore: NARROW + 18,
  duplicated: NARROW + 15,
  reordered: NARROW + 16,
  stray: NARROW + 17,
  contended: NARROW + 19,
  payloadType: 220,
  clockRate: NARROW + 14,
  clockSource: 221,
  jitterNsQ8: WIDE + 9,
  jitterRfc3550NsQ8: WIDE + 8,
  lastTimestamp: NARROW + 12,
  firstMs: 11.123456,
  lastMs: 7.123456,
};

const PAIR: PairRecord = {
  id: 3,
  traits: NARROW + 47,
  channel: NARROW + 48,
  firstRequests: NARROW + 54,
  firstRetransmissions: NARROW + 55,
  firstResponses: NARROW + 56,
  firstErrors: NARROW + 60,
  firstUnanswered: NARROW + 61,
  firstConsentRequests: NARROW + 62,
  firstRole: NARROW + 63,
  firstRoundTrips: NARROW + 57,
  firstRoundTripTotalNs: WIDE + 50,
  firstRoundTripLastNs: WIDE + 51,
  firstRoundTripMinNs: WIDE + 52,
  firstRoundTripMaxNs: WIDE + 53,
  firstRoundTripHistogram: Float64Array.from({ length: 152 }, (_, i) => NARROW + 50000 + i),
  firstRequestMs: 50.000014,
  firstResponseMs: 50.000015,
  firstProtectedMs: 50.000016,
  secondRequests: NARROW + 84,
  secondRetransmissions: NARROW + 85,
  secondResponses: NARROW + 86,
  secondErrors: NARROW + 90,
  secondUnanswered: NARROW + 91,
  secondConsentRequests: NARROW + 92,
  secondRole: NARROW + 93,
  secondRoundTrips: NARROW + 87,
  secondRoundTripTotalNs: WIDE + 80,
  secondRoundTripLastNs: WIDE + 81,
  secondRoundTripMinNs: WIDE + 82,
  secondRoundTripMaxNs: WIDE + 83,
  secondRoundTripHistogram: Float64Array.from({ length: 152 }, (_, i) => NARROW + 80000 + i),
  secondRequestMs: 80.000014,
  secondResponseMs: 80.000015,
  secondProtectedMs: 80.000016,
  helloMs: 46.123456,
  contended: NARROW + 43,
  firstMs: 44.123456,
  lastMs: 45.123456,
};

/** `count` numbers from `first` on, as boundary.cc fills arrays. */
const from = (first: number, count: number, step = 1): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => first + step * i);

const DEPTH: DepthRecord = {
  id: 2,
  packets: WIDE + 4 - 3,
  extended: WIDE + 101,
  encrypted: WIDE + 102,
  gapMaxNs: WIDE + 103,
  gaps: from(NARROW + 110, 5),
  gapNs: from(WIDE + 120, 5),
  variation: from(NARROW + 200, 64),
  driftWindows: NARROW + 130,
  driftAtMs: from(NARROW + 300, 16),
  driftLeast: from(-400, 16, -1),
  lossRuns: from(NARROW + 170, 10),
  lossNumbers: NARROW + 180,
  lossBursts: NARROW + 181,
  lossBurstNumbers: NARROW + 182,
  lossBurstLost: NARROW + 183,
  lossGapLost: NARROW + 184,
  frameIntervalUs: WIDE + 132,
  frames: NARROW + 131,
  frameIntervalSquares: WIDE + 133,
  framePacketsMax: NARROW + 134,
  frameBytesMax: NARROW + 135,
  freezes: NARROW + 136,
  freezeUs: WIDE + 137,
  pauses: NARROW + 138,
  pauseUs: WIDE + 139,
  sendTimeId: 140,
  transitVariationNsQ8: WIDE + 141,
  levelId: 142,
  level: 143,
  levels: NARROW + 144,
  voices: NARROW + 145,
  energyQ28: WIDE + 146,
  levelTicks: WIDE + 147,
  frameId: 148,
  keyFrames: NARROW + 149,
  textIds: 65_000,
  text: from(150, 8),
  transportId: 160,
  transportPackets: NARROW + 161,
  transportBaseSeq: NARROW + 162,
  transportMaxSeq: NARROW + 163,
  transportExpectedBefore: NARROW + 164,
  transportDuplicated: NARROW + 165,
  transportStray: NARROW + 166,
  transportContended: NARROW + 167,
};

const REPORT: ReportRecord = {
  id: 4,
  ssrc: NARROW + 103,
  encrypted: 195,
  cipher: 194,
  datagrams: 130,
  senderReports: NARROW + 110,
  receiverReports: NARROW + 111,
  descriptions: NARROW + 112,
  goodbyes: NARROW + 113,
  applications: NARROW + 114,
  nacks: NARROW + 115,
  transportFeedbacks: NARROW + 116,
  plis: NARROW + 117,
  firs: NARROW + 118,
  applicationFeedbacks: NARROW + 119,
  extendedReports: NARROW + 120,
  others: NARROW + 121,
  ntpSec: NARROW + 132,
  ntpFrac: NARROW + 133,
  psent: NARROW + 135,
  osent: NARROW + 136,
  clockRate: NARROW + 137,
  mentions: 131,
  reporter: NARROW + 140,
  fraction: NARROW + 146,
  lost: -145,
  lastSeq: NARROW + 141,
  jitter: NARROW + 142,
  nacksAbout: NARROW + 147,
  plisAbout: NARROW + 148,
  firsAbout: NARROW + 149,
  lsrTrips: NARROW + 170,
  lsrUnmatched: NARROW + 171,
  lsrTripTotalNs: WIDE + 172,
  lsrTripLastNs: WIDE + 173,
  lsrTripMinNs: WIDE + 174,
  lsrTripMaxNs: WIDE + 175,
  dlrrTrips: NARROW + 180,
  dlrrUnmatched: NARROW + 181,
  dlrrTripTotalNs: WIDE + 182,
  dlrrTripLastNs: WIDE + 183,
  dlrrTripMinNs: WIDE + 184,
  dlrrTripMaxNs: WIDE + 185,
  voipReports: NARROW + 150,
  voipLossRate: 156,
  voipDiscardRate: 157,
  voipBurstDensity: 158,
  voipGapDensity: 159,
  voipBurstDuration: 60151,
  voipGapDuration: 60152,
  voipRoundTripDelay: 60153,
  voipEndSystemDelay: 60154,
  voipJitterBuffer: 60155,
  voipRFactor: 160,
  voipMosLq: 161,
  voipMosCq: 162,
  contended: NARROW + 106,
  firstMs: 104.123456,
  lastMs: 105.123456,
};

function expectOneRow<Row extends StreamRecord | PairRecord | ReportRecord>(columns: Columns<Row>, row: Row): void {
  expect(Object.keys(columns)).toEqual(Object.keys(row));
  for (const column of Object.values(columns)) expect(column).toBeInstanceOf(Float64Array);
  expect(rowCount(columns)).toBe(1);
  expect(rowAt(columns, 0)).toEqual(row);
}

describe("a snapshot", () => {
  const snapshot = boundary.snapshot();

  it("has every field of a stream, and no stream in probation", () => expectOneRow(snapshot.streams, STREAM));

  it("has every field of a pair", () => expectOneRow(snapshot.pairs, PAIR));

  it("has every field of a report, and no SSRC that was named once", () => expectOneRow(snapshot.reports, REPORT));

  it("has every field of a stream's depth, and of no stream that is another's", () => {
    expect(Object.keys(snapshot.depths)).toEqual(Object.keys(DEPTH));
    expect([...snapshot.depths.id]).toEqual([2]);
    expect(depthAt(snapshot.depths, 0)).toEqual(DEPTH);
  });

  it("has every outcome by its name, in the order of core/outcome.h", () => {
    expect(Object.keys(snapshot.datagrams)).toEqual([...DATAGRAM_OUTCOMES]);
    expect(Object.values(snapshot.datagrams)).toEqual(DATAGRAM_OUTCOMES.map((_, i) => WIDE + i));
  });

  it("has both clocks in milliseconds", () => {
    expect(Object.keys(snapshot)).toEqual(["atMs", "epochMs", "streams", "pairs", "reports", "depths", "datagrams"]);
    expect(snapshot.atMs).toBe(71.123456);
    expect(snapshot.epochMs).toBeCloseTo(1_700_000_000_072.125, 2);
  });
});

describe("an origin", () => {
  const [whole, bare, relayed] = boundary.origins();

  it("has every field", () => {
    expect(whole).toStrictEqual({
      srcAddress: "192.0.2.1",
      srcPort: 1,
      dstAddress: "198.51.100.2",
      dstPort: 65_535,
      direction: "out",
      channel: 0x4fff,
      cgroupId: "18446744073709551615",
      pid: NARROW,
    });
  });

  it("leaves out what is not known", () => {
    expect(bare).toStrictEqual({ srcAddress: "::", srcPort: 0, dstAddress: "::", dstPort: 0, direction: "unknown" });
  });

  it("of a peer behind a relay says who that is", () => {
    expect(relayed).toMatchObject({
      peerName: 0x9234,
      peerAddress: "2001:db8:2001:db9:2001:dba:2001:dbb",
      peerPort: 65_534,
    });
    expect(relayed).not.toHaveProperty("channel");
  });
});

it.each([
  [["processed 3 insns", "permission denied"], 2],
  [["x"], 1],
  [Array.from({ length: 12 }, (_, i) => `line ${i}`), 12],
  [Array.from({ length: 40 }, (_, i) => `line ${i}`), 12],
  [[], 0],
])("of the verifier's log %j the last %i lines are kept, whole", (lines, kept) => {
  for (const end of ["", "\n", "\n\n"]) {
    expect(boundary.log(lines.join("\n") + end)).toBe(lines.slice(lines.length - kept).join("\n"));
  }
});
