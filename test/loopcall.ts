// SPDX-License-Identifier: MIT
/**
 * A call on the loopback, in one process: one socket sends RTP of known gaps and STUN Binding requests, another receives and
 * answers. Prints what it did as one line of JSON, when all is done.
 */
import { randomBytes } from "node:crypto";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoopCall {
  ssrc: number;
  packets: number;
  lost: number;
  bytes: number;
  requests: number;
  datagrams: number;
  sender: number;
  receiver: number;
}

const PACKETS = 250;
const PACE_MS = 10;
/** PCMU: 8000 Hz by RFC 3551, so nothing has to be inferred. */
const PAYLOAD_TYPE = 0;
const TICKS = (8_000 * PACE_MS) / 1_000;
const PAYLOAD = 80;
const LOSE_EVERY = 10;
const ASK_EVERY = 20;
const ANSWER_AFTER_MS = 5;
const SSRC = 0xc0ffee;
const MAGIC_COOKIE = 0x2112a442;
/** What makes a request a check of ICE (RFC 8445). */
const USERNAME = Buffer.from("00060004613a6262", "hex");
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;

function rtp(n: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x8000 | PAYLOAD_TYPE, 0);
  header.writeUInt16BE((65_500 + n) & 0xffff, 2);
  header.writeUInt32BE(n * TICKS, 4);
  header.writeUInt32BE(SSRC, 8);
  return Buffer.concat([header, randomBytes(PAYLOAD)]);
}

function stun(type: number, transaction: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(USERNAME.length, 2);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  return Buffer.concat([header, transaction, USERNAME]);
}

async function bind(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

const [sender, receiver] = [await bind(), await bind()];
let received = 0;
receiver.on("message", async (message: Buffer, from: RemoteInfo) => {
  received++;
  if (message.readUInt16BE(0) !== BINDING_REQUEST) return;
  await sleep(ANSWER_AFTER_MS);
  receiver.send(stun(BINDING_SUCCESS, message.subarray(8, 20)), from.port, from.address);
});
let answered = 0;
sender.on("message", () => answered++);

const to = receiver.address().port;
let packets = 0;
let requests = 0;
for (let n = 0; n < PACKETS; n++) {
  // Never the first nor the last: nobody could miss those.
  if (n % LOSE_EVERY !== LOSE_EVERY / 2) {
    sender.send(rtp(n), to, "127.0.0.1");
    packets++;
  }
  if (n % ASK_EVERY === 0) {
    sender.send(stun(BINDING_REQUEST, randomBytes(12)), to, "127.0.0.1");
    requests++;
  }
  await sleep(PACE_MS);
}
while (received < packets + requests || answered < requests) await sleep(PACE_MS);
const done: LoopCall = {
  ssrc: SSRC,
  packets,
  lost: PACKETS - packets,
  bytes: packets * PAYLOAD,
  requests,
  // Each is seen twice, by the sender's socket and by the receiver's.
  datagrams: 2 * (packets + 2 * requests),
  sender: sender.address().port,
  receiver: to,
};
console.log(JSON.stringify(done));
// The sockets stay open while the probe takes its next samples: whoever started this ends it.
