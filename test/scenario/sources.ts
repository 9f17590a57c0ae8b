// SPDX-License-Identifier: MIT
/** What must be found of a source of cleartext RTCP: from what was said, in the order in which it passed the hook. */
import type { Ends } from "../packets.js";
import type { Via } from "./relay.js";
import type { Answer, Block, SenderInfo, VoipMetrics } from "./reports.js";

/** RTCP by what it is for, in the names of src/rtcp.ts. */
export const PACKET_KINDS = [
  "senderReports",
  "receiverReports",
  "sourceDescriptions",
  "goodbyes",
  "nacks",
  "plis",
  "firs",
  "transportFeedbacks",
  "applicationFeedbacks",
  "extendedReports",
  "otherPackets",
] as const;
export type PacketKind = (typeof PACKET_KINDS)[number];

/** Where a source is. */
export interface Place {
  /** From its end to the other. */
  ends: Ends;
  via: Via;
  isOurs: boolean;
  /** Of SRTCP, of which only types are seen. */
  cipher?: "AES-CM" | "AES-GCM";
}

export interface SourceTruth extends Place {
  ssrc: number;
  /** Whose first packet it said. */
  datagrams: number;
  packets: Record<PacketKind, number>;
  /** Its latest report. */
  sender?: SenderInfo;
  /** Hz; absent unless its reports are so far apart that the slope of their timestamps is known. */
  clockRate?: number;
  firstNtpSeconds: number;
  /** The latest report about it. */
  block?: Block;
  mentions: number;
  /** What answered its sender reports, and how it answered the other end's reference times */
  bySenderReport: Answer[];
  byReferenceTime: Answer[];
  voip?: VoipMetrics;
  /** What it was asked for. */
  feedback: { nackCount: number; pliCount: number; firCount: number };
}

/** Those of which the wire says whom they are about. */
const ASKS = { nacks: "nackCount", plis: "pliCount", firs: "firCount" } as const;

export function newSource(ssrc: number, place: Place): SourceTruth {
  const packets = Object.fromEntries(PACKET_KINDS.map((kind) => [kind, 0])) as Record<PacketKind, number>;
  const counts = { datagrams: 0, packets, mentions: 0, firstNtpSeconds: 0 };
  return {
    ssrc,
    ...place,
    ...counts,
    bySenderReport: [],
    byReferenceTime: [],
    feedback: { nackCount: 0, pliCount: 0, firCount: 0 },
  };
}

export function countPacket(source: SourceTruth, kind: PacketKind): void {
  source.packets[kind]++;
}

export function tellFeedback(about: SourceTruth, kind: PacketKind): void {
  const name = kind === "nacks" || kind === "plis" || kind === "firs" ? ASKS[kind] : undefined;
  if (name !== undefined) about.feedback[name]++;
}

const ntpSeconds = ({ seconds, fraction }: SenderInfo): number => seconds + fraction / 2 ** 32;

export function tellSender(source: SourceTruth, sender: SenderInfo): void {
  source.sender = sender;
  if (sender.seconds === 0) return;
  source.firstNtpSeconds ||= ntpSeconds(sender);
  if (ntpSeconds(sender) - source.firstNtpSeconds >= 1) source.clockRate = sender.clockRate;
}

/** A round trip ends once, though the network may repeat the answer; what nobody saw asked stays unknown each time. */
export function tellAnswer(answers: Answer[], answer: Answer, isRepeated: boolean): void {
  if (!isRepeated || answer === "unknown") answers.push(answer);
}

export function tellBlock(source: SourceTruth, block: Block, isRepeated: boolean): void {
  source.block = block;
  source.mentions++;
  tellAnswer(source.bySenderReport, block.answer, isRepeated);
}
