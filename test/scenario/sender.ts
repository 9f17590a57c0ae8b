// SPDX-License-Identifier: MIT
/** What a sender of RTP puts on the wire, and when. Numbers and timestamps do not wrap here; the wire's do. */
import type { Random } from "../random.js";

export interface SentPacket {
  number: number;
  timestamp: number;
  /** Nanoseconds since the scenario began. */
  ns: number;
  /** Bytes behind the headers. */
  payload: number;
  payloadType: number;
  marker: boolean;
  /** Counts the times the sender began anew with other numbers. */
  run: number;
  /** A packet of another time: its number and its timestamp are far from all others (RFC 3550 A.1). */
  isStray?: true;
}

export interface Codec {
  payloadType: number;
  /** Hz, as SDP or RFC 3551 have it. */
  clockRate: number;
  /** Comfort noise (RFC 3389), where that is a payload type of its own. */
  comfortType?: number;
}

/** RFC 3551 section 6: PCMU, PCMA, G.722, L16, DVI4, GSM; then what SDP gives a number. */
export const AUDIO_CODECS: readonly Codec[] = [
  { payloadType: 0, clockRate: 8000, comfortType: 13 },
  { payloadType: 8, clockRate: 8000, comfortType: 13 },
  { payloadType: 9, clockRate: 8000 },
  { payloadType: 11, clockRate: 44_100 },
  { payloadType: 6, clockRate: 16_000 },
  { payloadType: 3, clockRate: 8000 },
  { payloadType: 96, clockRate: 8000 },
  { payloadType: 98, clockRate: 16_000 },
  { payloadType: 104, clockRate: 24_000 },
  { payloadType: 99, clockRate: 32_000 },
  { payloadType: 120, clockRate: 44_100 },
  { payloadType: 111, clockRate: 48_000 },
  { payloadType: 63, clockRate: 48_000 },
];
export const OPUS: Codec = { payloadType: 111, clockRate: 48_000 };
export const VIDEO: Codec = { payloadType: 96, clockRate: 90_000 };
export const isDynamic = ({ payloadType }: Codec): boolean => payloadType >= 35;

const NS_PER_MS = 1e6;

/**
 * Where a sender begins: often shortly before the wrap. Timestamps of Opus and of video on one transport do not both begin
 * there: what begins at random is not near each other, and that tells RTX from media.
 */
function starts(random: Random, { payloadType }: Codec): { number: number; timestamp: number } {
  const number = random.happens(0.3) ? 65_536 - random.between(1, 60) : random.between(0, 65_535);
  const wraps = payloadType !== OPUS.payloadType && random.happens(0.3);
  return { number, timestamp: wraps ? 2 ** 32 - random.between(1, 90_000) : random.next() };
}

export interface Span {
  fromMs: number;
  toMs: number;
}

const isWithin = (ms: number, { fromMs, toMs }: Span): boolean => ms >= fromMs && ms < toMs;

export interface AudioOptions extends Span {
  /** Discontinuous transmission: a packet each 400 ms while nobody speaks. */
  dtx?: boolean;
  /** Milliseconds of a packet. */
  ptime?: number;
}

const DTX_MS = 400;

export function audioPackets(random: Random, codec: Codec, options: AudioOptions): SentPacket[] {
  const { fromMs, toMs, dtx = false, ptime = 20 } = options;
  const begin = starts(random, codec);
  const packets: SentPacket[] = [];
  let talksUntil = dtx ? fromMs + random.between(400, 1500) : toMs;
  let marker = true;
  for (let ms = fromMs; ms < toMs; ) {
    const talks = ms < talksUntil;
    packets.push({
      number: begin.number + packets.length,
      timestamp: begin.timestamp + Math.round(((ms - fromMs) * codec.clockRate) / 1000),
      ns: ms * NS_PER_MS,
      payload: talks ? random.between(40, 160) : 1,
      payloadType: talks ? codec.payloadType : (codec.comfortType ?? codec.payloadType),
      marker,
      run: 0,
    });
    marker = !talks;
    ms += talks ? ptime : DTX_MS;
    if (!talks && random.happens(0.4)) talksUntil = ms + random.between(400, 1500);
  }
  return packets;
}

export interface VideoOptions extends Span {
  fps: number;
  /** Packets of a frame at the most; a key frame has twice as many. */
  packetsPerFrame: number;
  /** No frame is sent meanwhile; the clock goes on. */
  pause?: Span;
}

export function videoPackets(random: Random, codec: Codec, options: VideoOptions): SentPacket[] {
  const { fromMs, toMs, fps, packetsPerFrame, pause } = options;
  const begin = starts(random, codec);
  const packets: SentPacket[] = [];
  for (let frame = 0; fromMs + (frame * 1000) / fps < toMs; frame++) {
    const ms = fromMs + (frame * 1000) / fps;
    if (pause && isWithin(ms, pause)) continue;
    const isKey = frame % (3 * fps) === 0;
    const size = isKey ? 2 * packetsPerFrame : random.between(1, packetsPerFrame);
    for (let i = 0; i < size; i++) {
      packets.push({
        number: begin.number + packets.length,
        timestamp: begin.timestamp + Math.round((frame * codec.clockRate) / fps),
        ns: Math.round((ms + 0.3 * i) * NS_PER_MS),
        payload: i < size - 1 ? 1100 : random.between(50, 1100),
        payloadType: codec.payloadType,
        marker: i === size - 1,
        run: 0,
      });
    }
  }
  return packets;
}

/** Milliseconds of silence before a sender begins anew. */
const RESTART_MS = 700;
/** No run of losses reaches so far, and no clock. */
const FAR_NUMBERS = 10_000;
const FAR_TICKS = 2 ** 30;

/** The same SSRC goes on with other numbers and another clock: in the second half, after a silence. */
export function restarted(random: Random, packets: SentPacket[]): SentPacket[] {
  const middle = packets.length >> 1;
  const last = packets[middle - 1];
  if (last === undefined) return packets;
  const leap = random.between(FAR_NUMBERS, 65_536 - FAR_NUMBERS);
  return packets.map((packet, i) =>
    i < middle
      ? packet
      : {
          ...packet,
          number: packet.number + leap,
          timestamp: packet.timestamp + FAR_TICKS,
          ns: packet.ns + RESTART_MS * NS_PER_MS,
          run: 1,
        },
  );
}

/** RFC 4588: each of `repeated` again, some time after it was sent, on an SSRC with numbers of its own. */
export function retransmissions(random: Random, repeated: SentPacket[], payloadType: number): SentPacket[] {
  const begin = random.between(0, 65_535);
  return repeated
    .map((packet) => ({ ...packet, ns: packet.ns + random.between(80, 250) * NS_PER_MS }))
    .sort((a, b) => a.ns - b.ns)
    .map((packet, i) => ({
      ...packet,
      number: begin + i,
      payload: packet.payload + 2,
      payloadType,
      run: 0,
    }));
}
