// SPDX-License-Identifier: MIT
/** RTCP packets as their words, each with what it says: RFC 3550 section 6, RFC 3611, RFC 4585, RFC 5104. */
import { rtcp } from "../packets.js";
import type { Random } from "../random.js";
import type { PacketKind } from "./sources.js";

/** One report block, and the round trip that it completes, as far as it does. */
export interface Block {
  about: number;
  fraction: number;
  lost: number;
  jitter: number;
  lsr: number;
  dlsr: number;
  answer: Answer;
}

/** The round trip in ns; or what is answered passed nowhere; or nothing is answered. */
export type Answer = number | "unknown" | "nothing";

/** RFC 3611 section 4.7, in its units. */
export interface VoipMetrics {
  about: number;
  lossRate: number;
  discardRate: number;
  burstDensity: number;
  gapDensity: number;
  burstMs: number;
  gapMs: number;
  roundTripMs: number;
  endSystemMs: number;
  /** 127: unavailable. */
  rFactor: number;
  mosListening: number;
  mosConversational: number;
  jitterBufferMs: number;
}

/** RFC 3550 section 6.4.1. */
export interface SenderInfo {
  /** Hz, of its timestamps. */
  clockRate: number;
  seconds: number;
  fraction: number;
  timestamp: number;
  packets: number;
  bytes: number;
}

/** One RTCP packet of a source. */
export interface Said {
  kind: PacketKind;
  bytes: Buffer;
  sender?: SenderInfo;
  blocks?: Block[];
  /** To the other end's reference times: RFC 3611 section 4.5. */
  delays?: Answer[];
  voip?: VoipMetrics;
  /** Whom NACK, PLI or FIR is about. */
  media?: number;
}

/** CNAME "seed", padded: RFC 3550 section 6.5.1. */
const CNAME = [0x0104_7365, 0x6564_0000];
const REMB = 0x5245_4d42;

export const sourceDescription = (ssrc: number): Said => ({
  kind: "sourceDescriptions",
  bytes: rtcp(202, 1, ssrc, ...CNAME),
});

export const goodbye = (ssrc: number): Said => ({ kind: "goodbyes", bytes: rtcp(203, 1, ssrc) });

/** One of each kind, about `media`. */
export const feedback = (random: Random, ssrc: number, media: number): Said[] => [
  { kind: "nacks", media, bytes: rtcp(205, 1, ssrc, media, random.next()) },
  { kind: "transportFeedbacks", bytes: rtcp(205, 15, ssrc, media, random.next(), random.next()) },
  { kind: "plis", media, bytes: rtcp(206, 1, ssrc, media) },
  { kind: "firs", media, bytes: rtcp(206, 4, ssrc, 0, media, random.next()) },
  { kind: "applicationFeedbacks", bytes: rtcp(206, 15, ssrc, 0, REMB, random.next()) },
  { kind: "otherPackets", bytes: rtcp(204, 3, ssrc, random.next(), random.next()) },
];

/** Blocks of one XR packet. */
export interface Extension {
  /** Sections 4.4 and 4.5 of RFC 3611: its own time, and what it answers to others'. */
  time?: [seconds: number, fraction: number];
  answers?: { about: number; last: number; delay: number; answer: Answer }[];
  voip?: VoipMetrics;
}

/** None if it has nothing to say. */
export function extendedReport(ssrc: number, { time, answers = [], voip }: Extension): Said[] {
  const entries = answers.flatMap((entry) => [entry.about, entry.last, entry.delay]);
  const words = [
    ...(time ? [(4 << 24) | 2, ...time] : []),
    ...(entries.length > 0 ? [(5 << 24) | entries.length, ...entries] : []),
    ...(voip ? [(7 << 24) | 8, voip.about, ...voipWords(voip)] : []),
  ];
  if (words.length === 0) return [];
  const said = { delays: answers.map(({ answer }) => answer), ...(voip ? { voip } : {}) };
  return [{ kind: "extendedReports", bytes: rtcp(207, 0, ssrc, ...words), ...said }];
}

const blockWords = ({ about, fraction, lost, jitter, lsr, dlsr }: Block): number[] => [
  about,
  ((fraction << 24) | (lost & 0xff_ffff)) >>> 0,
  70_000,
  jitter,
  lsr,
  dlsr,
];

export function senderReport(ssrc: number, sender: SenderInfo, blocks: Block[]): Said {
  const { seconds, fraction, timestamp, packets, bytes } = sender;
  const words = [ssrc, seconds, fraction, timestamp, packets, bytes, ...blocks.flatMap(blockWords)];
  return { kind: "senderReports", bytes: rtcp(200, blocks.length, ...words), sender, blocks };
}

export const receiverReport = (ssrc: number, blocks: Block[]): Said => ({
  kind: "receiverReports",
  bytes: rtcp(201, blocks.length, ssrc, ...blocks.flatMap(blockWords)),
  blocks,
});

export function anyVoipMetrics(random: Random, about: number): VoipMetrics {
  const byte = (): number => random.between(0, 255);
  const time = (): number => random.between(0, 65_535);
  const delay = (): number => Math.max(0, random.between(-20_000, 65_535));
  // Also such as no sender may say.
  const score = (most: number): number => (random.happens(0.2) ? 127 : random.between(0, most));
  return {
    about,
    lossRate: byte(),
    discardRate: byte(),
    burstDensity: byte(),
    gapDensity: byte(),
    burstMs: time(),
    gapMs: time(),
    roundTripMs: delay(),
    endSystemMs: delay(),
    rFactor: score(126),
    mosListening: score(60),
    mosConversational: score(60),
    jitterBufferMs: time(),
  };
}

const bytesWord = (a: number, b: number, c: number, d: number): number => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
const halvesWord = (a: number, b: number): number => ((a << 16) | b) >>> 0;

const voipWords = (metrics: VoipMetrics): number[] => [
  bytesWord(metrics.lossRate, metrics.discardRate, metrics.burstDensity, metrics.gapDensity),
  halvesWord(metrics.burstMs, metrics.gapMs),
  halvesWord(metrics.roundTripMs, metrics.endSystemMs),
  bytesWord(200, 190, 127, 16),
  bytesWord(metrics.rFactor, 127, metrics.mosListening, metrics.mosConversational),
  halvesWord(0, metrics.jitterBufferMs),
  halvesWord(80, 120),
];
