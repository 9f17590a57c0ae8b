// SPDX-License-Identifier: MIT
/** What the kernel counted of one call, second by second: which streams are its, and how far they came since. */
import { kindOfClock } from "../codec.js";
import type { CandidatePairStats, Endpoints, Sample, StreamStats } from "../stats.js";
import type { Call, Place } from "./call.js";

/** Packets of one kind and direction within an interval. */
export interface Traffic {
  packets: number;
  /** RTP payload; and RTP headers. */
  bytes: number;
  headerBytes: number;
  /** Inbound; may be negative where a late packet repays an earlier loss. */
  lost?: number;
  /** Seconds, at the end of the interval, of the stream with the most packets. */
  jitter?: number;
}

export const KINDS = ["audio", "video", "other"] as const;
export type Kind = (typeof KINDS)[number];
export type Side = Partial<Record<Kind, Traffic>>;

/** One interval of a call. */
export interface Row {
  /** Its end, milliseconds since the Unix epoch; and how long it is, milliseconds. */
  at: number;
  span: number;
  received: Side;
  sent: Side;
  /** Seconds: mean of the round trips measured within the interval. */
  roundTripTime?: number;
  /** Why the streams could not be told from those of others. */
  ambiguous?: string;
}

interface Members {
  streams: StreamStats[];
  pairs: CandidatePairStats[];
  ambiguous?: string;
}

/** A repair's packets are neither: what it loses is no media. */
function kindOf({ kind, clockRate, repairKind }: StreamStats): Kind {
  return (repairKind === undefined ? (kind ?? kindOfClock(clockRate)) : undefined) ?? "other";
}

function lastPacket(stream: StreamStats): number {
  return stream.type === "inbound-rtp" ? stream.lastPacketReceivedTimestamp : stream.lastPacketSentTimestamp;
}

/**
 * The streams and pairs of a call: those of its process. Without one, those of the only process that no other call has; where
 * several would fit, none, for a guess would accuse the wrong one.
 */
export function findMembers(sample: Sample, call: Call, active: readonly Call[]): Members {
  const streams = sample.streams.filter((stream) => lastPacket(stream) >= call.startedAt);
  if (call.pid !== undefined) {
    const { pid } = call;
    const shared = active.some((other) => other.id !== call.id && other.pid === pid);
    return {
      streams: streams.filter((stream) => stream.pid === pid),
      pairs: sample.candidatePairs.filter((pair) => pair.pid === pid),
      ...(shared ? { ambiguous: "its process is in another call, too: the numbers are of both" } : {}),
    };
  }
  const taken = new Set(active.map(({ pid }) => pid).filter((pid) => pid !== undefined));
  const free = streams.filter(({ pid }) => pid === undefined || !taken.has(pid));
  const owners = new Set(free.map(({ pid }) => pid));
  const rivals = active.filter((other) => other.id !== call.id && other.pid === undefined).length;
  if (owners.size > 1 || (rivals > 0 && free.length > 0)) {
    const why = rivals > 0 ? "several calls have no process" : "several processes hold media";
    return { streams: [], pairs: [], ambiguous: `${why}: start the call with its process id` };
  }
  const pairs = sample.candidatePairs.filter(({ pid }) => owners.has(pid));
  return { streams: free, pairs };
}

/** The pair of a sample, else the ends of its busiest stream, told from this host's side. */
export function findPlace({ streams, pairs }: Members): Place | undefined {
  const [pair] = pairs.toSorted(
    (a, b) => b.responsesReceived + b.responsesSent - a.responsesReceived - a.responsesSent,
  );
  const [stream] = streams.toSorted((a, b) => (b.packetsPerSecond ?? 0) - (a.packetsPerSecond ?? 0));
  const from = pair ?? stream;
  if (from === undefined) return undefined;
  const { srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, pid, comm, cgroup } = from;
  const ends = { srcAddress, srcPort, dstAddress, dstPort };
  const turned = { srcAddress: dstAddress, srcPort: dstPort, dstAddress: srcAddress, dstPort: srcPort };
  return {
    ...(from.type === "inbound-rtp" ? turned : ends),
    ...(turnChannel === undefined ? {} : { turnChannel }),
    ...(turnPeer === undefined || from.type !== "candidate-pair" ? {} : { turnPeer }),
    ...(pid === undefined ? {} : { pid }),
    ...(comm === undefined ? {} : { comm }),
    ...(cgroup === undefined ? {} : { cgroup }),
  };
}

type Counters = Required<Omit<Traffic, "jitter">>;

function countersOf(stream: StreamStats): Counters {
  if (stream.type === "inbound-rtp") {
    const { packetsReceived, bytesReceived, headerBytesReceived, packetsLost } = stream;
    return { packets: packetsReceived, bytes: bytesReceived, headerBytes: headerBytesReceived, lost: packetsLost };
  }
  return { packets: stream.packetsSent, bytes: stream.bytesSent, headerBytes: stream.headerBytesSent, lost: 0 };
}

function keyOf({
  type,
  srcAddress,
  srcPort,
  dstAddress,
  dstPort,
  turnChannel,
  turnPeer,
  pid,
}: Endpoints & { type: string; pid?: number }) {
  return `${type} ${srcAddress} ${srcPort} ${dstAddress} ${dstPort} ${turnChannel} ${turnPeer} ${pid}`;
}

/** Round trips of a pair: seconds of all, and how many. */
interface Trips {
  total: number;
  count: number;
}

function tripsOf({ totalRoundTripTime = 0, roundTripTimeMeasurements }: CandidatePairStats): Trips {
  return { total: totalRoundTripTime, count: roundTripTimeMeasurements };
}

const streamKey = (stream: StreamStats): string => `${stream.ssrc} ${keyOf(stream)}`;

/** What `all` has of it: also from when its process was not known yet. */
function earlierOf<Value, Stats extends { pid?: number }>(
  all: ReadonlyMap<string, Value>,
  keyFor: (stats: Stats) => string,
  stats: Stats,
): Value | undefined {
  const { pid: _, ...unowned } = stats;
  return all.get(keyFor(stats)) ?? all.get(keyFor(unowned as Stats));
}

/** How far all streams and pairs of a sample came, by name: one may become a call's later. */
interface Tally {
  streams: ReadonlyMap<string, Counters>;
  pairs: ReadonlyMap<string, Trips>;
}

/** All calls ask of the same sample. */
const tallies = new WeakMap<Sample, Tally>();

function tallyOf(sample: Sample): Tally {
  const known = tallies.get(sample);
  if (known) return known;
  const tally = {
    streams: new Map(sample.streams.map((stream) => [streamKey(stream), countersOf(stream)])),
    pairs: new Map(sample.candidatePairs.map((pair) => [keyOf(pair), tripsOf(pair)])),
  };
  tallies.set(sample, tally);
  return tally;
}

const NOTHING: Counters = { packets: 0, bytes: 0, headerBytes: 0, lost: 0 };
const NO_TRIPS: Trips = { total: 0, count: 0 };

function addUp(streams: readonly StreamStats[], type: StreamStats["type"], earlier: Tally): Side {
  const side: Side = {};
  const most: Partial<Record<Kind, number>> = {};
  for (const stream of streams) {
    if (stream.type !== type) continue;
    const now = countersOf(stream);
    const before = earlierOf(earlier.streams, streamKey, stream) ?? NOTHING;
    // Less than before: another stream of the same name.
    const base = now.packets < before.packets ? NOTHING : before;
    const packets = now.packets - base.packets;
    const kind = kindOf(stream);
    side[kind] ??= { packets: 0, bytes: 0, headerBytes: 0, ...(type === "inbound-rtp" ? { lost: 0 } : {}) };
    const traffic = side[kind];
    traffic.packets += packets;
    traffic.bytes += now.bytes - base.bytes;
    traffic.headerBytes += now.headerBytes - base.headerBytes;
    if (stream.type !== "inbound-rtp") continue;
    traffic.lost = (traffic.lost ?? 0) + now.lost - base.lost;
    if (stream.jitter === undefined || packets <= (most[kind] ?? 0)) continue;
    most[kind] = packets;
    traffic.jitter = stream.jitter;
  }
  return side;
}

function roundTripOf(pairs: readonly CandidatePairStats[], earlier: Tally): Pick<Row, "roundTripTime"> {
  let [total, count] = [0, 0];
  for (const pair of pairs) {
    const now = tripsOf(pair);
    const before = earlierOf(earlier.pairs, keyOf, pair) ?? NO_TRIPS;
    // Less than before: another pair of the same name.
    const base = now.count < before.count ? NO_TRIPS : before;
    total += now.total - base.total;
    count += now.count - base.count;
  }
  return count > 0 ? { roundTripTime: total / count } : {};
}

/** Kept from one sample to the next. */
export class Meter {
  #before: { at: number; tally: Tally } | undefined;

  /** The interval that ends with the sample; undefined for the first sample, which is where counting begins. */
  measure(sample: Sample, { streams, pairs, ambiguous }: Members): Row | undefined {
    const before = this.#before;
    this.#before = { at: sample.timestamp, tally: tallyOf(sample) };
    if (before === undefined) return undefined;
    return {
      at: sample.timestamp,
      span: sample.timestamp - before.at,
      received: addUp(streams, "inbound-rtp", before.tally),
      sent: addUp(streams, "outbound-rtp", before.tally),
      ...roundTripOf(pairs, before.tally),
      ...(ambiguous === undefined ? {} : { ambiguous }),
    };
  }
}

/** All kinds of one side together. */
export function sumSide(side: Side): Required<Omit<Traffic, "jitter">> {
  const sum = { packets: 0, bytes: 0, headerBytes: 0, lost: 0 };
  for (const kind of KINDS) {
    const traffic = side[kind];
    if (traffic === undefined) continue;
    sum.packets += traffic.packets;
    sum.bytes += traffic.bytes;
    sum.headerBytes += traffic.headerBytes;
    sum.lost += traffic.lost ?? 0;
  }
  return sum;
}
