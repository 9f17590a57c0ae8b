// SPDX-License-Identifier: MIT
/** What the depth probe measured of one stream, as core/depth.h counts it: part of the contract of native.ts. */

/** Totals since the probe first saw the stream, or latest values. */
export interface DepthRecord {
  /** That of the StreamRecord. */
  id: number;
  /** Packets of the stream since it is measured. */
  packets: number;
  /** Of them, in order: with an RFC 8285 extension, and with one that is encrypted as a whole (RFC 9335). */
  extended: number;
  encrypted: number;
  /** Longest time between two packets, in order of arrival; nanoseconds. */
  gapMaxNs: number;
  /** Gaps of 200 ms or more, and their sum in nanoseconds: pause, outage, late sender, late network, late for any reason. */
  gaps: Float64Array;
  gapNs: Float64Array;
  /** Frames by |D| (RFC 3550 A.8) in nanoseconds; the buckets of core/variation.h. */
  variation: Float64Array;
  /** Windows of 8.6 s begun so far; window w is at w mod 16 of the next two. */
  driftWindows: number;
  /** When the window's least transit was, ms since the first packet; 2³² - 1 = the window had no packet. */
  driftAtMs: Float64Array;
  /** That transit less that of the first packet; 1.024 µs. */
  driftLeast: Float64Array;
  /** Runs of 1, 2, … 9, and of 10 or more numbers in a row that never arrived. */
  lossRuns: Float64Array;
  /** Numbers up to the highest, arrived or not. */
  lossNumbers: number;
  /** Bursts of RFC 3611 section 4.7.2, the numbers from the first to the last loss of each, and the lost ones among them. */
  lossBursts: number;
  lossBurstNumbers: number;
  lossBurstLost: number;
  /** Lost outside of bursts. */
  lossGapLost: number;
  /** Sum of the times between the first packets of frames, which have distinct timestamps and are in order; µs. */
  frameIntervalUs: number;
  /** Of video only, as what follows up to `pauseUs`: how many there were. */
  frames: number;
  /** Sum of the squares of those times; units of 1 024 µs². */
  frameIntervalSquares: number;
  /** Most packets and payload bytes of one frame. */
  framePacketsMax: number;
  frameBytesMax: number;
  freezes: number;
  freezeUs: number;
  /** Intervals of more than 5 s. */
  pauses: number;
  pauseUs: number;
  /** Id of abs-send-time, 0 = not known; then the next field means nothing. */
  sendTimeId: number;
  /** As jitterNsQ8, abs-send-time in place of RTP timestamps. */
  transitVariationNsQ8: number;
  /** Id of the audio level (RFC 6464), 0 = not known; then the next five mean nothing. */
  levelId: number;
  /** Its byte in the latest packet in order: voice bit and -dBov. */
  level: number;
  /** Packets in order with a level, and those of them with the voice bit. */
  levels: number;
  voices: number;
  /** Sum of energy × RTP ticks, 1 = 2²⁸; and the ticks. */
  energyQ28: number;
  levelTicks: number;
  /** Id of the AV1 dependency descriptor, 0 = not known. */
  frameId: number;
  /** Descriptors with a template structure, at the start of a frame. */
  keyFrames: number;
  /** Bits of the ids that carry a constant text, and the text of the one that was recognised last. */
  textIds: number;
  text: Float64Array;
  /** Id of the transport-wide sequence number, 0 = not known. What follows is of all streams of the 5-tuple and direction. */
  transportId: number;
  transportPackets: number;
  transportBaseSeq: number;
  transportMaxSeq: number;
  transportExpectedBefore: number;
  transportDuplicated: number;
  transportStray: number;
  transportContended: number;
}

/** One typed array per field; an array field of width w has its row i at w × i. */
export type DepthColumns = { readonly [Field in keyof DepthRecord]: Float64Array };

/** Row i. */
export function depthAt(columns: DepthColumns, i: number): DepthRecord {
  const rows = columns.id.length;
  const row: Record<string, number | Float64Array> = {};
  for (const [field, column] of Object.entries(columns)) {
    const width = column.length / rows;
    row[field] = width === 1 ? (column[i] as number) : column.slice(i * width, (i + 1) * width);
  }
  return row as unknown as DepthRecord;
}
