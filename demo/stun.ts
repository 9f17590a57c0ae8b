// SPDX-License-Identifier: MIT
/** STUN Binding as ICE uses it for connectivity and consent checks (RFC 8489, RFC 8445, RFC 7675). */
import { createHmac } from "node:crypto";
import { crc32 } from "node:zlib";

const COOKIE = 0x2112a442;
const REQUEST = 0x0001;
const SUCCESS = 0x0101;
const HEADER = 20;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const XOR_MAPPED_ADDRESS = 0x0020;
const PRIORITY = 0x0024;
const FINGERPRINT = 0x8028;
const ICE_CONTROLLING = 0x802a;

export interface StunMessage {
  kind: "request" | "success";
  /** Transaction id, 24 hexadecimal digits. */
  id: string;
}

function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** The message with a length that also counts `more` bytes still to come, as both checksums want it. */
function withLength(message: Buffer, more: number): Buffer {
  message.writeUInt16BE(message.length - HEADER + more, 2);
  return message;
}

function buildMessage(type: number, id: string, attributes: Buffer[], password: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type, 0);
  header.writeUInt32BE(COOKIE, 4);
  const plain = withLength(Buffer.concat([header, Buffer.from(id, "hex"), ...attributes]), 24);
  const integrity = createHmac("sha1", password).update(plain).digest();
  const signed = withLength(Buffer.concat([plain, attribute(MESSAGE_INTEGRITY, integrity)]), 8);
  return Buffer.concat([signed, attribute(FINGERPRINT, u32(crc32(signed) ^ 0x5354554e))]);
}

export function buildRequest(id: string, username: string, password: string): Buffer {
  const attributes = [
    attribute(USERNAME, Buffer.from(username)),
    attribute(ICE_CONTROLLING, Buffer.from(id.slice(0, 16), "hex")),
    attribute(PRIORITY, u32(0x6e7f1eff)),
  ];
  return buildMessage(REQUEST, id, attributes, password);
}

/** Success response to a request that came from an IPv4 address. */
export function buildResponse(id: string, address: string, port: number, password: string): Buffer {
  const mapped = Buffer.from([0, 1, 0, 0, ...address.split(".").map(Number)]);
  mapped.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  mapped.writeUInt32BE((mapped.readUInt32BE(4) ^ COOKIE) >>> 0, 4);
  return buildMessage(SUCCESS, id, [attribute(XOR_MAPPED_ADDRESS, mapped)], password);
}

/** Undefined if this is neither a Binding request nor a success response. */
export function parseStun(data: Buffer): StunMessage | undefined {
  if (data.length < HEADER || data.readUInt32BE(4) !== COOKIE) return undefined;
  const type = data.readUInt16BE(0);
  const id = data.toString("hex", 8, HEADER);
  if (type === REQUEST) return { kind: "request", id };
  return type === SUCCESS ? { kind: "success", id } : undefined;
}
