// SPDX-License-Identifier: MIT
/** Packets and capture files as bytes, built from the RFCs' and file formats' own words. */

const u8 = (n: number): Buffer => Buffer.from([n]);

export function u16(n: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(n & 0xffff);
  return bytes;
}

export function u32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n >>> 0);
  return bytes;
}

export interface RtpFields {
  seq: number;
  timestamp: number;
  ssrc?: number;
  payloadType?: number;
  marker?: boolean;
  csrcs?: number;
  /** Elements of a header extension (RFC 8285), a multiple of four bytes. */
  extension?: Buffer;
  /** 0xBEDE one-byte, which it is if absent; 0x1000 two-byte. */
  profile?: number;
  payload?: number;
}

/** RFC 3550 section 5.1. */
export function rtp(fields: RtpFields): Buffer {
  const { seq, timestamp, ssrc = 0xdecafbad, payloadType = 111, marker, csrcs = 0, extension, payload = 60 } = fields;
  return Buffer.concat([
    u8(0x80 | (extension ? 0x10 : 0) | csrcs),
    u8((marker ? 0x80 : 0) | payloadType),
    u16(seq),
    u32(timestamp),
    u32(ssrc),
    ...Array.from({ length: csrcs }, (_, i) => u32(i)),
    ...(extension ? [u16(fields.profile ?? 0xbede), u16(extension.length / 4), extension] : []),
    Buffer.alloc(payload, 0x5a),
  ]);
}

/** RFC 8489 section 14: padded to four bytes. */
export function attribute(type: number, value: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([u16(type), u16(value.length), value, Buffer.alloc(-value.length & 3)]);
}

/** RFC 8489 section 5: a message of type 0x0001 request, 0x0101 success, 0x0111 error of Binding. */
export function stun(type: number, id: number, ...attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes);
  return Buffer.concat([u16(type), u16(body.length), u32(0x2112a442), u32(0), u32(0), u32(id), body]);
}

/** USERNAME: what makes a request a connectivity check of ICE (RFC 8445 section 7.2.2). */
export const USERNAME = attribute(0x0006, Buffer.from("evtj:h6vY"));

/** RFC 3550 section 6.4: one packet of whole words; `count` are the five bits behind version and padding. */
export const rtcp = (type: number, count: number, ...words: number[]): Buffer =>
  Buffer.concat([Buffer.from([0x80 | count, type]), u16(words.length), ...words.map(u32)]);

export interface Ends {
  src: string;
  srcPort: number;
  dst: string;
  dstPort: number;
}

export const ENDS: Ends = { src: "192.0.2.1", srcPort: 5004, dst: "198.51.100.2", dstPort: 6004 };
export const ENDS6: Ends = { src: "2001:db8::1", srcPort: 5004, dst: "2001:db8::2", dstPort: 6004 };

/** The same, told from the other end. */
export function reversed(ends: Ends): Ends {
  return { src: ends.dst, srcPort: ends.dstPort, dst: ends.src, dstPort: ends.srcPort };
}

/** RFC 768; the checksum is left out. */
export function udp(payload: Buffer, ends: Ends, length = 8 + payload.length): Buffer {
  return Buffer.concat([u16(ends.srcPort), u16(ends.dstPort), u16(length), u16(0), payload]);
}

/** An address of either family in network order. */
export function ipAddress(text: string): Buffer {
  if (!text.includes(":")) return Buffer.from(text.split(".").map(Number));
  const [head = "", tail = ""] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail)];
  const middle = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return Buffer.concat([...left, ...middle, ...right].map(u16));
}

export interface Ipv4Options {
  /** Bytes of IP options, a multiple of four. */
  options?: number;
  /** Fragment offset in units of eight bytes, and whether more follow. */
  offset?: number;
  more?: boolean;
  protocol?: number;
}

/** RFC 791. */
export function ipv4(
  body: Buffer,
  ends: Ends,
  { options = 0, offset = 0, more = false, protocol = 17 }: Ipv4Options = {},
) {
  return Buffer.concat([
    u8(0x45 + options / 4),
    u8(0),
    u16(20 + options + body.length),
    u16(1),
    u16(offset | (more ? 0x2000 : 0)),
    u8(64),
    u8(protocol),
    u16(0),
    ipAddress(ends.src),
    ipAddress(ends.dst),
    Buffer.alloc(options, 1),
    body,
  ]);
}

/** RFC 8200; extensions are [header type, bytes without the next-header field]. */
export function ipv6(body: Buffer, ends: Ends, extensions: [type: number, rest: Buffer][] = [], last = 17): Buffer {
  const types = [...extensions.map(([type]) => type), last];
  const headers = extensions.map(([, rest], i) => Buffer.concat([u8(types[i + 1] as number), rest]));
  const payload = Buffer.concat([...headers, body]);
  return Buffer.concat([
    u32(0x60000000),
    u16(payload.length),
    u8(types[0] as number),
    u8(64),
    ipAddress(ends.src),
    ipAddress(ends.dst),
    payload,
  ]);
}

/** RFC 8200 section 4.3 and 4.6: hop-by-hop or destination options of 8 × (1 + units) bytes, without the first. */
export const optionsHeader = (units: number): Buffer => Buffer.concat([u8(units), Buffer.alloc(6 + 8 * units)]);
/** Section 4.5, without the first byte: offset in units of eight bytes. */
export const fragmentHeader = (offset: number, more = false): Buffer =>
  Buffer.concat([u8(0), u16((offset << 3) | (more ? 1 : 0)), u32(7)]);
/** RFC 4302 section 2 with a check value of 12 bytes, without the first byte. */
export const authenticationHeader = (): Buffer => Buffer.concat([u8(4), Buffer.alloc(22)]);

const ETHERNET = Buffer.from("020000000002020000000001", "hex");
export const ETHER_IPV4 = 0x0800;
export const ETHER_IPV6 = 0x86dd;

/** tags: [EtherType of the tag, VLAN id], outermost first. */
export function ethernet(packet: Buffer, etherType = ETHER_IPV4, tags: [type: number, vlan: number][] = []): Buffer {
  return Buffer.concat([ETHERNET, ...tags.flatMap(([type, vlan]) => [u16(type), u16(vlan)]), u16(etherType), packet]);
}

/** A UDP datagram over IPv4 in Ethernet: the usual frame. */
export function frame(payload: Buffer, ends: Ends = ENDS): Buffer {
  return ethernet(ipv4(udp(payload, ends), ends));
}

export interface Packet {
  bytes: Buffer;
  timeNs: bigint;
  /** Bytes that are kept of it; all if absent. */
  captured?: number;
}

export const START_NS = 1_700_000_000_000_000_000n;

/** Frames one after the other, `gapMs` apart. */
export function paced(frames: Buffer[], gapMs = 20): Packet[] {
  return frames.map((bytes, i) => ({ bytes, timeNs: START_NS + BigInt(Math.round(i * gapMs * 1e6)) }));
}

export interface PcapOptions {
  linkType?: number;
  nanoseconds?: boolean;
  bigEndian?: boolean;
  modified?: boolean;
}

/** Writers of integers in either byte order. */
function writers(bigEndian: boolean) {
  const swap = (bytes: Buffer): Buffer => (bigEndian ? bytes : Buffer.from(bytes).reverse());
  return { w16: (n: number): Buffer => swap(u16(n)), w32: (n: number): Buffer => swap(u32(n)) };
}

/** draft-ietf-opsawg-pcap. */
export function pcap(packets: Packet[], options: PcapOptions = {}): Buffer {
  const { linkType = 1, nanoseconds = true, bigEndian = false, modified = false } = options;
  const { w16, w32 } = writers(bigEndian);
  const magic = modified ? 0xa1b2cd34 : nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const unitNs = modified || !nanoseconds ? 1000n : 1n;
  const records = packets.map(({ bytes, timeNs, captured = bytes.length }) =>
    Buffer.concat([
      w32(Number(timeNs / 1_000_000_000n)),
      w32(Number((timeNs % 1_000_000_000n) / unitNs)),
      w32(captured),
      w32(bytes.length),
      Buffer.alloc(modified ? 8 : 0),
      bytes.subarray(0, captured),
    ]),
  );
  return Buffer.concat([w32(magic), w16(2), w16(4), w32(0), w32(0), w32(262_144), w32(linkType), ...records]);
}

/** draft-ietf-opsawg-pcapng: blocks in one byte order. */
export function pcapngWriter(bigEndian: boolean) {
  const { w16, w32 } = writers(bigEndian);
  const padding = (size: number): Buffer => Buffer.alloc(-size & 3);
  const block = (type: number, ...body: Buffer[]): Buffer => {
    const content = Buffer.concat(body);
    const size = w32(12 + content.length + (-content.length & 3));
    return Buffer.concat([w32(type), size, content, padding(content.length), size]);
  };
  const option = (code: number, value: Buffer): Buffer =>
    Buffer.concat([w16(code), w16(value.length), value, padding(value.length)]);
  const time = (units: bigint): Buffer => Buffer.concat([w32(Number(units >> 32n)), w32(Number(units & 0xffff_ffffn))]);
  return {
    w16,
    w32,
    block,
    option,
    section: (): Buffer => block(0x0a0d0d0a, w32(0x1a2b3c4d), w16(1), w16(0), w32(0xffff_ffff), w32(0xffff_ffff)),
    /** options are bytes of options, without the one that ends them. */
    interface: (linkType: number, options: Buffer = Buffer.alloc(0), snapLength = 0): Buffer =>
      block(1, w16(linkType), w16(0), w32(snapLength), options, w32(0)),
    packet: (bytes: Buffer, units: bigint, interfaceId = 0, captured = bytes.length): Buffer =>
      block(6, w32(interfaceId), time(units), w32(captured), w32(bytes.length), bytes.subarray(0, captured)),
    oldPacket: (bytes: Buffer, units: bigint, interfaceId = 0): Buffer =>
      block(2, w16(interfaceId), w16(0), time(units), w32(bytes.length), w32(bytes.length), bytes),
    simplePacket: (bytes: Buffer): Buffer => block(3, w32(bytes.length), bytes),
  };
}
