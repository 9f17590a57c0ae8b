// SPDX-License-Identifier: MIT
/** RTP packets as lines of CSV, for spreadsheets and scripts. */
import { formatRow } from "./csv.js";
import type { Columns, Origin, PacketRow } from "./native.js";
import { formatEndpoint } from "./origin.js";

/**
 * `time` is seconds since the Unix epoch, `delta` since the packet before of the stream; jitters are seconds. What is not
 * known yet, or of no first packet, is empty.
 */
export const PACKET_TITLES = formatRow([
  "time",
  "src",
  "dst",
  "ssrc",
  "payloadType",
  "sequence",
  "timestamp",
  "marker",
  "delta",
  "jitter",
  "jitterRfc3550",
  "lostBefore",
]);

const formatNs = (ns: number): string => (ns / 1e9).toFixed(9);

/** The cells that all packets of a stream have in common. */
function formatStream({ srcAddress, srcPort, dstAddress, dstPort }: Origin, ssrc: number): string {
  return formatRow([formatEndpoint(srcAddress, srcPort), formatEndpoint(dstAddress, dstPort), ssrc]);
}

/** Makes lines of batches; keeps what belongs to a stream. */
export class PacketPrinter {
  readonly #origin: (stream: number) => Origin;
  readonly #streams = new Map<number, { cells: string; isSent: boolean }>();

  /** @param origin - of a stream by its id */
  constructor(origin: (stream: number) => Origin) {
    this.#origin = origin;
  }

  format(packets: Columns<PacketRow>): string[] {
    return Array.from(packets.stream, (stream, i) => this.#formatPacket(stream, packets, i));
  }

  #formatPacket(stream: number, packets: Columns<PacketRow>, i: number): string {
    const at = (column: Float64Array): number => column[i] as number;
    const { cells, isSent } = this.#streams.get(stream) ?? this.#addStream(stream, at(packets.ssrc));
    const time = `${at(packets.seconds)}.${String(at(packets.nanoseconds)).padStart(9, "0")}`;
    const delta = at(packets.isFirst) ? "" : formatNs(at(packets.gapNs));
    // Jitter is what arrivals have; of what is sent from here it would say something else.
    const hasJitter = at(packets.clockRate) > 0 && !isSent;
    const [jitter, every] = hasJitter
      ? [formatNs(at(packets.jitterNsQ8) / 256), formatNs(at(packets.jitterRfc3550NsQ8) / 256)]
      : ["", ""];
    const { payloadType, sequence, timestamp, marker, lostBefore } = packets;
    const header = `${at(payloadType)},${at(sequence)},${at(timestamp)},${at(marker)}`;
    return `${time},${cells},${header},${delta},${jitter},${every},${at(lostBefore)}`;
  }

  #addStream(stream: number, ssrc: number): { cells: string; isSent: boolean } {
    const origin = this.#origin(stream);
    const added = { cells: formatStream(origin, ssrc), isSent: origin.direction === "out" };
    this.#streams.set(stream, added);
    return added;
  }
}
