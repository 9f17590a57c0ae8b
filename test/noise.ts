// SPDX-License-Identifier: MIT
/**
 * Datagrams that are no media, some of whose first bytes look it. Each kind shapes random bytes in place, so that a million
 * of them take a second.
 */

/** Random bytes that a kind is given; none makes more of them. */
export const NOISE_BYTES = 160;

/** Makes the i-th datagram of NOISE_BYTES random bytes. Returns its size; what is beyond NOISE_BYTES is not written. */
export type Noise = (bytes: Buffer, i: number) => number;

const QUESTION = Buffer.from("\x07example\x03com\x00\x00\x01\x00\x01");

/** RFC 1035 section 4.1.1: the header and one question; ids are random, so any first byte occurs. */
function dnsMessage(bytes: Buffer, flags: number, answers: number, additional: number): void {
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answers, 6);
  bytes.writeUInt16BE(0, 8);
  bytes.writeUInt16BE(additional, 10);
  QUESTION.copy(bytes, 12);
}

/** Questions, with EDNS (RFC 6891) or without. */
const dnsQuestion: Noise = (bytes) => {
  const isEdns = (bytes[12] as number) % 2;
  dnsMessage(bytes, 0x0100, 0, isEdns);
  return 12 + QUESTION.length + 11 * isEdns;
};

/** Answers with every response code, authoritative, truncated and authenticated or not. */
const dnsAnswer: Noise = (bytes) => {
  const [code, bits, answers] = [(bytes[12] as number) % 6, bytes[13] as number, (bytes[14] as number) % 3];
  const flags = 0x8180 | (bits & 1 ? 0x400 : 0) | ((bits & 30) === 0 ? 0x200 : 0) | (bits & 32) | code;
  dnsMessage(bytes, flags, answers, bits >> 7);
  return 12 + QUESTION.length + 16 * answers + 11 * (bits >> 7);
};

/** SERVFAIL, then NXDOMAIN to the same question: by its bytes RTP of one SSRC with numbers in sequence. */
const dnsTwice: Noise = (bytes, i) => {
  bytes.writeUInt16BE((0x8000 + (i >> 1)) & 0xffff);
  dnsMessage(bytes, 0x8182 + (i % 2), 0, 0);
  return 12 + QUESTION.length;
};

/** RFC 6347 section 4.1, records of every content type; RFC 9147 section 4, the unified header of DTLS 1.3. */
const dtls: Noise = (bytes, i) => {
  const size = 20 + (bytes[0] as number) / 2;
  if (i % 4 === 3) {
    bytes[0] = 0x20 | ((bytes[0] as number) & 31);
    return Math.floor(size);
  }
  bytes[0] = 20 + ((bytes[0] as number) % 6);
  bytes[1] = 254;
  bytes[2] = 253;
  bytes.writeUInt32BE(0, 3);
  bytes.writeUInt16BE(i & 0xffff, 9);
  bytes.writeUInt16BE(Math.floor(size), 11);
  return 13 + Math.floor(size);
};

/** A connection's id changes with every 1000 datagrams. */
const connectionByte = (i: number, at: number): number =>
  (Math.imul(Math.floor(i / 1000) + 1, 0x9e3779b1) >>> at) & 0xff;

function connectionId(bytes: Buffer, at: number, i: number): void {
  for (let j = 0; j < 8; j++) bytes[at + j] = connectionByte(i + 1000 * (j >> 2), 8 * (j & 3));
}

/** RFC 9000 section 17.2, with the bit that RFC 9287 greases: any first byte of the upper half occurs. */
const quicLong: Noise = (bytes, i) => {
  bytes[0] = 0x80 | (bytes[0] as number);
  bytes.writeUInt32BE(i % 2 ? 1 : 0x6b3343cf, 1); // RFC 9369: version 2
  bytes[5] = 8;
  connectionId(bytes, 6, i);
  return 1200;
};

/** Section 17.3: the lower half; most are as long as the path allows. */
const quicShort: Noise = (bytes, i) => {
  bytes[0] = 0x7f & (bytes[0] as number);
  connectionId(bytes, 1, i);
  return (bytes[20] as number) < 200 ? 1350 : 30 + (bytes[21] as number);
};

const WIREGUARD: readonly [type: number, size: number][] = [
  [1, 148],
  [2, 92],
  [3, 64],
];

/** WireGuard: initiation, response, cookie, and data with a counter. */
const wireguard: Noise = (bytes, i) => {
  const [type, size] = (i % 16 === 0 && WIREGUARD[(bytes[0] as number) % 3]) || [4, 32 + 16 * (bytes[1] as number)];
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32BE(0x01020304, 4);
  if (type === 4) {
    bytes.writeUInt32LE(i, 8);
    bytes.writeUInt32LE(0, 12);
  }
  return Math.min(size, 1452);
};

const random: Noise = (bytes) => 1 + (bytes[NOISE_BYTES - 1] as number);

/** Version 2 in the first two bits, then anything. */
const almostRtp: Noise = (bytes) => {
  bytes[0] = 0x80 | ((bytes[0] as number) & 63);
  return 12 + (bytes[NOISE_BYTES - 1] as number);
};

export const NOISES: Readonly<Record<string, Noise>> = {
  "DNS questions": dnsQuestion,
  "DNS answers": dnsAnswer,
  "two DNS answers": dnsTwice,
  DTLS: dtls,
  "QUIC, long headers": quicLong,
  "QUIC, short headers": quicShort,
  WireGuard: wireguard,
  "random bytes": random,
  "random bytes behind RTP's version": almostRtp,
};
