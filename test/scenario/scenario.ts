// SPDX-License-Identifier: MIT
/** A capture made from a seed, and what must be found in it. */
import { CaptureWriter } from "../capturewriter.js";
import { NOISES } from "../noise.js";
import type { Ends } from "../packets.js";
import { Random } from "../random.js";
import type { Source } from "./conversation.js";
import { anyConditions, CLEAN, deliver } from "./network.js";
import { Relay, type Way } from "./relay.js";
import {
  AUDIO_CODECS,
  audioPackets,
  type Codec,
  OPUS,
  restarted,
  retransmissions,
  type SentPacket,
  VIDEO,
  videoPackets,
} from "./sender.js";
import type { SourceTruth } from "./sources.js";
import { type HeaderOptions, Transport } from "./transport.js";
import type { PairTruth, ServerTruth, StreamTruth } from "./truth.js";

export interface Scenario {
  capture: Buffer;
  /** Our address. */
  local: string;
  streams: StreamTruth[];
  pairs: PairTruth[];
  servers: ServerTruth[];
  sources: SourceTruth[];
  datagrams: number;
  rtcp: number;
  srtcp: number;
  dtls: number;
  stun: number;
  turn: number;
  noise: number;
}

const RTX_TYPE = 97;
const FPS = [15, 25, 30, 60];
const WAYS = ["channel", "bound channel", "indications"] as const;
const EXTENSIONS = ["none", "one-byte", "two-byte"] as const;

/** Makes one capture; the methods are the parts that it may have. */
class Maker {
  readonly transports: Transport[] = [];
  readonly #ipv6: boolean;
  #port = 10_000;

  constructor(readonly random: Random) {
    this.#ipv6 = random.happens(0.1);
  }

  get local(): string {
    return this.#ipv6 ? "2001:db8::2" : "198.51.100.2";
  }

  /** And one more beside it, for RTCP. */
  #nextPort(): number {
    this.#port += 2;
    return this.#port;
  }

  transport(way?: Way): Transport {
    const ends: Ends = {
      src: this.#ipv6 ? "2001:db8::77" : "192.0.2.77",
      srcPort: way === undefined ? this.#nextPort() : 3478,
      dst: this.local,
      dstPort: this.#nextPort(),
    };
    const relay = way === undefined ? undefined : new Relay(way, this.random, this.#ipv6);
    const transport = new Transport(ends, relay, this.random);
    this.transports.push(transport);
    return transport;
  }

  #headers(): HeaderOptions {
    const { random } = this;
    return { csrcs: random.pick([0, 0, 0, 1, 3, 15]), extension: random.pick(EXTENSIONS) };
  }

  #span(): { fromMs: number; toMs: number } {
    const fromMs = this.random.between(0, 1500);
    return { fromMs, toMs: fromMs + this.random.between(4500, 7500) };
  }

  /** Sent, impaired and put on the transport. Returns what was sent, and what of it was lost. */
  #play(transport: Transport, codec: Codec, packets: SentPacket[], outbound: boolean, ssrc = this.random.next()) {
    const { random } = this;
    const sent = random.happens(0.15) ? restarted(random, packets) : packets;
    const { arrivals, lost } = deliver(random, sent, anyConditions(random));
    transport.addStream(codec, arrivals, { ...this.#headers(), ssrc, outbound, isRepair: false });
    return { ssrc, sent, lost };
  }

  audio(transport: Transport, codec: Codec, outbound = false, ssrc?: number): number {
    const { random } = this;
    const options = { ...this.#span(), dtx: random.happens(0.4), ptime: random.pick([10, 20, 20, 20, 30, 60]) };
    return this.#play(transport, codec, audioPackets(random, codec, options), outbound, ssrc).ssrc;
  }

  /** Video, and beside it its retransmissions: of what was lost, and of some that were not. */
  video(transport: Transport, outbound = false): number {
    const { random } = this;
    const options = { ...this.#span(), fps: random.pick(FPS), packetsPerFrame: random.between(1, 5) };
    const { ssrc, sent, lost } = this.#play(transport, VIDEO, videoPackets(random, VIDEO, options), outbound);
    const again = [...lost, ...sent.filter(() => random.happens(0.03))];
    const { arrivals } = deliver(random, retransmissions(random, again, RTX_TYPE), { ...CLEAN, loss: 0.02 });
    transport.addStream(VIDEO, arrivals, {
      csrcs: 0,
      extension: random.pick(EXTENSIONS),
      ssrc: random.next(),
      outbound,
      isRepair: true,
    });
    return ssrc;
  }

  /** Three layers of one payload type, of which the larger ones pause. */
  simulcast(transport: Transport, outbound: boolean): void {
    const { random } = this;
    const span = this.#span();
    const fps = random.pick(FPS);
    for (const packetsPerFrame of [1, 2, 4]) {
      const fromMs = span.fromMs + random.between(500, 2500);
      const pause = { fromMs, toMs: fromMs + random.between(500, 3500) };
      const options = { ...span, fps, packetsPerFrame, ...(packetsPerFrame > 1 ? { pause } : {}) };
      this.#play(transport, VIDEO, videoPackets(random, VIDEO, options), outbound);
    }
  }

  /** What is on a transport of WebRTC beside media. */
  control(transport: Transport, media: { theirs: Source; ours?: Source }, isEncrypted: boolean): void {
    if (transport.relay !== undefined && transport.relay.way !== "channel") transport.addServer(0, 7000);
    if (isEncrypted) transport.addEncryptedReports(media.theirs.ssrc, 500, 6000);
    else transport.addConversation(media, { fromMs: 500, toMs: 6500 });
    if (isEncrypted) transport.addHandshake(100);
    if (this.random.happens(0.8)) transport.addChecks(0, 7000);
  }

  noise(transport: Transport, kinds: readonly string[]): void {
    transport.addNoise(this.random.pick(kinds), this.random.between(20, 150), 0, 7000);
  }

  finish(): Scenario {
    const { transports } = this;
    const datagrams = transports.flatMap((transport) => transport.datagrams).sort((a, b) => a.ns - b.ns);
    const writer = new CaptureWriter();
    for (const { ends, bytes, ns, size } of datagrams) writer.add(ends, bytes, ns, size);
    const sum = (name: "rtcp" | "srtcp" | "dtls" | "noise"): number => transports.reduce((n, t) => n + t[name], 0);
    const streams = transports.flatMap((transport) => transport.streams);
    const servers = transports.flatMap(({ server }) => server ?? []);
    const turn = servers.reduce((n, server) => n + server.datagrams, 0);
    const media = streams.reduce((n, { packets }) => n + packets, 0);
    const [rtcp, srtcp, dtls, noise] = [sum("rtcp"), sum("srtcp"), sum("dtls"), sum("noise")];
    return {
      capture: Buffer.from(writer.take()),
      local: this.local,
      streams,
      pairs: transports.flatMap(({ pair }) => pair ?? []),
      servers,
      sources: transports.flatMap(({ sources }) => sources),
      datagrams: datagrams.length,
      rtcp,
      srtcp,
      dtls,
      noise,
      turn,
      stun: datagrams.length - media - rtcp - srtcp - dtls - noise - turn,
    };
  }
}

const NOISE_KINDS = Object.keys(NOISES).filter((kind) => kind !== "two DNS answers");

/** Two or three calls and noise, some seven seconds of each. */
export function makeScenario(seed: number): Scenario {
  const random = new Random(seed);
  const maker = new Maker(random);
  const bundle = maker.transport(random.happens(0.4) ? random.pick(WAYS) : undefined);
  const isEncrypted = random.happens(0.7);
  const ssrc = maker.audio(bundle, OPUS);
  maker.video(bundle, random.happens(0.2));
  if (random.happens(0.3)) maker.simulcast(bundle, random.happens(0.5));
  if (random.happens(0.4)) maker.audio(bundle, OPUS, true);
  maker.control(bundle, { theirs: { ssrc, clockRate: OPUS.clockRate } }, isEncrypted);

  const plain = maker.transport();
  const codec = random.pick(AUDIO_CODECS);
  const { clockRate } = codec;
  const theirs = { ssrc: maker.audio(plain, codec), clockRate };
  const ours = random.happens(0.5) ? { ours: { ssrc: maker.audio(plain, codec, true), clockRate } } : {};
  maker.control(plain, { theirs, ...ours }, !isEncrypted);
  // The same SSRC on another 5-tuple, and at the same time in the other direction of the first.
  if (random.happens(0.3)) maker.audio(maker.transport(), random.pick(AUDIO_CODECS), random.happens(0.5), ssrc);
  if (random.happens(0.2)) maker.audio(bundle, OPUS, true, ssrc);

  maker.noise(maker.transport(), NOISE_KINDS);
  maker.noise(maker.transport(), NOISE_KINDS);
  maker.noise(plain, ["random bytes behind RTP's version", "random bytes"]);
  return maker.finish();
}
