// SPDX-License-Identifier: MIT
/** TURN as bytes, from RFC 8656's own words. */
import { attribute, ipAddress, stun, u16, u32 } from "./packets.js";

export const [ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND] = [0x0003, 0x0004, 0x0008, 0x0009];
/** Methods and class of what carries data without a channel. */
export const [SEND, DATA] = [0x0016, 0x0017];

/** Who is behind a relay. */
export interface Peer {
  address: string;
  port: number;
}

/** As the stats say it. */
export const peerText = ({ address, port }: Peer): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

const COOKIE = u32(0x2112a442);
/** stun() has this transaction id. */
const idOf = (id: number): Buffer => Buffer.concat([u32(0), u32(0), u32(id)]);

const xor = (bytes: Buffer, key: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => byte ^ (key[i] as number)));

/** RFC 8489 section 14.2 as XOR-PEER-ADDRESS. */
export function peerAddress({ address, port }: Peer, id: number): Buffer {
  const family = address.includes(":") ? 2 : 1;
  const hidden = xor(ipAddress(address), Buffer.concat([COOKIE, idOf(id)]));
  return attribute(0x0012, Buffer.concat([u16(family), u16(port ^ 0x2112), hidden]));
}

/** Section 18: DATA. */
export const dataAttribute = (data: Buffer): Buffer => attribute(0x0013, data);

/** Sections 11.1 and 11.5: a Send or Data indication. */
export const indication = (type: number, id: number, data: Buffer, peer: Peer): Buffer =>
  stun(type, id, peerAddress(peer, id), dataAttribute(data));

/** Section 12.4: ChannelData. */
export const inChannel = (channel: number, data: Buffer): Buffer =>
  Buffer.concat([u16(channel), u16(data.length), data]);

/** Section 12.1: a ChannelBind request. */
export const channelBind = (id: number, channel: number, peer: Peer): Buffer =>
  stun(CHANNEL_BIND, id, attribute(0x000c, Buffer.concat([u16(channel), u16(0)])), peerAddress(peer, id));
