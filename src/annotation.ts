// SPDX-License-Identifier: MIT
/** What is said of a stream beside its record: its codec, and which other stream it repairs. */
import { type Codec, type CodecTable, findCodec, kindOfClock, kindOfCodec } from "./codec.js";
import { type Member, Pairing } from "./pairing.js";
import type { StreamStats } from "./stats.js";

function addCodec(stats: StreamStats, codec: Codec | undefined): void {
  const kind = codec === undefined ? kindOfClock(stats.clockRate) : kindOfCodec(codec);
  if (codec !== undefined) {
    stats.codec = codec.mimeType;
    if (codec.channels !== undefined) stats.channels = codec.channels;
  }
  if (kind !== undefined) stats.kind = kind;
}

/** Neither the clock nor the spacing of a repair is the network's doing: its timestamps are those of other packets. */
function clearTiming(stats: StreamStats): void {
  if (stats.clockRateSource === "inferred") {
    delete stats.clockRate;
    delete stats.clockRateSource;
  }
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

  /** Completes the stats of these members, in their order. */
  annotate(members: readonly Member[], streams: readonly StreamStats[]): void {
    this.#pairing.update(members);
    const paired: [repair: number, media: number][] = [];
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
      paired.push([i, members.indexOf(repair.media)]);
    });
    for (const [i, at] of paired) {
      const [repair, media] = [streams[i], streams[at]];
      if (repair && media) addRepair(media, repair);
    }
  }
}
