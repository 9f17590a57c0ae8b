// SPDX-License-Identifier: MIT
/**
 * The ends of a call through a real TURN server, each a process of its own: `relayed.ts PLAN`. The client allocates, sends media in Send
 * indications, then in a channel, and checks of ICE in both; the peer answers each packet with one of its own. The client says what it
 * sent and received each way, and how long its transactions took by its own clock.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs } from "../../demo/clock.js";
import { type Place, readOrders, tell } from "../../demo/messages.js";
import { attribute, rtp, stun, USERNAME, u32 } from "../packets.js";
import {
  ALLOCATE,
  CREATE_PERMISSION,
  channelBind,
  DATA,
  inChannel,
  indication,
  peerAddress,
  REFRESH,
  SEND,
} from "../turn.js";

export interface RelayedPlan {
  local: Place;
  /** Of its media, and the bytes of each packet behind the header. */
  ssrc: number;
  payload: number;
  /** Of the client: the server, who is behind it, and the channel to him. */
  asks?: { server: Place; peer: Place; channel: number };
}

/** Packets of media by how they came or went. */
export interface Ways {
  indications: number;
  channel: number;
}

export interface RelayedReport {
  sent: Ways;
  received: Ways;
  /** Of TURN transactions and of checks through the relay, nanoseconds. */
  turnTrips: number[];
  checkTrips: number[];
}

const PACKETS = 100;
const PACE_MS = 10;
const PATIENCE_MS = 5000;
const SETTLE_MS = 300;
/** RFC 8656 section 18.7: UDP. */
const REQUESTED_TRANSPORT = attribute(0x0019, Buffer.from([17, 0, 0, 0]));
/** Section 18.2: a lifetime of ten minutes. */
const LIFETIME = attribute(0x000d, u32(600));

const isMedia = (bytes: Buffer): boolean => bytes[0] === 0x80;

const { local, ssrc, payload, asks } = JSON.parse(process.argv[2] ?? "") as RelayedPlan;
const media = (n: number): Buffer => rtp({ seq: n, timestamp: n * PACE_MS * 8, ssrc, payloadType: 0, payload });
const socket = createSocket("udp4").bind(local.port, local.address);
await once(socket, "listening");

/** Answers media by media, and a check by its success. */
function answerAll(): void {
  let sent = 0;
  socket.on("message", (bytes: Buffer, from: RemoteInfo) => {
    const answer = isMedia(bytes) ? media(sent++) : stun(0x0101, bytes.readUInt32BE(16));
    socket.send(answer, from.port, from.address);
  });
}

class Client {
  readonly report: RelayedReport = {
    sent: { indications: 0, channel: 0 },
    received: { indications: 0, channel: 0 },
    turnTrips: [],
    checkTrips: [],
  };
  #id = 1;
  readonly #waiting = new Map<number, (now: number) => void>();

  constructor(readonly asks: { server: Place; peer: Place; channel: number }) {
    socket.on("message", (bytes: Buffer) => this.#hear(bytes));
  }

  #send(bytes: Buffer): void {
    const { port, address } = this.asks.server;
    socket.send(bytes, port, address);
  }

  #hear(bytes: Buffer): void {
    const now = monotonicNs();
    if (bytes[0] === this.asks.channel >> 8) this.#hearInside(bytes.subarray(4), "channel", now);
    else if (bytes.readUInt16BE(0) === DATA) this.#hearInside(dataOf(bytes), "indications", now);
    else this.#waiting.get(bytes.readUInt32BE(16))?.(now);
  }

  #hearInside(bytes: Buffer, way: keyof Ways, now: number): void {
    if (isMedia(bytes)) this.report.received[way]++;
    else this.#waiting.get(bytes.readUInt32BE(16))?.(now);
  }

  /** Sends what `make` makes of an id, and resolves to how long the answer took. */
  async #ask(make: (id: number) => Buffer): Promise<number> {
    const id = this.#id++;
    const begin = monotonicNs();
    const answered = new Promise<number>((resolve) => this.#waiting.set(id, (now) => resolve(now - begin)));
    this.#send(make(id));
    const late = sleep(PATIENCE_MS).then(() => Promise.reject(new Error(`no answer to ${id}`)));
    return Promise.race([answered, late]);
  }

  async #askServer(make: (id: number) => Buffer): Promise<void> {
    this.report.turnTrips.push(await this.#ask(make));
  }

  async #play(way: keyof Ways): Promise<void> {
    const { peer, channel } = this.asks;
    const wrap = (bytes: Buffer): Buffer =>
      way === "channel" ? inChannel(channel, bytes) : indication(SEND, this.#id++, bytes, peer);
    for (let n = 0; n < PACKETS; n++) {
      this.#send(wrap(media(this.report.sent.indications + this.report.sent.channel)));
      this.report.sent[way]++;
      await sleep(PACE_MS);
    }
    this.report.checkTrips.push(await this.#ask((id) => wrap(stun(0x0001, id, USERNAME))));
  }

  async call(): Promise<void> {
    const { peer, channel } = this.asks;
    await this.#askServer((id) => stun(ALLOCATE, id, REQUESTED_TRANSPORT));
    await this.#askServer((id) => stun(CREATE_PERMISSION, id, peerAddress(peer, id)));
    await this.#play("indications");
    await this.#askServer((id) => channelBind(id, channel, peer));
    await this.#play("channel");
    await this.#askServer((id) => stun(REFRESH, id, LIFETIME));
    await sleep(SETTLE_MS);
  }
}

/** RFC 8489 section 14: what the DATA attribute holds. */
function dataOf(message: Buffer): Buffer {
  for (let at = 20; at + 4 <= message.length; ) {
    const size = message.readUInt16BE(at + 2);
    if (message.readUInt16BE(at) === 0x0013) return message.subarray(at + 4, at + 4 + size);
    at += 4 + size + (-size & 3);
  }
  throw new Error("an indication without data");
}

if (asks) {
  const client = new Client(asks);
  readOrders(() => void client.call().then(() => tell(client.report)));
} else {
  answerAll();
  readOrders(() => {});
}
tell({ ready: true });
