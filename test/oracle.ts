// SPDX-License-Identifier: MIT
/**
 * RTP streams and STUN round trips of a capture file, computed here from the RFCs in floating point and with unbounded
 * memory: nothing is shared with core/ or native/. Reads what the captures in test/captures are: nanosecond pcap, little
 * endian, Ethernet, IPv4 without options.
 */
import { readFileSync } from "node:fs";

export interface Arrival {
  seq: number;
  timestamp: number;
  /** Nanoseconds since the epoch. */
  timeNs: bigint;
  /** RFC 3550's bit. */
  padding?: boolean;
}

export interface OracleStream {
  ssrc: number;
  from: string;
  to: string;
  arrivals: Arrival[];
}

export interface OracleCounts {
  packets: number;
  lost: number;
  duplicated: number;
  reordered: number;
}

/** Each packet's number without wrap-around: RFC 3550 A.1's cycles, from the distance to the highest so far. */
function extendedNumbers(arrivals: Arrival[]): number[] {
  let highest = arrivals[0]?.seq ?? 0;
  return arrivals.map(({ seq }) => {
    const ahead = ((((seq - highest) & 0xffff) + 0x8000) & 0xffff) - 0x8000;
    const extended = highest + ahead;
    highest = Math.max(highest, extended);
    return extended;
  });
}

/** Exact, by sets of numbers without wrap-around: what DESIGN calls lost, duplicated and reordered. */
export function countNumbers(numbers: number[]): OracleCounts {
  const unique = new Set<number>();
  let highest = Number.NEGATIVE_INFINITY;
  let reordered = 0;
  for (const number of numbers) {
    if (!unique.has(number) && number < highest) reordered++;
    unique.add(number);
    highest = Math.max(highest, number);
  }
  const expected = numbers.length === 0 ? 0 : highest - Math.min(...unique) + 1;
  return {
    packets: numbers.length,
    lost: expected - unique.size,
    duplicated: numbers.length - unique.size,
    reordered,
  };
}

export const countArrivals = (arrivals: Arrival[]): OracleCounts => countNumbers(extendedNumbers(arrivals));

/**
 * RFC 3550 A.8 in seconds: over every packet, and as getStats has it (in order, timestamp changed, no restart).
 * @param numbers - of the packets, without wrap-around
 * @param begins - whether a sender begins anew with a packet: nothing is subtracted from what was before
 * @param isStray - whether a packet is of another time: nothing is subtracted from it, and from what comes next the last in order
 */
export function jitters(
  arrivals: Arrival[],
  clockRate: number,
  numbers = extendedNumbers(arrivals),
  begins: (i: number) => boolean = () => false,
  isStray: (i: number) => boolean = () => false,
): { everyPacket: number; inOrder: number } {
  const difference = (a: Arrival, b: Arrival): number =>
    Math.abs(Number(a.timeNs - b.timeNs) / 1e9 - ((a.timestamp - b.timestamp) | 0) / clockRate);
  let everyPacket = 0;
  let inOrder = 0;
  let highest = Number.NEGATIVE_INFINITY;
  let previous: Arrival | undefined;
  let previousInOrder: Arrival | undefined;
  arrivals.forEach((arrival, i) => {
    const number = numbers[i] as number;
    if (isStray(i)) {
      previous = previousInOrder;
      return;
    }
    if (begins(i)) {
      previous = previousInOrder = undefined;
      highest = Number.NEGATIVE_INFINITY;
    }
    if (previous) everyPacket += (difference(arrival, previous) - everyPacket) / 16;
    previous = arrival;
    if (number <= highest) return;
    highest = number;
    if (previousInOrder && arrival.timestamp !== previousInOrder.timestamp) {
      const d = difference(arrival, previousInOrder);
      if (d < 450_000 / clockRate) inOrder += (d - inOrder) / 16;
    }
    previousInOrder = arrival;
  });
  return { everyPacket, inOrder };
}

interface Payload {
  /** What ChannelData, or a Send or Data indication, held, if it came in it. */
  bytes: Buffer;
  isRelayed: boolean;
  from: string;
  to: string;
  timeNs: bigint;
}

/**
 * RFC 8656 sections 11 and 12.4: what a frame of TURN's carries. Of an indication whose peer's address was cut off nothing, for
 * nobody knows whose it is.
 */
function unwrap(payload: Buffer): Buffer | undefined {
  if (payload.length > 4 && (payload[0] as number) >> 4 === 4) return payload.subarray(4);
  if (payload.length < 20 || payload.readUInt32BE(4) !== 0x2112a442 || payload.readUInt16BE(0) >> 1 !== 0x0016 >> 1) {
    return undefined;
  }
  const attributes = new Map<number, Buffer>();
  for (let at = 20; at + 4 <= payload.length; ) {
    const size = payload.readUInt16BE(at + 2);
    attributes.set(payload.readUInt16BE(at), payload.subarray(at + 4, at + 4 + size));
    at += 4 + size + (-size & 3);
  }
  return attributes.get(0x0012)?.length === 8 ? attributes.get(0x0013) : undefined;
}

/** UDP payloads, TURN's frames unwrapped. */
function* payloads(path: string): Generator<Payload> {
  const file = readFileSync(path);
  if (file.readUInt32LE(0) !== 0xa1b23c4d) throw new Error(`${path}: not a nanosecond pcap`);
  for (let at = 24; at < file.length; ) {
    const timeNs = BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4));
    const size = file.readUInt32LE(at + 8);
    const ip = file.subarray(at + 16 + 14, at + 16 + size);
    at += 16 + size;
    if (ip[0] !== 0x45 || ip[9] !== 17) continue;
    const end = (i: number, port: number): string => `${ip.subarray(i, i + 4).join(".")}:${ip.readUInt16BE(port)}`;
    const payload = ip.subarray(28);
    const inside = unwrap(payload);
    yield { bytes: inside ?? payload, isRelayed: inside !== undefined, from: end(12, 20), to: end(16, 22), timeNs };
  }
}

/** Every sequence of packets with one SSRC between two ends: whether it is a stream the truth says, not we. */
export function rtpStreams(path: string): OracleStream[] {
  const streams = new Map<string, OracleStream>();
  for (const { bytes, from, to, timeNs } of payloads(path)) {
    if (bytes.length < 12 || (bytes[0] as number) >> 6 !== 2) continue;
    const type = bytes[1] as number;
    if (type >= 192 && type <= 223) continue;
    const ssrc = bytes.readUInt32BE(8);
    const key = `${from} ${to} ${ssrc}`;
    const stream = streams.get(key) ?? { ssrc, from, to, arrivals: [] };
    stream.arrivals.push({
      seq: bytes.readUInt16BE(2),
      timestamp: bytes.readUInt32BE(4),
      timeNs,
      padding: ((bytes[0] as number) & 0x20) !== 0,
    });
    streams.set(key, stream);
  }
  return [...streams.values()];
}

/** Round trips in nanoseconds of the STUN requests (Binding and TURN's) that `from` sent to `to`, through a relay or not. */
export function roundTrips(path: string, from: string, to: string, isRelayed: boolean): number[] {
  const sent = new Map<string, bigint>();
  const trips: number[] = [];
  for (const { bytes, isRelayed: inside, from: source, to: target, timeNs } of payloads(path)) {
    if (inside !== isRelayed || bytes.length < 20 || bytes.readUInt32BE(4) !== 0x2112a442) continue;
    const id = bytes.toString("hex", 8, 20);
    const type = bytes.readUInt16BE(0);
    if ((type & 0x0110) === 0 && source === from && target === to) {
      sent.set(id, timeNs);
    } else if ((type & 0x0110) === 0x0100 && source === to && target === from) {
      const at = sent.get(id);
      if (at !== undefined) trips.push(Number(timeNs - at));
    }
  }
  return trips;
}

export interface ReceiverReport {
  timeNs: bigint;
  ssrc: number;
  /** Highest number with its cycles, and jitter in RTP units: RFC 3550 section 6.4.1. */
  highest: number;
  jitter: number;
}

/** First blocks of cleartext receiver reports. */
export function receiverReports(path: string): ReceiverReport[] {
  return [...payloads(path)]
    .filter(({ bytes }) => bytes.length >= 32 && bytes[0] === 0x81 && bytes[1] === 201)
    .map(({ bytes, timeNs }) => ({
      timeNs,
      ssrc: bytes.readUInt32BE(8),
      highest: bytes.readUInt32BE(16),
      jitter: bytes.readUInt32BE(20),
    }));
}
