// SPDX-License-Identifier: MIT
/** What is said of a stream beside its record: its codec, which other stream it repairs, and how good it is. */
import { type Codec, type CodecTable, findCodec, kindOfClock, kindOfCodec, type MediaKind } from "./codec.js";
import { clearDepthTiming } from "./depth.js";
import type { StreamRecord } from "./native.js";
import { type Member, Pairing, type RepairKind } from "./pairing.js";
import { CODEC_UNKNOWN, lossScore, rate, thresholdOf } from "./quality.js";
import { type CandidatePairStats, type Endpoints, packetsExpected } from "./stats.js";
import type { StreamRecords } from "./streamrow.js";
import type { NumberColumn, StreamIdentity, StreamTable } from "./streamtable.js";

/** Undefined for what was not measured. */
const given = (value: number | undefined): number | undefined => (Number.isNaN(value) ? undefined : value);

function addCodecs(table: StreamTable, codecs: CodecTable): void {
  const [mimeTypes, kinds, clockRates] = [table.text("codec"), table.text("kind"), table.number("clockRate")];
  const payloadTypes = table.number("payloadType");
  const ssrcs = table.roster.numbers.get("ssrc") as NumberColumn;
  let latest: Codec | undefined;
  let latestKind: MediaKind | undefined;
  for (let i = 0; i < table.length; i++) {
    const codec = findCodec(codecs, payloadTypes[i] as number, ssrcs[i] as number);
    if (codec === undefined) {
      kinds.set(i, kindOfClock(given(clockRates[i])));
      continue;
    }
    if (codec !== latest) [latest, latestKind] = [codec, kindOfCodec(codec)];
    kinds.set(i, latestKind);
    mimeTypes.set(i, codec.mimeType);
    if (codec.channels !== undefined) table.number("channels")[i] = codec.channels;
  }
}

/** Neither the clock nor the spacing of a repair is the network's doing: its timestamps are those of other packets. */
function clearTiming(table: StreamTable, i: number): void {
  if (table.text("clockRateSource").at(i) === "inferred") {
    table.clear(i, "clockRate");
    table.clear(i, "clockRateSource");
  }
  clearDepthTiming((name) => table.clear(i, name));
  table.clear(i, "jitter");
  table.clear(i, "jitterRfc3550");
}

function addTo(sums: NumberColumn, i: number, value: number | undefined): void {
  sums[i] = (given(sums[i]) ?? 0) + (value ?? 0);
}

/** The media's side. What was sent again is not told: a sender pads on the same SSRC, and the W3C leaves that out there. */
function addRepair(table: StreamTable, media: number, repair: number, kind: RepairKind): void {
  const ssrc = table.roster.who[repair]?.ssrc as number;
  const isSent = [media, repair].some((i) => table.roster.isSent[i] === 1);
  const kinds = table.text("kind");
  if (kinds.at(media) !== undefined) kinds.set(repair, kinds.at(media));
  if (kind === "rtx") table.number("rtxSsrc")[media] = ssrc;
  if (isSent || kind === "repair") return;
  const name = kind === "rtx" ? "retransmitted" : "fec";
  if (kind === "fec") table.number("fecSsrc")[media] = ssrc;
  addTo(table.number(`${name}PacketsReceived`), media, table.number("packetsReceived")[repair]);
  addTo(table.number(`${name}BytesReceived`), media, table.number("bytesReceived")[repair]);
}

type Ends = Pick<Endpoints, "srcAddress" | "srcPort" | "dstAddress" | "dstPort" | "turnChannel">;

const endsKey = ({ srcAddress, srcPort, dstAddress, dstPort, turnChannel }: Ends): string =>
  `${srcAddress} ${srcPort} ${dstAddress} ${dstPort} ${turnChannel}`;

/** Round trips by the ends of a stream, whichever of them the pair is told from; seconds. */
function roundTrips(pairs: readonly CandidatePairStats[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const pair of pairs) {
    const { srcAddress, srcPort, dstAddress, dstPort, currentRoundTripTime: seconds } = pair;
    if (seconds === undefined) continue;
    const turned = { srcAddress: dstAddress, srcPort: dstPort, dstAddress: srcAddress, dstPort: srcPort };
    found.set(endsKey(pair), seconds).set(endsKey({ ...pair, ...turned }), seconds);
  }
  return found;
}

/** Sequence numbers of stream i since the sample before. */
function expectedSince(i: number, { records, previousRecords }: Observed): number {
  const [row, before] = [records.rows[i] as number, previousRecords.rows[i] as number];
  return packetsExpected(records.columns, row) - (before < 0 ? 0 : packetsExpected(previousRecords.columns, before));
}

/** Bits per second over the interval, or at its first look since the stream began. */
function bitRate({ bytes, firstMs, lastMs }: StreamRecord, bitsPerSecond: number | undefined): number {
  return given(bitsPerSecond) ?? (lastMs > firstMs ? (bytes * 8000) / (lastMs - firstMs) : 0);
}

/** The score of all but those that are left out, for which there is a 1. */
function addScores(table: StreamTable, left: Uint8Array): void {
  const losses = table.number("fractionLost");
  const [scores, thresholds] = [table.number("quality"), table.text("qualityThreshold")];
  for (let i = 0; i < losses.length; i++) {
    const loss = losses[i] as number;
    if (left[i] === 1 || Number.isNaN(loss)) continue;
    scores[i] = lossScore(loss);
    thresholds.numbers[i] = thresholds.numberOf(thresholdOf(loss));
  }
}

/** The streams of a table in its order: their records, and those at the sample before. */
export interface Observed {
  members: readonly Member[];
  records: StreamRecords;
  previousRecords: StreamRecords;
}

/** The highest bit rate so far: silence and DTX only lower it, so it is the encoder's. */
function peakRate(member: Member, bitsPerSecond: number): number {
  member.peakBitsPerSecond = Math.max(member.peakBitsPerSecond ?? 0, bitsPerSecond);
  return member.peakBitsPerSecond;
}

/** What takes time is for those that it is asked of, and most are video, or nobody named their codec. */
function addRatings(
  table: StreamTable,
  left: Uint8Array,
  streams: Observed,
  pairs: readonly CandidatePairStats[],
): void {
  const { members, records } = streams;
  const [kinds, codecs, reasons] = [table.text("kind"), table.text("codec"), table.text("qualityUnavailable")];
  const losses = table.number("fractionLost");
  const jitters = table.number("jitter");
  const rates = table.number("bitsPerSecond");
  const lossRuns = table.numbers.get("meanLossRun");
  const video = kinds.numberOf("video");
  const unknown = reasons.numberOf(CODEC_UNKNOWN);
  let times: Map<string, number> | undefined;
  for (let i = 0; i < members.length; i++) {
    if (left[i] === 1 || kinds.numbers[i] === video) continue;
    const codec = codecs.at(i);
    if (codec === undefined) {
      reasons.numbers[i] = unknown;
      continue;
    }
    times ??= roundTrips(pairs);
    const record = records.at(i) as StreamRecord;
    const rated = rate({
      codec,
      loss: given(losses[i]),
      meanBurst: given(lossRuns?.[i]),
      expected: expectedSince(i, streams),
      jitter: given(jitters[i]),
      roundTripTime: times.size === 0 ? undefined : times.get(endsKey(table.roster.who[i] as StreamIdentity)),
      bitsPerSecond: peakRate(members[i] as Member, bitRate(record, rates[i])),
    });
    reasons.set(i, rated.qualityUnavailable);
    if (rated.rFactor !== undefined) table.number("rFactor")[i] = rated.rFactor;
    if (rated.mosCq !== undefined) table.number("mosCq")[i] = rated.mosCq;
  }
}

export class Annotator {
  readonly #codecs: CodecTable;
  readonly #pairing: Pairing;

  constructor(codecs: CodecTable) {
    this.#codecs = codecs;
    this.#pairing = new Pairing(codecs);
  }

  /** Looks at a snapshot that no sample is made of. */
  look(members: readonly Member[]): void {
    this.#pairing.update(members);
  }

  /** Completes the stats of these streams. */
  annotate(table: StreamTable, streams: Observed, pairs: readonly CandidatePairStats[]): void {
    this.#pairing.update(streams.members);
    if (this.#pairing.repairs.size === 0) addCodecs(table, this.#codecs);
    else this.#addRepairs(table, streams.members);
    this.#judge(table, streams, pairs);
  }

  #addRepairs(table: StreamTable, members: readonly Member[]): void {
    const { repairs } = this.#pairing;
    const rows = new Map(members.map((member, i) => [member, i]));
    for (const [i, member] of members.entries()) if (repairs.has(member)) clearTiming(table, i);
    addCodecs(table, this.#codecs);
    for (const [i, member] of members.entries()) {
      const repair = repairs.get(member);
      if (repair === undefined) continue;
      table.text("repairKind").set(i, repair.kind);
      const media = repair.media && rows.get(repair.media);
      if (media === undefined) continue;
      table.number("repairedSsrc")[i] = table.roster.who[media]?.ssrc as number;
      addRepair(table, media, i, repair.kind);
    }
  }

  #judge(table: StreamTable, streams: Observed, pairs: readonly CandidatePairStats[]): void {
    const left = Uint8Array.from(table.roster.isSent);
    const repairKinds = table.texts.get("repairKind");
    for (let i = 0; repairKinds && i < table.length; i++) if (repairKinds.at(i) !== undefined) left[i] = 1;
    addScores(table, left);
    addRatings(table, left, streams, pairs);
  }
}
