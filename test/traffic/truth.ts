// SPDX-License-Identifier: MIT
/** The truth of traffic.c in the shape of `rtcprobe streams --json`, and that output cut down to the same fields. */

import type { Datagrams } from "../../src/native.js";
import type { Endpoints, StreamStats } from "../../src/stats.js";
import type { Truth } from "./lab.js";

/** Streams of one case have SSRCs from the first on. */
const SSRCS = 1000;

/** One end's view of one stream, the fields that the truth has a say in. */
export interface SeenStream extends Endpoints {
  type: StreamStats["type"];
  ssrc: number;
  packets: number;
  bytes: number;
  headerBytes: number;
  packetsDuplicated: number;
  packetsReordered?: number;
  packetsLost?: number;
}

function bySsrc(a: SeenStream, b: SeenStream): number {
  return a.ssrc - b.ssrc || a.type.localeCompare(b.type);
}

/** What both ends must have: inbound with its losses, and outbound. `racy`: the order of sending is not known. */
export function expectedStreams(truth: Truth, where: Endpoints, racy = false): SeenStream[] {
  return truth.streams
    .flatMap(({ ssrc, packets, bytes, headerBytes, duplicated, reordered, lost }): SeenStream[] => {
      const order = racy ? {} : { packetsReordered: reordered };
      const both = { ...where, ssrc, packets, bytes, headerBytes, packetsDuplicated: duplicated, ...order };
      return [
        { type: "inbound-rtp", ...both, packetsLost: lost },
        { type: "outbound-rtp", ...both },
      ];
    })
    .sort(bySsrc);
}

/** The streams of the case whose first SSRC this is. */
export function foundStreams(streams: StreamStats[], firstSsrc: number, racy = false): SeenStream[] {
  return streams
    .filter(({ ssrc }) => ssrc >= firstSsrc && ssrc < firstSsrc + SSRCS)
    .map((stream): SeenStream => {
      const { type, ssrc, srcAddress, srcPort, dstAddress, dstPort, packetsDuplicated, packetsReordered } = stream;
      const order = racy ? {} : { packetsReordered };
      const both = { ssrc, srcAddress, srcPort, dstAddress, dstPort, packetsDuplicated, ...order };
      return stream.type === "inbound-rtp"
        ? {
            type,
            ...both,
            packets: stream.packetsReceived,
            bytes: stream.bytesReceived,
            headerBytes: stream.headerBytesReceived,
            packetsLost: stream.packetsLost,
          }
        : {
            type,
            ...both,
            packets: stream.packetsSent,
            bytes: stream.bytesSent,
            headerBytes: stream.headerBytesSent,
          };
    })
    .sort(bySsrc);
}

/** The right side of the conservation law. */
export function sumOfOutcomes({ seen, ...outcomes }: Datagrams): number {
  return Object.values(outcomes).reduce((sum, n) => sum + n, 0);
}
