// SPDX-License-Identifier: MIT
/** Captures of a known load: Opus-like audio of many streams, round robin, 172 bytes of RTP about every 20 ms. */
import { closeSync, openSync, writeSync } from "node:fs";

const RTP_BYTES = 172;
const HEADERS_BYTES = 14 + 20 + 8;
const RECORD_HEADER = 16;
/** RFC 8285, one-byte form: audio level, abs-send-time, transport-wide sequence number, and padding; their values are 0. */
const EXTENSION = Buffer.from([0xbe, 0xde, 0, 3, 0x10, 0, 0x22, 0, 0, 0, 0x31, 0, 0, 0, 0, 0]);
const [LEVEL_AT, SEND_TIME_AT, TRANSPORT_AT] = [5, 7, 11];
const PACKETS_PER_BLOCK = 10_000;
export const FRAME_MS = 20;
/** The packets of all streams at one turn come within this time, after a wait that differs from turn to turn; µs. */
const TURN_US = 11_000;
const MOST_WAIT_US = FRAME_MS * 1000 - TURN_US;
const TICKS_PER_FRAME = 960;
const PAYLOAD_TYPE = 111;
export const FIRST_SECOND = 1_760_000_000;

/** Ethernet, IPv4 and UDP of the stream, which its packets share, and what is fixed in the RTP header. */
function frameOf(stream: number, extension: Buffer): Buffer {
  const bytes = HEADERS_BYTES + RTP_BYTES + extension.length;
  const frame = Buffer.alloc(bytes, stream);
  const ip = 14;
  const udp = ip + 20;
  const rtp = udp + 8;
  frame.writeUInt16BE(0x0800, 12);
  frame.set([0x45, 0], ip);
  frame.writeUInt16BE(bytes - ip, ip + 2);
  frame.set([0, 0, 0x40, 0, 64, 17, 0, 0], ip + 4);
  frame.set([10, 0, stream >> 8, stream & 255, 10, 1, 0, 1], ip + 12);
  frame.writeUInt16BE(10_000 + (stream % 50_000), udp);
  frame.writeUInt16BE(5004, udp + 2);
  frame.writeUInt16BE(bytes - udp, udp + 4);
  frame.writeUInt16BE(0, udp + 6);
  frame[rtp] = extension.length ? 0x90 : 0x80;
  frame[rtp + 1] = PAYLOAD_TYPE;
  frame.writeUInt32BE(0x1000_0000 + stream, rtp + 8);
  extension.copy(frame, rtp + 12);
  return frame;
}

/** What the elements of the packet at this turn say: a level that changes, when it was sent, and which of its transport's it is. */
function writeElements(block: Buffer, at: number, turn: number): void {
  block[at + LEVEL_AT] = 40 + ((turn * 7) % 13);
  block.writeUIntBE(Math.floor((turn * FRAME_MS * 2 ** 18) / 1000) & 0xff_ffff, at + SEND_TIME_AT, 3);
  block.writeUInt16BE(turn & 0xffff, at + TRANSPORT_AT);
}

/** Writes a pcap of microseconds. `packets` is a multiple of `streams`; they have header extensions if it is `extended`. */
export function writeCapture(path: string, streams: number, packets: number, extended = false): void {
  const extension = extended ? EXTENSION : Buffer.alloc(0);
  const frames = Array.from({ length: streams }, (_, stream) => frameOf(stream, extension));
  const frameBytes = HEADERS_BYTES + RTP_BYTES + extension.length;
  const recordBytes = RECORD_HEADER + frameBytes;
  const block = Buffer.alloc(recordBytes * PACKETS_PER_BLOCK);
  const file = openSync(path, "w");
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.set([2, 0, 4, 0], 4);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  writeSync(file, header);
  let filled = 0;
  for (let packet = 0; packet < packets; packet++) {
    const stream = packet % streams;
    const turn = Math.floor(packet / streams);
    const waitUs = (turn * 7919) % MOST_WAIT_US; // a prime: no turn is as late as the one before
    const us = Math.floor(turn * FRAME_MS * 1000 + waitUs + (stream * TURN_US) / streams);
    const at = filled * recordBytes;
    const rtp = at + RECORD_HEADER + HEADERS_BYTES;
    block.writeUInt32LE(FIRST_SECOND + Math.floor(us / 1e6), at);
    block.writeUInt32LE(us % 1e6, at + 4);
    block.writeUInt32LE(frameBytes, at + 8);
    block.writeUInt32LE(frameBytes, at + 12);
    block.set(frames[stream] as Buffer, at + RECORD_HEADER);
    block.writeUInt16BE(turn & 0xffff, rtp + 2);
    block.writeUInt32BE((turn * TICKS_PER_FRAME) >>> 0, rtp + 4);
    if (extended) writeElements(block, rtp + 12, turn);
    filled++;
    if (filled < PACKETS_PER_BLOCK && packet < packets - 1) continue;
    writeSync(file, block, 0, filled * recordBytes);
    filled = 0;
  }
  closeSync(file);
}
