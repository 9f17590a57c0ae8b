// SPDX-License-Identifier: MIT
/**
 * Feedback about a stream, in RTCP in the clear: of a stream that is received here what this host sent, of one that is sent from here what
 * it got (W3C RTCInboundRtpStreamStats, RTCOutboundRtpStreamStats). Absent where nobody reported of the stream: under SRTCP, or none came.
 */
import type { Origin } from "./native.js";
import type { ReportRecord } from "./reportrecord.js";
import type { StreamTable } from "./streamtable.js";

export interface FeedbackStats {
  /** Packets of RFC 4585 section 6.2.1 and 6.3.1, and entries of RFC 5104 section 4.3.1. */
  nackCount?: number;
  pliCount?: number;
  firCount?: number;
}

/** Reports may come from another port than they go to: a stream is found by its addresses. */
function keyOf({ direction, srcAddress, dstAddress, channel, peerName }: Origin, ssrc: number): string {
  return `${direction} ${ssrc} ${srcAddress} ${dstAddress} ${channel ?? ""} ${peerName ?? ""}`;
}

export class FeedbackBook {
  readonly #records = new Map<string, ReportRecord>();

  constructor(reports: readonly { origin: Origin; record: ReportRecord }[]) {
    for (const { origin, record } of reports) {
      if (record.encrypted === 1 || record.mentions + record.nacksAbout + record.plisAbout + record.firsAbout === 0)
        continue;
      this.#records.set(keyOf(origin, record.ssrc), record);
    }
  }

  addStats(table: StreamTable, streams: readonly { origin: Origin }[]): void {
    if (this.#records.size === 0) return;
    for (const [i, { origin }] of streams.entries()) {
      const record = this.#records.get(keyOf(origin, table.roster.who[i]?.ssrc as number));
      if (record === undefined) continue;
      table.set(i, { nackCount: record.nacksAbout, pliCount: record.plisAbout, firCount: record.firsAbout });
    }
  }
}
