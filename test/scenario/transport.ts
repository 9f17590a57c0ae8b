// SPDX-License-Identifier: MIT
/** One 5-tuple and what it carries: streams, checks of ICE, RTCP and DTLS, as datagrams with their times. */
import { NOISE_BYTES, NOISES } from "../noise.js";
import { type Ends, reversed, rtcp, rtp, stun, USERNAME, u16, u32 } from "../packets.js";
import { type Random, RandomBytes } from "../random.js";
import { ALLOCATE, CREATE_PERMISSION, channelBind, REFRESH } from "../turn.js";
import { Conversation, type Source } from "./conversation.js";
import type { Arrival } from "./network.js";
import type { Relay, Via } from "./relay.js";
import type { Codec, Span } from "./sender.js";
import { countPacket, newSource, type SourceTruth } from "./sources.js";
import { type PairSideTruth, type PairTruth, type ServerTruth, type StreamTruth, streamTruth } from "./truth.js";

export interface Datagram {
  ns: number;
  ends: Ends;
  bytes: Buffer;
  /** Of the payload; `bytes` are the first of it. */
  size: number;
}

export interface HeaderOptions {
  csrcs: number;
  /** RFC 8285. */
  extension: "none" | "one-byte" | "two-byte";
}

export interface StreamOptions extends HeaderOptions {
  ssrc: number;
  outbound: boolean;
  isRepair: boolean;
}

const NS_PER_MS = 1e6;
const NS_PER_S = 1e9;
/** Ids as Chromium numbers them, and what is in them: RFC 6464, abs-send-time, transport-wide number, RFC 8843. */
const AUDIO_LEVEL = 1;
const ABS_SEND_TIME = 3;
const TRANSPORT_NUMBER = 5;
const MID = 4;
/** Packets that carry the mid. */
const MID_PACKETS = 10;
const TWO_BYTE = 0x1000;

function elements(list: readonly [id: number, value: Buffer][], isTwoByte: boolean): Buffer {
  const bytes = list.map(([id, value]) =>
    Buffer.concat([Buffer.from(isTwoByte ? [id, value.length] : [(id << 4) | (value.length - 1)]), value]),
  );
  const size = bytes.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([...bytes, Buffer.alloc(-size & 3)]);
}

/** Of round trips with the times at which they ended. */
function tripsTruth(trips: [atNs: number, tripNs: number][]) {
  const times = trips.sort(([a], [b]) => a - b).map(([, trip]) => trip);
  return {
    roundTrips: times.length,
    totalNs: times.reduce((sum, ns) => sum + ns, 0),
    lastNs: times.at(-1) ?? 0,
    minNs: Math.min(...times),
    maxNs: Math.max(...times),
  };
}

const nextPorts = (ends: Ends): Ends => ({ ...ends, srcPort: ends.srcPort + 1, dstPort: ends.dstPort + 1 });

export class Transport {
  readonly datagrams: Datagram[] = [];
  readonly streams: StreamTruth[] = [];
  readonly sources: SourceTruth[] = [];
  pair: PairTruth | undefined;
  server: ServerTruth | undefined;
  rtcp = 0;
  srtcp = 0;
  dtls = 0;
  noise = 0;
  #transportNumber = 0;
  #stunId = 1;
  readonly #back: Ends;
  readonly #bytes: RandomBytes;

  /** @param ends - from the peer, or from the relay that it is behind, to us */
  constructor(
    readonly ends: Ends,
    readonly relay: Relay | undefined,
    readonly random: Random,
  ) {
    this.#back = reversed(ends);
    this.#bytes = new RandomBytes(random.next());
  }

  get via(): Via {
    return this.relay?.via(this.ends) ?? {};
  }

  #add(ns: number, isOurs: boolean, bytes: Buffer, size = bytes.length): void {
    const ends = isOurs ? this.#back : this.ends;
    this.datagrams.push({ ns, ends, ...(this.relay?.wrap(isOurs, bytes, size) ?? { bytes, size }) });
  }

  #extension({ ns, sent }: Arrival, place: number, { extension }: HeaderOptions) {
    if (extension === "none") return {};
    const isTwoByte = extension === "two-byte";
    const sentTime = Math.round((sent.ns / NS_PER_S) * 2 ** 18) & 0xffffff;
    const list: [number, Buffer][] = [
      [AUDIO_LEVEL, Buffer.from([ns & 0x7f])],
      [ABS_SEND_TIME, u32(sentTime).subarray(1)],
      [TRANSPORT_NUMBER, u16(this.#transportNumber++)],
      ...(place < MID_PACKETS ? [[MID, Buffer.from("0")] as [number, Buffer]] : []),
    ];
    return { extension: elements(list, isTwoByte), ...(isTwoByte ? { profile: TWO_BYTE } : {}) };
  }

  /** A stream as it arrives; one of so few packets that nobody can be sure of it is left out. */
  addStream(codec: Codec, arrivals: Arrival[], options: StreamOptions): void {
    const { ssrc, outbound, isRepair } = options;
    if (new Set(arrivals.map(({ sent }) => sent.number)).size < 6) return;
    // While it is in probation, a stream that is silent for a second may lose its slot to another (STREAM_STALE_MS).
    if (arrivals.slice(1, 6).some(({ ns }, i) => ns - (arrivals[i]?.ns ?? 0) > 900 * NS_PER_MS)) return;
    const ends = outbound ? this.#back : this.ends;
    const counted = arrivals.map((arrival, i) => {
      const { sent, ns } = arrival;
      const bytes = rtp({
        seq: sent.number,
        timestamp: sent.timestamp,
        ssrc,
        payloadType: sent.payloadType,
        marker: sent.marker,
        csrcs: options.csrcs,
        ...this.#extension(arrival, i, options),
        payload: 0,
      });
      this.#add(ns, outbound, bytes, bytes.length + sent.payload);
      return { ...arrival, headerBytes: bytes.length };
    });
    this.streams.push(streamTruth({ ssrc, ends, outbound, via: this.via, isRepair }, codec, counted));
  }

  /** Checks of both ends, some answered late, twice, with an error or never, some sent again before the answer. */
  addChecks(fromMs: number, toMs: number): void {
    const tripNs = () => this.random.between(1_000_000, 300_000_000);
    const turnNs = () => this.random.between(20_000, 3_000_000);
    // Of a peer whose channel was seen bound, and of one without a channel, the pair is the peer's.
    const { turnChannel, ...named } = this.via;
    this.pair = {
      ends: this.#back,
      via: named.turnPeer === undefined ? this.via : named,
      ours: this.#checks(true, fromMs, toMs, tripNs),
      theirs: this.#checks(false, fromMs, toMs, turnNs),
    };
  }

  #checks(isOurs: boolean, fromMs: number, toMs: number, answerNs: () => number): PairSideTruth {
    const { random } = this;
    const side = { requests: 0, retransmissions: 0, responses: 0 };
    const trips: [atNs: number, tripNs: number][] = [];
    const send = (ns: number, fromUs: boolean, type: number, id: number): void =>
      this.#add(ns, fromUs, type === 0x0001 ? stun(type, id, USERNAME) : stun(type, id));
    for (let ms = fromMs; ms < toMs; ms += random.between(100, 900)) {
      const [id, ns, trip] = [this.#stunId++, ms * NS_PER_MS, answerNs()];
      const isRepeated = random.happens(0.15);
      const type = random.happens(0.05) ? 0x0111 : 0x0101;
      send(ns, isOurs, 0x0001, id);
      side.requests++;
      if (isRepeated) {
        send(ns + (trip >> 1), isOurs, 0x0001, id);
        side.retransmissions++;
      }
      if (random.happens(0.1)) continue; // lost
      send(ns + trip, !isOurs, type, id);
      if (random.happens(0.1)) send(ns + trip + 5000, !isOurs, type, id);
      if (type !== 0x0101) continue;
      side.responses++;
      if (!isRepeated) trips.push([ns + trip, trip]);
    }
    return { ...side, ...tripsTruth(trips) };
  }

  /**
   * RFC 8656: an allocation that first asks for credentials, what the relay needs for the way, and refreshes. The request that binds the
   * channel is the first of all, so that what goes through it is the peer's from its beginning.
   */
  addServer(fromMs: number, toMs: number): void {
    const { random, relay } = this;
    if (relay === undefined) return;
    const side = { requests: 0, retransmissions: 0, responses: 0 };
    const trips: [atNs: number, tripNs: number][] = [];
    const server = { datagrams: 0, errors: 0 };
    const send = (ns: number, ends: Ends, bytes: Buffer): void => {
      this.datagrams.push({ ns, ends, bytes, size: bytes.length });
      server.datagrams++;
    };
    const ask = (ns: number, request: Buffer, isRefused = false): void => {
      const tripNs = random.between(1_000_000, 90_000_000);
      const answer = Buffer.from(request.subarray(0, 20));
      answer.writeUInt16BE(request.readUInt16BE(0) | (isRefused ? 0x0110 : 0x0100), 0);
      answer.writeUInt16BE(0, 2);
      const isRepeated = random.happens(0.1);
      send(ns, this.#back, request);
      if (isRepeated) send(ns + (tripNs >> 1), this.#back, request);
      send(ns + tripNs, this.ends, answer);
      side.requests++;
      side.retransmissions += isRepeated ? 1 : 0;
      server.errors += isRefused ? 1 : 0;
      side.responses += isRefused ? 0 : 1;
      if (!isRefused && !isRepeated) trips.push([ns + tripNs, tripNs]);
    };
    const begin = fromMs * NS_PER_MS;
    if (relay.way === "bound channel") ask(begin, channelBind(this.#stunId++, relay.channel, relay.peer));
    ask(begin, stun(ALLOCATE, this.#stunId++), true);
    ask(begin + 100 * NS_PER_MS, stun(ALLOCATE, this.#stunId++));
    ask(begin + 200 * NS_PER_MS, stun(CREATE_PERMISSION, this.#stunId++));
    for (let ms = fromMs + 400; ms < toMs; ms += random.between(400, 2000)) {
      ask(ms * NS_PER_MS, stun(REFRESH, this.#stunId++));
    }
    this.server = { ends: this.#back, ...server, ours: { ...side, ...tripsTruth(trips) } };
  }

  /** RTCP in the clear: on the port of the media, or on the next (RFC 3550 section 11). */
  addConversation(media: { theirs: Source; ours?: Source }, span: Span): void {
    const conversation = new Conversation(this.random, media, span);
    const apart = this.relay === undefined && this.random.happens(0.4);
    const there = apart ? nextPorts(this.#back) : this.#back;
    for (const { ns, isOurs, packets } of conversation.compounds) {
      const bytes = Buffer.concat(packets.map((said) => said.bytes));
      if (apart) this.datagrams.push({ ns, ends: isOurs ? there : reversed(there), bytes, size: bytes.length });
      else this.#add(ns, isOurs, bytes);
      this.rtcp++;
    }
    const truths = conversation.truth(there, this.via);
    this.sources.push(...truths);
  }

  /** Sender reports of the peer, once a second, under SRTCP: RFC 3711 section 3.4 with a tag of 80 bits, or RFC 7714 section 9. */
  addEncryptedReports(ssrc: number, fromMs: number, toMs: number): void {
    const cipher = this.random.pick(["AES-CM", "AES-GCM"] as const);
    const source = newSource(ssrc, { ends: this.ends, via: this.via, isOurs: false, cipher });
    let index = this.random.between(0, 2 ** 31 - 100);
    for (let ms = fromMs + 500; ms < toMs; ms += 1000) {
      const word = u32(0x8000_0000 + index++);
      const tail = cipher === "AES-CM" ? [word, this.#bytes.take(10)] : [this.#bytes.take(16), word];
      this.#add(ms * NS_PER_MS, false, Buffer.concat([rtcp(200, 0, ssrc), this.#bytes.take(20), ...tail]));
      countPacket(source, "senderReports");
      source.datagrams++;
      this.srtcp++;
    }
    this.sources.push(source);
  }

  /** Whole records of a handshake (RFC 6347 section 4.1). */
  addHandshake(fromMs: number): void {
    for (let i = 0; i < 6; i++) {
      const body = this.#bytes.take(90);
      const bytes = Buffer.concat([Buffer.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, i]), u16(body.length), body]);
      this.#add((fromMs + 30 * i) * NS_PER_MS, i % 2 === 0, bytes);
      this.dtls++;
    }
  }

  addNoise(kind: string, count: number, fromMs: number, toMs: number): void {
    const noise = NOISES[kind];
    if (noise === undefined) throw new Error(`no such noise: ${kind}`);
    for (let i = 0; i < count; i++) {
      const bytes = this.#bytes.take(NOISE_BYTES);
      const size = noise(bytes, i);
      const ns = this.random.between(fromMs * NS_PER_MS, toMs * NS_PER_MS);
      this.datagrams.push({ ns, ends: i % 2 ? this.ends : this.#back, bytes: bytes.subarray(0, size), size });
      this.noise++;
    }
  }
}
