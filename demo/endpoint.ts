// SPDX-License-Identifier: MIT
/**
 * One end of the call, a process of its own: `endpoint.ts PLAN`. Says that it is ready, sends media and consent checks
 * from the order "start" on, answers the other end's checks, and reports what it sent at the order "report".
 */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { monotonicNs, sleepUntil } from "./clock.js";
import { type MediaPacket, makeMedia, PAYLOAD_TYPES } from "./media.js";
import { type EndpointPlan, type EndpointReport, readOrders, type SentStream, tell } from "./messages.js";
import { type Random, randomBytes, randomInteger, seedRandom } from "./random.js";
import { buildRtp } from "./rtp.js";
import { buildRequest, buildResponse, parseStun } from "./stun.js";

const USERNAME = "6Hn1:kZx7";
const PASSWORD = "a-demo-has-no-secrets-24";

class Endpoint {
  readonly #plan: EndpointPlan;
  readonly #socket: Socket;
  readonly #random: Random;
  readonly #report: EndpointReport = { streams: [], requests: [], datagrams: 0 };
  #transportSequence = 0;

  constructor(plan: EndpointPlan) {
    this.#plan = plan;
    this.#socket = createSocket("udp4");
    this.#random = seedRandom(plan.seed);
  }

  async open(): Promise<void> {
    const { local, remote } = this.#plan;
    this.#socket.bind(local.port, local.address);
    await once(this.#socket, "listening");
    this.#socket.connect(remote.port, remote.address);
    await once(this.#socket, "connect");
    this.#socket.on("message", (data) => this.#answer(data));
  }

  report(): EndpointReport {
    return this.#report;
  }

  async send(): Promise<void> {
    const start = monotonicNs() / 1e6;
    const streams = this.#plan.streams.map((stream) => this.#sendStream(start, stream));
    await Promise.all([...streams, this.#sendChecks(start)]);
  }

  #send(datagram: Buffer): void {
    this.#report.datagrams++;
    this.#socket.send(datagram);
  }

  async #sendStream(start: number, stream: EndpointPlan["streams"][number]): Promise<void> {
    const random = seedRandom(this.#plan.seed + stream.ssrc);
    const sent: SentStream = { ...stream, packets: 0, bytes: 0, headerBytes: 0 };
    const firstSequence = randomInteger(random, 0, 65_535);
    const firstTimestamp = randomInteger(random, 0, 2 ** 32 - 1);
    this.#report.streams.push(sent);
    for (const packet of makeMedia(stream.kind, random)) {
      if (packet.at >= this.#plan.seconds * 1000) return;
      if (start + packet.at > monotonicNs() / 1e6) await sleepUntil(start + packet.at);
      this.#sendPacket(packet, sent, firstSequence, firstTimestamp, random);
    }
  }

  #sendPacket(packet: MediaPacket, sent: SentStream, sequence: number, timestamp: number, random: Random): void {
    const { marker, size, audioLevel } = packet;
    const { datagram, headerBytes } = buildRtp(
      {
        payloadType: PAYLOAD_TYPES[sent.kind],
        marker,
        sequence: sequence + sent.packets,
        timestamp: timestamp + packet.timestamp,
        ssrc: sent.ssrc,
        ...(audioLevel === undefined ? {} : { audioLevel }),
        sendTime: monotonicNs() / 1e9,
        transportSequence: this.#transportSequence++,
        size,
      },
      random,
    );
    sent.packets++;
    sent.headerBytes += headerBytes;
    sent.bytes += datagram.length - headerBytes;
    this.#send(datagram);
  }

  /** RFC 7675 section 5.1: each interval is drawn between 0.8 and 1.2 of its mean. */
  async #sendChecks(start: number): Promise<void> {
    const end = start + this.#plan.seconds * 1000;
    for (let at = start; at < end; at += this.#plan.consentInterval * (0.8 + 0.4 * this.#random())) {
      await sleepUntil(at);
      const id = randomBytes(this.#random, 12).toString("hex");
      const request = buildRequest(id, USERNAME, PASSWORD);
      this.#report.requests.push([id, monotonicNs()]);
      this.#send(request);
    }
  }

  #answer(data: Buffer): void {
    const message = parseStun(data);
    if (message?.kind !== "request") return;
    const { address, port } = this.#plan.remote;
    this.#send(buildResponse(message.id, address, port, PASSWORD));
  }
}

const endpoint = new Endpoint(JSON.parse(process.argv[2] ?? "") as EndpointPlan);
await endpoint.open();
readOrders((order) => {
  if (order === "report") tell(endpoint.report());
  else void endpoint.send().then(() => tell({ done: true }));
});
tell({ ready: true });
