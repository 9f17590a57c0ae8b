// SPDX-License-Identifier: MIT
/** What is said of a stream beside its record: its codec, which other stream it repairs, and how good it is. */
import { type Codec, type CodecTable, findCodec, kindOfClock, kindOfCodec } from "./codec.js";
import { clearDepthTiming } from "./depth.js";
import { type Member, Pairing } from "./pairing.js";
import { judge, type QualityStats } from "./quality.js";
import {
  type CandidatePairStats,
  type Endpoints,
  type InboundRtpStats,
  packetsExpected,
  type StreamStats,
} from "./stats.js";

function addCodec(stats: StreamStats, codec: Codec | undefined): void {
  const kind = codec === undefined ? kindOfClock(stats.clockRate) : kindOfCodec(codec);
  if (codec !== undefined) {
    stats.codec = codec.mimeType;
    if (codec.channels !== undefined) stats.channels = codec.channels;
  }
  if (kind !== undefined) stats.kind = kind;
}

/** By name, each: see stats.ts. */
function addQuality(stats: InboundRtpStats, judged: QualityStats): void {
  if (judged.quality !== undefined) stats.quality = judged.quality;
  if (judged.qualityThreshold !== undefined) stats.qualityThreshold = judged.qualityThreshold;
  if (judged.rFactor !== undefined) stats.rFactor = judged.rFactor;
  if (judged.mosCq !== undefined) stats.mosCq = judged.mosCq;
  if (judged.qualityUnavailable !== undefined) stats.qualityUnavailable = judged.qualityUnavailable;
}

/** Neither the clock nor the spacing of a repair is the network's doing: its timestamps are those of other packets. */
function clearTiming(stats: StreamStats): void {
  if (stats.clockRateSource === "inferred") {
    delete stats.clockRate;
    delete stats.clockRateSource;
  }
  clearDepthTiming(stats);
  if (stats.type === "outbound-rtp") return;
  delete stats.jitter;
  delete stats.jitterRfc3550;
}

/** The media's side. What was sent again is not told: a sender pads on the same SSRC, and the W3C leaves that out there. */
function addRepair(media: StreamStats, repair: StreamStats): void {
  if (media.kind !== undefined) repair.kind = media.kind;
  if (media.type === "outbound-rtp" || repair.type === "outbound-rtp") {
    if (repair.repairKind === "rtx") media.rtxSsrc = repair.ssrc;
  } else if (repair.repairKind === "rtx") {
    media.rtxSsrc = repair.ssrc;
    media.retransmittedPacketsReceived = (media.retransmittedPacketsReceived ?? 0) + repair.packetsReceived;
    media.retransmittedBytesReceived = (media.retransmittedBytesReceived ?? 0) + repair.bytesReceived;
  } else if (repair.repairKind === "fec") {
    media.fecSsrc = repair.ssrc;
    media.fecPacketsReceived = (media.fecPacketsReceived ?? 0) + repair.packetsReceived;
    media.fecBytesReceived = (media.fecBytesReceived ?? 0) + repair.bytesReceived;
  }
}

/** @param repairs - stats of the repairs of each media stream */
function addRepairs(
  members: readonly Member[],
  streams: readonly StreamStats[],
  repairs: ReadonlyMap<Member, readonly StreamStats[]>,
): void {
  members.forEach((member, i) => {
    const media = streams[i];
    if (media) for (const repair of repairs.get(member) ?? []) addRepair(media, repair);
  });
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

/** Bits per second over the interval, or at its first look since the stream began. */
function bitRate({ record: { bytes, firstMs, lastMs } }: Member, { bitsPerSecond }: StreamStats): number | undefined {
  return bitsPerSecond ?? (lastMs > firstMs ? (bytes * 8000) / (lastMs - firstMs) : undefined);
}

/** A member, and its record at the latest sample. */
export interface SampledMember extends Member {
  readonly previous?: Member["record"];
}

export class Annotator {
  readonly #codecs: CodecTable;
  readonly #pairing: Pairing;
  /** The highest bit rate of each stream so far: silence and DTX only lower it, so it is the encoder's. */
  readonly #peaks = new WeakMap<Member, number>();

  constructor(codecs: CodecTable) {
    this.#codecs = codecs;
    this.#pairing = new Pairing(codecs);
  }

  /** Looks at a snapshot that no sample is made of. */
  look(members: readonly Member[]): void {
    this.#pairing.update(members);
  }

  /** Completes the stats of these members, in their order. */
  annotate(
    members: readonly SampledMember[],
    streams: readonly StreamStats[],
    pairs: readonly CandidatePairStats[],
  ): void {
    this.#pairing.update(members);
    const repairs = new Map<Member, StreamStats[]>();
    members.forEach((member, i) => {
      const { payloadType, ssrc } = member.record;
      const repair = this.#pairing.repairOf(member);
      const stats = streams[i];
      if (stats === undefined) return;
      if (repair !== undefined) clearTiming(stats);
      addCodec(stats, findCodec(this.#codecs, payloadType, ssrc));
      if (repair === undefined) return;
      stats.repairKind = repair.kind;
      if (repair.media === undefined) return;
      stats.repairedSsrc = repair.media.record.ssrc;
      repairs.set(repair.media, [...(repairs.get(repair.media) ?? []), stats]);
    });
    if (repairs.size > 0) addRepairs(members, streams, repairs);
    this.#judge(members, streams, roundTrips(pairs));
  }

  #judge(members: readonly SampledMember[], streams: readonly StreamStats[], times: Map<string, number>): void {
    members.forEach((member, i) => {
      const stats = streams[i];
      if (stats?.type !== "inbound-rtp" || stats.repairKind !== undefined) return;
      const { kind, codec, fractionLost, meanLossRun, jitter } = stats;
      // What takes time is for those that it is asked of, and most are video.
      const isRated = kind !== "video" && codec !== undefined;
      const input = {
        kind,
        codec,
        loss: fractionLost,
        meanBurst: meanLossRun,
        expected: packetsExpected(member.record) - (member.previous ? packetsExpected(member.previous) : 0),
        jitter,
        roundTripTime: isRated ? times.get(endsKey(stats)) : undefined,
        bitsPerSecond: isRated ? this.#peakRate(member, stats) : undefined,
      };
      addQuality(stats, judge(input));
    });
  }

  #peakRate(member: Member, stats: StreamStats): number {
    const peak = Math.max(this.#peaks.get(member) ?? 0, bitRate(member, stats) ?? 0);
    this.#peaks.set(member, peak);
    return peak;
  }
}
