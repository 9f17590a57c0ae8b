// SPDX-License-Identifier: MIT
/** What must be found of a stream and of a pair: from the schedule, never from bytes. */
import { countNumbers, jitters } from "../oracle.js";
import { type Ends, START_NS } from "../packets.js";
import type { Arrival } from "./network.js";
import type { Via } from "./relay.js";
import { type Codec, isDynamic } from "./sender.js";

export interface StreamTruth {
  ssrc: number;
  ends: Ends;
  outbound: boolean;
  via: Via;
  isRepair: boolean;
  isDynamic: boolean;
  clockRate: number;
  /** Of the last packet. */
  payloadType: number;
  packets: number;
  /** Of them; they are neither lost nor found again. */
  stray: number;
  lost: number;
  duplicated: number;
  reordered: number;
  bytes: number;
  headerBytes: number;
  /** Seconds; what they are once the clock rate is known. */
  jitter: number;
  jitterRfc3550: number;
  /** From the first to the last packet. */
  lastedMs: number;
}

/** Binding transactions of one end. Nanoseconds. */
export interface PairSideTruth {
  requests: number;
  retransmissions: number;
  responses: number;
  roundTrips: number;
  totalNs: number;
  lastNs: number;
  minNs: number;
  maxNs: number;
}

export interface PairTruth {
  /** From our end to the peer's. */
  ends: Ends;
  via: Via;
  ours: PairSideTruth;
  theirs: PairSideTruth;
}

/** Our transactions with a TURN server. */
export interface ServerTruth {
  /** From our end to the server. */
  ends: Ends;
  ours: PairSideTruth;
  errors: number;
  datagrams: number;
}

/** An arrival, and how many bytes of headers it had. */
export interface Counted extends Arrival {
  headerBytes: number;
}

export type StreamIdentity = Pick<StreamTruth, "ssrc" | "ends" | "outbound" | "via" | "isRepair">;

export function streamTruth(identity: StreamIdentity, codec: Codec, arrivals: Counted[]): StreamTruth {
  const regular = arrivals.filter(({ sent }) => !sent.isStray);
  const runs = [...new Set(regular.map(({ sent }) => sent.run))].map((run) =>
    countNumbers(regular.filter(({ sent }) => sent.run === run).map(({ sent }) => sent.number)),
  );
  const total = (name: keyof (typeof runs)[number]): number => runs.reduce((sum, counts) => sum + counts[name], 0);
  const { everyPacket, inOrder } = jitters(
    arrivals.map(({ sent, ns }) => ({ seq: 0, timestamp: sent.timestamp, timeNs: START_NS + BigInt(ns) })),
    codec.clockRate,
    arrivals.map(({ sent }) => sent.number),
    (i) => arrivals[i]?.sent.run !== arrivals[i - 1]?.sent.run,
    (i) => arrivals[i]?.sent.isStray === true,
  );
  const [first, last] = [arrivals[0] as Counted, arrivals.at(-1) as Counted];
  return {
    ...identity,
    isDynamic: isDynamic(codec),
    clockRate: codec.clockRate,
    payloadType: last.sent.payloadType,
    packets: arrivals.length,
    stray: arrivals.length - regular.length,
    lost: total("lost"),
    duplicated: total("duplicated"),
    reordered: total("reordered"),
    bytes: arrivals.reduce((sum, { sent }) => sum + sent.payload, 0),
    headerBytes: arrivals.reduce((sum, { headerBytes }) => sum + headerBytes, 0),
    jitter: inOrder,
    jitterRfc3550: everyPacket,
    lastedMs: (last.ns - first.ns) / 1e6,
  };
}
