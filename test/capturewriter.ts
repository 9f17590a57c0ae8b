// SPDX-License-Identifier: MIT
/** A capture file written in place, datagram by datagram: packets.ts is the layout, and too slow for a million of them. */
import { type Ends, ETHER_IPV6, ethernet, frame, ipv6, pcap, START_NS, udp } from "./packets.js";

const EMPTY = Buffer.alloc(0);
const RECORD_HEADER = 16;
const START_S = Number(START_NS / 1_000_000_000n);

/** The headers of a datagram without payload, and where its lengths stand. */
interface Template {
  bytes: Buffer;
  ipLengthAt: number;
  /** What the IP length counts beside the payload. */
  ipLength: number;
}

function templateOf(ends: Ends): Template {
  return ends.src.includes(":")
    ? { bytes: ethernet(ipv6(udp(EMPTY, ends), ends), ETHER_IPV6), ipLengthAt: 14 + 4, ipLength: 8 }
    : { bytes: frame(EMPTY, ends), ipLengthAt: 14 + 2, ipLength: 28 };
}

/** A nanosecond pcap of Ethernet frames. Times are in nanoseconds since START_NS. */
export class CaptureWriter {
  readonly #templates = new WeakMap<Ends, Template>();
  #bytes: Buffer;
  #size: number;

  constructor() {
    const header = pcap([]);
    this.#bytes = Buffer.alloc(1 << 20);
    this.#size = header.copy(this.#bytes);
  }

  /** @param size - of the UDP payload, whose first bytes alone may be there */
  add(ends: Ends, payload: Buffer, ns: number, size = payload.length): void {
    let template = this.#templates.get(ends);
    if (template === undefined) {
      template = templateOf(ends);
      this.#templates.set(ends, template);
    }
    const headers = template.bytes.length;
    const at = this.#reserve(RECORD_HEADER + headers + payload.length);
    const bytes = this.#bytes;
    bytes.writeUInt32LE(START_S + Math.floor(ns / 1e9), at);
    bytes.writeUInt32LE(ns % 1e9, at + 4);
    bytes.writeUInt32LE(headers + payload.length, at + 8);
    bytes.writeUInt32LE(headers + size, at + 12);
    const packet = at + RECORD_HEADER;
    template.bytes.copy(bytes, packet);
    bytes.writeUInt16BE(template.ipLength + size, packet + template.ipLengthAt);
    bytes.writeUInt16BE(8 + size, packet + headers - 4);
    payload.copy(bytes, packet + headers);
  }

  /** Bytes that wait to be taken. */
  get size(): number {
    return this.#size;
  }

  /** What was written since the last time; valid until the next call of any method. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#size);
    this.#size = 0;
    return taken;
  }

  #reserve(size: number): number {
    const at = this.#size;
    this.#size += size;
    if (this.#size > this.#bytes.length) {
      const grown = Buffer.alloc(2 * this.#size);
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}
