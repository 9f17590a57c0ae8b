// SPDX-License-Identifier: MIT
/** RTP as a WebRTC endpoint sends it: two or three header extensions in the clear, the payload encrypted. */
import { type Random, randomBytes } from "./random.js";

/** Ids as Chrome negotiates them. */
const AUDIO_LEVEL = 1;
const ABS_SEND_TIME = 2;
const TRANSPORT_SEQUENCE = 3;
/** Tag of AES_CM_128_HMAC_SHA1_80. */
const SRTP_TAG = 10;

export interface RtpPacket {
  payloadType: number;
  marker: boolean;
  sequence: number;
  timestamp: number;
  ssrc: number;
  /** −dBov, RFC 6464; audio only. */
  audioLevel?: number;
  /** Seconds; only their fraction of a minute and four seconds is sent. */
  sendTime: number;
  /** Counts over all streams of a transport. */
  transportSequence: number;
  /** Bytes of media before encryption. */
  size: number;
}

/** RFC 8285 section 4.2, one-byte headers. */
function extensionElements(packet: RtpPacket): Buffer {
  const elements: number[] = [];
  if (packet.audioLevel !== undefined) elements.push(AUDIO_LEVEL << 4, 0x80 | packet.audioLevel);
  const time = Math.floor(packet.sendTime * 2 ** 18) % 2 ** 24;
  elements.push((ABS_SEND_TIME << 4) | 2, time >>> 16, (time >>> 8) & 255, time & 255);
  const { transportSequence: sequence } = packet;
  elements.push((TRANSPORT_SEQUENCE << 4) | 1, (sequence >>> 8) & 255, sequence & 255);
  while (elements.length % 4 !== 0) elements.push(0);
  return Buffer.from(elements);
}

/** The datagram, and how much of it is header. */
export function buildRtp(packet: RtpPacket, random: Random): { datagram: Buffer; headerBytes: number } {
  const elements = extensionElements(packet);
  const header = Buffer.alloc(16);
  header[0] = 0x90;
  header[1] = packet.payloadType | (packet.marker ? 0x80 : 0);
  header.writeUInt16BE(packet.sequence & 0xffff, 2);
  header.writeUInt32BE(packet.timestamp >>> 0, 4);
  header.writeUInt32BE(packet.ssrc, 8);
  header.writeUInt16BE(0xbede, 12);
  header.writeUInt16BE(elements.length / 4, 14);
  const payload = randomBytes(random, packet.size + SRTP_TAG);
  return { datagram: Buffer.concat([header, elements, payload]), headerBytes: header.length + elements.length };
}

/** What the relay writes down of a packet; undefined if it is none. */
export function parseRtp(data: Buffer): { ssrc: number; sequence: number; timestamp: number } | undefined {
  const type = data[1] ?? 0;
  if (data.length < 12 || ((data[0] ?? 0) & 0xc0) !== 0x80 || (type >= 192 && type <= 223)) return undefined;
  return { ssrc: data.readUInt32BE(8), sequence: data.readUInt16BE(2), timestamp: data.readUInt32BE(4) };
}
