// SPDX-License-Identifier: MIT
/** Captures of a known load: Opus-like audio of many streams, round robin, 172 bytes of RTP about every 20 ms. */
import { closeSync, openSync, writeSync } from "node:fs";

const FRAME_BYTES = 14 + 20 + 8 + 172;
const RECORD_BYTES = 16 + FRAME_BYTES;
const PACKETS_PER_BLOCK = 10_000;
export const FRAME_MS = 20;
/** The packets of all streams at one turn come within this time, after a wait that differs from turn to turn; µs. */
const TURN_US = 11_000;
const MOST_WAIT_US = FRAME_MS * 1000 - TURN_US;
const TICKS_PER_FRAME = 960;
const PAYLOAD_TYPE = 111;
export const FIRST_SECOND = 1_760_000_000;

/** Ethernet, IPv4 and UDP of the stream, which its packets share, and the RTP header's fixed fields. */
function frameOf(stream: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES, stream);
  const ip = 14;
  const udp = ip + 20;
  const rtp = udp + 8;
  frame.writeUInt16BE(0x0800, 12);
  frame.set([0x45, 0], ip);
  frame.writeUInt16BE(FRAME_BYTES - ip, ip + 2);
  frame.set([0, 0, 0x40, 0, 64, 17, 0, 0], ip + 4);
  frame.set([10, 0, stream >> 8, stream & 255, 10, 1, 0, 1], ip + 12);
  frame.writeUInt16BE(10_000 + (stream % 50_000), udp);
  frame.writeUInt16BE(5004, udp + 2);
  frame.writeUInt16BE(FRAME_BYTES - udp, udp + 4);
  frame.writeUInt16BE(0, udp + 6);
  frame[rtp] = 0x80;
  frame[rtp + 1] = PAYLOAD_TYPE;
  frame.writeUInt32BE(0x1000_0000 + stream, rtp + 8);
  return frame;
}

/** Writes a pcap of microseconds. `packets` is a multiple of `streams`. */
export function writeCapture(path: string, streams: number, packets: number): void {
  const frames = Array.from({ length: streams }, (_, stream) => frameOf(stream));
  const block = Buffer.alloc(RECORD_BYTES * PACKETS_PER_BLOCK);
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
    const at = filled * RECORD_BYTES;
    block.writeUInt32LE(FIRST_SECOND + Math.floor(us / 1e6), at);
    block.writeUInt32LE(us % 1e6, at + 4);
    block.writeUInt32LE(FRAME_BYTES, at + 8);
    block.writeUInt32LE(FRAME_BYTES, at + 12);
    block.set(frames[stream] as Buffer, at + 16);
    block.writeUInt16BE(turn & 0xffff, at + 16 + 44);
    block.writeUInt32BE((turn * TICKS_PER_FRAME) >>> 0, at + 16 + 46);
    filled++;
    if (filled < PACKETS_PER_BLOCK && packet < packets - 1) continue;
    writeSync(file, block, 0, filled * RECORD_BYTES);
    filled = 0;
  }
  closeSync(file);
}
