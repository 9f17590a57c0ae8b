// SPDX-License-Identifier: MIT
/** What the streams of a sample say of each other: which one repairs which. Pure but for what it remembers. */
import { type Member, Pairing } from "./pairing.js";
import type { StreamStats } from "./stats.js";

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
  readonly #pairing = new Pairing();

  /** Looks at a snapshot that no sample is made of. */
  look(members: readonly Member[]): void {
    this.#pairing.update(members);
  }

  /** Completes the stats of these members, in their order. */
  annotate(members: readonly Member[], streams: readonly StreamStats[]): void {
    this.#pairing.update(members);
    const paired: [repair: number, media: number][] = [];
    members.forEach((member, i) => {
      const repair = this.#pairing.repairOf(member);
      const stats = streams[i];
      if (repair === undefined || stats === undefined) return;
      stats.repairKind = repair.kind;
      if (repair.media !== undefined) stats.repairedSsrc = repair.media.record.ssrc;
      clearTiming(stats);
      if (repair.media !== undefined) paired.push([i, members.indexOf(repair.media)]);
    });
    for (const [i, at] of paired) {
      const [repair, media] = [streams[i], streams[at]];
      if (repair && media) addRepair(media, repair);
    }
  }
}
