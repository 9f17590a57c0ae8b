// SPDX-License-Identifier: MIT
/**
 * What the depth probe measured of a stream, in names and seconds. Pure. framesReceived, framesSent, framesPerSecond, mid,
 * and audioLevel are the W3C's, as far as packets tell them; all else but some of LossStats is ours. Totals are since the probe first saw the stream. What was not measured is absent.
 */

import type { DepthRecord } from "./depthrecord.js";
import { driftPpm } from "./drift.js";
import { type LossStats, lossStats } from "./loss.js";
import { quantile } from "./quantile.js";

/** Gaps of 200 ms or more between two packets in order, by cause; and their sums, in seconds. */
interface GapStats {
  /** The sender's clock went on: it had nothing to send (DTX, a muted track). */
  pauseGaps?: number;
  pauseGapDuration?: number;
  /** Packets are missing. */
  outageGaps?: number;
  outageGapDuration?: number;
  /** Late, and by abs-send-time sent late; sent in time; or nothing tells which. */
  lateSenderGaps?: number;
  lateSenderGapDuration?: number;
  lateNetworkGaps?: number;
  lateNetworkGapDuration?: number;
  lateGaps?: number;
  lateGapDuration?: number;
}

interface FrameStats {
  /** Of video: distinct timestamps in order, whether or not all packets of the frame came. */
  framesReceived?: number;
  framesSent?: number;
  /** Over the interval. */
  framesPerSecond?: number;
  packetsPerFrame?: number;
  bytesPerFrame?: number;
  maxPacketsPerFrame?: number;
  maxBytesPerFrame?: number;
  /** Between the first packets of frames; seconds, and seconds². The W3C's are of frames as they are rendered. */
  totalFrameInterval?: number;
  totalSquaredFrameInterval?: number;
  /** The W3C's rule for freezes, on intervals between first packets; seconds. */
  frameFreezes?: number;
  totalFrameFreezesDuration?: number;
  /** Intervals of more than 5 s; seconds. */
  framePauses?: number;
  totalFramePausesDuration?: number;
  /** Frames whose AV1 dependency descriptor brought a new structure, as key frames do. */
  keyFrameHints?: number;
}

interface ExtensionStats {
  /** Linear, 0 to 1, of the latest packet; what the sender says (RFC 6464). */
  audioLevel?: number;
  /** 1 while the voice bit of the latest packet is set, else 0. */
  voiceActivity?: number;
  packetsWithVoice?: number;
  /** Sum of level² × duration over the packets with a level, and their duration; seconds. */
  totalAudioEnergyEstimate?: number;
  totalAudioLevelDuration?: number;
  /** Seconds; as jitter, by abs-send-time: what the network did, without what the sender did. */
  transitVariation?: number;
  /** Constant text in an extension; absent where several ids carry one, for one may be a rid. */
  mid?: string;
  /** Packets whose extensions are encrypted (RFC 9335). */
  packetsWithEncryptedExtensions?: number;
  /** Of all streams of the 5-tuple and direction, by the transport-wide sequence number; the same on each of them. */
  transportPacketsExpected?: number;
  transportPacketsLost?: number;
}

export interface DepthStats extends GapStats, FrameStats, ExtensionStats, LossStats {
  /** Longest time between two packets, in order of arrival; seconds. */
  maxInterarrivalTime?: number;
  /** Quantiles of |D| (RFC 3550 A.8) between frames over the interval, within an eighth of themselves or 16 µs; seconds. */
  delayVariationP50?: number;
  delayVariationP95?: number;
  delayVariationP99?: number;
  /** How fast the sender's RTP clock is against this host's; parts per million. */
  clockDriftPpm?: number;
}

/** What a conversion needs beside the record. */
export interface DepthContext {
  direction: "in" | "out" | "unknown";
  /** Hz, 0 = not known. */
  clockRate: number;
  /** Since the previous sample; milliseconds. */
  intervalMs: number;
  /** The stream's packets and payload bytes since `before`, or since its begin if the probe saw that; else absent. */
  packets?: number;
  bytes?: number;
}

const VIDEO_RATE = 90_000;

const GAP_KINDS = ["pauseGap", "outageGap", "lateSenderGap", "lateNetworkGap", "lateGap"] as const;

const BY_TIMESTAMP = [
  "delayVariationP50",
  "delayVariationP95",
  "delayVariationP99",
  "clockDriftPpm",
  "lossBurstDuration",
  "lossGapDuration",
  "framesReceived",
  "framesSent",
  "framesPerSecond",
  "packetsPerFrame",
  "bytesPerFrame",
  "maxPacketsPerFrame",
  "maxBytesPerFrame",
  "totalFrameInterval",
  "totalSquaredFrameInterval",
  "frameFreezes",
  "totalFrameFreezesDuration",
  "framePauses",
  "totalFramePausesDuration",
  "keyFrameHints",
] as const;

function gapStats({ gaps, gapNs }: DepthRecord): GapStats {
  return Object.fromEntries(
    GAP_KINDS.flatMap((kind, i) => [
      [`${kind}s`, gaps[i] as number],
      [`${kind}Duration`, (gapNs[i] as number) / 1e9],
    ]),
  );
}

function variationStats({ variation }: DepthRecord, before: DepthRecord | undefined): DepthStats {
  const counts = variation.map((count, i) => count - (before?.variation[i] ?? 0));
  if (counts.every((count) => count === 0)) return {};
  return {
    delayVariationP50: quantile(counts, 0.5),
    delayVariationP95: quantile(counts, 0.95),
    delayVariationP99: quantile(counts, 0.99),
  };
}

function frameStats(record: DepthRecord, before: DepthRecord | undefined, context: DepthContext): FrameStats {
  const { direction, clockRate, intervalMs, packets, bytes } = context;
  if (clockRate !== VIDEO_RATE) return {};
  const frames = record.frames - (before?.frames ?? 0);
  return {
    [direction === "out" ? "framesSent" : "framesReceived"]: record.frames,
    ...(before && intervalMs > 0 ? { framesPerSecond: (frames * 1000) / intervalMs } : {}),
    ...(frames > 0 && packets !== undefined ? { packetsPerFrame: packets / frames } : {}),
    ...(frames > 0 && bytes !== undefined ? { bytesPerFrame: bytes / frames } : {}),
    maxPacketsPerFrame: record.framePacketsMax,
    maxBytesPerFrame: record.frameBytesMax,
    totalFrameInterval: record.frameIntervalUs / 1e6,
    totalSquaredFrameInterval: (record.frameIntervalSquares * 1024) / 1e12,
    frameFreezes: record.freezes,
    totalFrameFreezesDuration: record.freezeUs / 1e6,
    framePauses: record.pauses,
    totalFramePausesDuration: record.pauseUs / 1e6,
    ...(record.frameId === 0 ? {} : { keyFrameHints: record.keyFrames }),
  };
}

/** RFC 6464: -dBov; 127 is digital silence. */
function linearLevel(byte: number): number {
  const level = byte & 127;
  return level === 127 ? 0 : 10 ** (-level / 20);
}

function levelStats(record: DepthRecord, { clockRate }: DepthContext): ExtensionStats {
  if (record.levelId === 0 || record.levels === 0 || clockRate === 0) return {};
  return {
    audioLevel: linearLevel(record.level),
    voiceActivity: record.level >> 7,
    packetsWithVoice: record.voices,
    totalAudioEnergyEstimate: record.energyQ28 / 2 ** 28 / clockRate,
    totalAudioLevelDuration: record.levelTicks / clockRate,
  };
}

function transportStats(record: DepthRecord): ExtensionStats {
  if (record.transportId === 0) return {};
  const expected = record.transportExpectedBefore + record.transportMaxSeq - record.transportBaseSeq + 1;
  const unique = record.transportPackets - record.transportDuplicated - record.transportStray;
  return {
    transportPacketsExpected: expected,
    transportPacketsLost: Math.max(0, expected - unique - record.transportContended),
  };
}

function isOneBit(bits: number): boolean {
  return bits !== 0 && (bits & (bits - 1)) === 0;
}

function extensionStats(record: DepthRecord, context: DepthContext): ExtensionStats {
  const received = context.direction !== "out";
  return {
    ...levelStats(record, context),
    ...(received && record.sendTimeId !== 0 ? { transitVariation: record.transitVariationNsQ8 / 256 / 1e9 } : {}),
    ...(isOneBit(record.textIds) ? { mid: String.fromCharCode(...record.text.filter((code) => code !== 0)) } : {}),
    ...(record.encrypted > 0 ? { packetsWithEncryptedExtensions: record.encrypted } : {}),
    ...(received ? transportStats(record) : {}),
  };
}

/** Stats of one stream's depth. `before` is its record at the previous sample. */
export function depthStats(record: DepthRecord, before: DepthRecord | undefined, context: DepthContext): DepthStats {
  if (record.packets < 2) return {};
  const hasClock = context.clockRate !== 0;
  const drift = hasClock ? driftPpm(record) : undefined;
  return {
    maxInterarrivalTime: record.gapMaxNs / 1e9,
    ...(context.direction === "out" ? {} : lossStats(record, before, hasClock)),
    ...(hasClock ? { ...gapStats(record), ...variationStats(record, before) } : {}),
    ...(drift === undefined ? {} : { clockDriftPpm: drift }),
    ...frameStats(record, before, context),
    ...extensionStats(record, context),
  };
}

/** What is measured by RTP timestamps says nothing of a stream that repeats those of others. */
export function clearDepthTiming(clear: (name: keyof DepthStats) => void): void {
  for (const kind of GAP_KINDS) {
    clear(`${kind}s`);
    clear(`${kind}Duration`);
  }
  for (const name of BY_TIMESTAMP) clear(name);
}
