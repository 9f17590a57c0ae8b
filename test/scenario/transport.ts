// SPDX-License-Identifier: MIT
/** One 5-tuple and what it carries: streams, checks of ICE, RTCP and DTLS, as datagrams with their times. */
import { NOISE_BYTES, NOISES } from "../noise.js";
import { type Ends, reversed, rtp, stun, USERNAME, u16, u32 } from "../packets.js";
import { type Random, RandomBytes } from "../random.js";
import type { Arrival } from "./network.js";
import type { Codec } from "./sender.js";
import { type PairSideTruth, type PairTruth, type StreamTruth, streamTruth } from "./truth.js";

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

export class Transport {
  readonly datagrams: Datagram[] = [];
  readonly streams: StreamTruth[] = [];
  pair: PairTruth | undefined;
  rtcp = 0;
  srtcp = 0;
  dtls = 0;
  noise = 0;
  #transportNumber = 0;
  #stunId = 1;
  readonly #bytes: RandomBytes;

  /** @param ends - from the peer to us */
  constructor(
    readonly ends: Ends,
    readonly channel: number | undefined,
    readonly random: Random,
  ) {
    this.#bytes = new RandomBytes(random.next());
  }

  /** RFC 8656 section 12.4: over UDP the padding may be left out. */
  #add(ns: number, ends: Ends, bytes: Buffer, size: number): void {
    if (this.channel === undefined) {
      this.datagrams.push({ ns, ends, bytes, size });
      return;
    }
    const header = Buffer.concat([u16(this.channel), u16(size)]);
    const padding = this.random.happens(0.5) ? -size & 3 : 0;
    this.datagrams.push({ ns, ends, bytes: Buffer.concat([header, bytes]), size: 4 + size + padding });
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
    const ends = outbound ? reversed(this.ends) : this.ends;
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
      this.#add(ns, ends, bytes, bytes.length + sent.payload);
      return { ...arrival, headerBytes: bytes.length };
    });
    this.streams.push(streamTruth({ ssrc, ends, outbound, channel: this.channel, isRepair }, codec, counted));
  }

  /** Checks of both ends, some answered late, twice, with an error or never, some sent again before the answer. */
  addChecks(fromMs: number, toMs: number): void {
    const out = reversed(this.ends);
    const tripNs = () => this.random.between(1_000_000, 300_000_000);
    const turnNs = () => this.random.between(20_000, 3_000_000);
    this.pair = {
      ends: out,
      ours: this.#checks(out, fromMs, toMs, tripNs),
      theirs: this.#checks(this.ends, fromMs, toMs, turnNs),
    };
  }

  #checks(from: Ends, fromMs: number, toMs: number, answerNs: () => number): PairSideTruth {
    const { random } = this;
    const side = { requests: 0, retransmissions: 0, responses: 0, roundTrips: 0, totalNs: 0, lastNs: 0 };
    const trips: [atNs: number, tripNs: number][] = [];
    const send = (ns: number, ends: Ends, type: number, id: number): void => {
      const bytes = type === 0x0001 ? stun(type, id, USERNAME) : stun(type, id);
      this.#add(ns, ends, bytes, bytes.length);
    };
    for (let ms = fromMs; ms < toMs; ms += random.between(100, 900)) {
      const [id, ns, trip] = [this.#stunId++, ms * NS_PER_MS, answerNs()];
      const isRepeated = random.happens(0.15);
      const type = random.happens(0.05) ? 0x0111 : 0x0101;
      send(ns, from, 0x0001, id);
      side.requests++;
      if (isRepeated) {
        send(ns + (trip >> 1), from, 0x0001, id);
        side.retransmissions++;
      }
      if (random.happens(0.1)) continue; // lost
      send(ns + trip, reversed(from), type, id);
      if (random.happens(0.1)) send(ns + trip + 5000, reversed(from), type, id);
      if (type !== 0x0101) continue;
      side.responses++;
      if (!isRepeated) trips.push([ns + trip, trip]);
    }
    const times = trips.sort(([a], [b]) => a - b).map(([, trip]) => trip);
    const totalNs = times.reduce((sum, ns) => sum + ns, 0);
    return {
      ...side,
      roundTrips: times.length,
      totalNs,
      lastNs: times.at(-1) ?? 0,
      minNs: Math.min(...times),
      maxNs: Math.max(...times),
    };
  }

  /** Sender reports, once a second: RFC 3550 section 6.4.1 with SDES, or RFC 3711 section 3.4 with a tag of 80 bits. */
  addReports(ssrc: number, fromMs: number, toMs: number, isEncrypted: boolean): void {
    const header = Buffer.concat([Buffer.from([0x80, 200]), u16(6), u32(ssrc)]);
    const name = Buffer.from([0x81, 202, 0, 3, ...u32(ssrc), 1, 4, ...Buffer.from("seed"), 0, 0]);
    let index = 0;
    for (let ms = fromMs + 500; ms < toMs; ms += 1000) {
      const info = this.#bytes.take(20);
      const bytes = isEncrypted
        ? Buffer.concat([header, info, u32(0x8000_0000 + index++), this.#bytes.take(10)])
        : Buffer.concat([header, info, name]);
      this.#add(ms * NS_PER_MS, this.ends, bytes, bytes.length);
      if (isEncrypted) this.srtcp++;
      else this.rtcp++;
    }
  }

  /** Whole records of a handshake (RFC 6347 section 4.1). */
  addHandshake(fromMs: number): void {
    for (let i = 0; i < 6; i++) {
      const body = this.#bytes.take(90);
      const bytes = Buffer.concat([Buffer.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, i]), u16(body.length), body]);
      this.#add((fromMs + 30 * i) * NS_PER_MS, i % 2 ? this.ends : reversed(this.ends), bytes, bytes.length);
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
      this.datagrams.push({ ns, ends: i % 2 ? this.ends : reversed(this.ends), bytes: bytes.subarray(0, size), size });
      this.noise++;
    }
  }
}
