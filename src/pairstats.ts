// SPDX-License-Identifier: MIT
/**
 * Pair records into stats, in seconds. W3C names where meaning and unit are the same (RTCIceCandidatePairStats; iceRole,
 * dtlsRole, dtlsState and selectedCandidatePairChanges are of its RTCTransportStats); the others are ours. What was not
 * measured is absent.
 */
import { quantileNs } from "./histogram.js";
import { PAIR_TRAITS, type PairRecord } from "./native.js";
import { type Endpoints, endpoints, type Owner, type StatsContext } from "./origin.js";

export type RttSource = "stun" | "daily";

/**
 * A live pair's latest round trip is current for so long, in milliseconds: checks of consent come every 5 s (RFC 7675 5.1),
 * and two of them may be lost. What Daily says of a window without checks comes later than that.
 */
export const ROUND_TRIP_CURRENT_MS = 15_000;
/** RFC 7675 section 5.1: consent expires so long after the latest valid response; milliseconds. */
const CONSENT_MS = 30_000;

/** STUN transactions between two ends, told from the source's. */
interface TransactionStats extends Endpoints, Owner {
  timestamp: number;
  /** Requests of the source end: transactions, without retransmissions (W3C). */
  requestsSent: number;
  responsesReceived: number;
  /** Requests of the other end, retransmissions included (W3C). */
  requestsReceived: number;
  responsesSent: number;
  retransmissionsSent: number;
  /** Ours: transactions without any response for 5 s, or until eight more had begun; a late answer takes it back. */
  requestsUnanswered: number;
  /** Seconds; the latest, while it is current, and the sum over responsesReceived less the retransmitted (Karn). */
  currentRoundTripTime?: number;
  totalRoundTripTime?: number;
  /** Ours: how many round trips the total is of, and the extremes since the beginning; seconds. */
  roundTripTimeMeasurements: number;
  minRoundTripTime?: number;
  maxRoundTripTime?: number;
  /** Ours: quantiles since the beginning, at most 6.25 % off; seconds. */
  medianRoundTripTime?: number;
  p95RoundTripTime?: number;
  p99RoundTripTime?: number;
  /** Ours: how long this end took for its latest answer, for all of them, and quantiles as above; seconds. */
  responseDelay?: number;
  totalResponseDelay?: number;
  maxResponseDelay?: number;
  medianResponseDelay?: number;
  p95ResponseDelay?: number;
  /** Ours: the latest STUN datagram of either end; milliseconds since the Unix epoch. The W3C's times leave STUN out. */
  lastStunTimestamp: number;
}

export interface CandidatePairStats extends TransactionStats {
  type: "candidate-pair";
  /** Ours: who measured the round trip: this host's STUN checks, or Daily's client where there are none. */
  rttSource?: RttSource;
  /** Whether the pair was seen to be nominated: a request with USE-CANDIDATE was answered. Absent if that was not seen. */
  nominated?: true;
  /** Requests of the source end since then (RFC 7675). */
  consentRequestsSent?: number;
  /** Ours: 30 s went by since the latest valid response, though a request followed it. */
  consentExpired?: boolean;
  /** What the source end said it is, or the opposite of what the other end did. */
  iceRole?: "controlling" | "controlled";
  /** Of the source end, by who sent the ClientHello. */
  dtlsRole?: "client" | "server";
  /** "connected" once both ends were seen to have the keys. */
  dtlsState?: "connecting" | "connected";
  /** Ours: when the first ClientHello passed; milliseconds since the Unix epoch. */
  dtlsClientHelloTimestamp?: number;
  /** Ours: from then to the first record under the new keys of who finishes last; milliseconds. */
  dtlsHandshakeMs?: number;
  /** Of the pair that carries the media: how often that was another pair before. */
  selectedCandidatePairChanges?: number;
}

/** Ours: the way to a STUN or TURN server that was asked, which is no pair of candidates. */
export interface IceServerStats extends TransactionStats {
  type: "ice-server";
  serverKind: "stun" | "turn";
  /** Error responses: TURN's first answer asks for credentials. They give no round trip. */
  errorResponsesReceived: number;
}

/** One end's half of a pair record: its fields by the names without the end's. */
const SIDE_FIELDS = [
  "Requests",
  "Retransmissions",
  "Responses",
  "Errors",
  "Unanswered",
  "ConsentRequests",
  "Role",
  "RoundTrips",
  "RoundTripTotalNs",
  "RoundTripLastNs",
  "RoundTripMinNs",
  "RoundTripMaxNs",
  "RoundTripHistogram",
  "RequestMs",
  "ResponseMs",
] as const;
type Side = { [Field in (typeof SIDE_FIELDS)[number]]: PairRecord[`first${Field}`] };

const FIRST_FIELDS = SIDE_FIELDS.map((field) => [field, `first${field}`] as const);
const SECOND_FIELDS = SIDE_FIELDS.map((field) => [field, `second${field}`] as const);

function sideOf(record: PairRecord, fields: readonly (readonly [keyof Side, keyof PairRecord])[]): Side {
  const side: Record<string, unknown> = {};
  for (const [name, field] of fields) side[name] = record[field];
  return side as Side;
}

/**
 * In a capture nobody may have said which end is ours. The end next to the capture answers fast, so its own requests take
 * longer to come back than those it answers; an end that alone sends requests is the one with a round trip to show.
 */
function secondIsLocal(first: Side, second: Side): boolean {
  if (second.RoundTrips === 0) return false;
  if (first.RoundTrips === 0) return true;
  return second.RoundTripTotalNs / second.RoundTrips > first.RoundTripTotalNs / first.RoundTrips;
}

const seconds = (ns: number): number => ns / 1e9;

/** In seconds, no less and no more than was measured. */
function quantile(side: Side, share: number): number {
  const ns = quantileNs(side.RoundTripHistogram, share) ?? side.RoundTripLastNs;
  return seconds(Math.min(Math.max(ns, side.RoundTripMinNs), side.RoundTripMaxNs));
}

function roundTripStats(ours: Side) {
  if (ours.RoundTrips === 0) return {};
  return {
    currentRoundTripTime: seconds(ours.RoundTripLastNs),
    totalRoundTripTime: seconds(ours.RoundTripTotalNs),
    minRoundTripTime: seconds(ours.RoundTripMinNs),
    maxRoundTripTime: seconds(ours.RoundTripMaxNs),
    medianRoundTripTime: quantile(ours, 0.5),
    p95RoundTripTime: quantile(ours, 0.95),
    p99RoundTripTime: quantile(ours, 0.99),
  };
}

function responseStats(theirs: Side) {
  if (theirs.RoundTrips === 0) return {};
  return {
    responseDelay: seconds(theirs.RoundTripLastNs),
    totalResponseDelay: seconds(theirs.RoundTripTotalNs),
    maxResponseDelay: seconds(theirs.RoundTripMaxNs),
    medianResponseDelay: quantile(theirs, 0.5),
    p95ResponseDelay: quantile(theirs, 0.95),
  };
}

/** A record told from this host's end, or in a capture from the end the capture is next to. */
interface Told {
  ours: Side;
  theirs: Side;
  isSwapped: boolean;
  common: TransactionStats;
}

function tell(record: PairRecord, { origin, owner, atMs, epochMs }: StatsContext): Told {
  const [first, second] = [sideOf(record, FIRST_FIELDS), sideOf(record, SECOND_FIELDS)];
  const isSwapped = origin.direction === "unknown" && secondIsLocal(first, second);
  const [ours, theirs] = isSwapped ? [second, first] : [first, second];
  const ends = endpoints(origin);
  const { srcAddress, srcPort, dstAddress, dstPort } = ends;
  const swapped = { srcAddress: dstAddress, srcPort: dstPort, dstAddress: srcAddress, dstPort: srcPort };
  const common = {
    timestamp: epochMs,
    ...ends,
    ...(isSwapped ? swapped : {}),
    ...owner,
    requestsSent: ours.Requests,
    responsesReceived: ours.Responses,
    requestsReceived: theirs.Requests + theirs.Retransmissions,
    responsesSent: theirs.Responses,
    retransmissionsSent: ours.Retransmissions,
    requestsUnanswered: ours.Unanswered,
    roundTripTimeMeasurements: ours.RoundTrips,
    ...roundTripStats(ours),
    ...responseStats(theirs),
    lastStunTimestamp: epochMs - atMs + record.lastMs,
  };
  return { ours, theirs, isSwapped, common };
}

const ROLES = [undefined, "controlling", "controlled"] as const;

function iceStats({ traits }: PairRecord, { ours, theirs }: Told, atMs: number) {
  const iceRole = ROLES[ours.Role] ?? ROLES[3 - theirs.Role];
  const isNominated = (traits & PAIR_TRAITS.nominated) !== 0;
  const isExpired = ours.RequestMs > ours.ResponseMs && atMs - ours.ResponseMs > CONSENT_MS;
  return {
    ...(iceRole === undefined ? {} : { iceRole }),
    ...(isNominated ? { nominated: true as const, consentRequestsSent: ours.ConsentRequests } : {}),
    ...(isNominated && ours.Responses > 0 && ours.ConsentRequests > 0 ? { consentExpired: isExpired } : {}),
  };
}

/**
 * In DTLS 1.2 the server's Finished is the last of a handshake, in 1.3 the client's (RFC 6347 section 4.2.4, RFC 9147 section 5.7); it is
 * the first record of its sender under the new keys.
 */
function dtlsStats(record: PairRecord, { isSwapped }: Told, { atMs, epochMs }: StatsContext) {
  const { traits, helloMs, firstProtectedMs, secondProtectedMs } = record;
  if ((traits & (PAIR_TRAITS.dtlsFirst | PAIR_TRAITS.dtlsSecond)) === 0) return {};
  const firstIsClient = (traits & PAIR_TRAITS.dtlsFirst) !== 0;
  const [clientMs, serverMs] = firstIsClient
    ? [firstProtectedMs, secondProtectedMs]
    : [secondProtectedMs, firstProtectedMs];
  const endMs = (traits & PAIR_TRAITS.dtlsUnified) !== 0 ? clientMs : serverMs;
  return {
    dtlsRole: firstIsClient === isSwapped ? ("server" as const) : ("client" as const),
    dtlsState: endMs > 0 ? ("connected" as const) : ("connecting" as const),
    dtlsClientHelloTimestamp: epochMs - atMs + helloMs,
    ...(endMs > 0 ? { dtlsHandshakeMs: endMs - helloMs } : {}),
  };
}

/** What a record is of; undefined if it only says who is behind a relay. */
export function pairType(record: PairRecord, isRelayed: boolean): "candidate-pair" | "ice-server" | undefined {
  const { traits } = record;
  if (traits & PAIR_TRAITS.ice) return "candidate-pair";
  if (traits & (PAIR_TRAITS.server | PAIR_TRAITS.turn)) return "ice-server";
  return isRelayed ? undefined : "candidate-pair";
}

/** Stats of one pair. */
export function candidatePairStats(record: PairRecord, context: StatsContext): CandidatePairStats {
  const told = tell(record, context);
  return {
    type: "candidate-pair",
    ...told.common,
    ...(told.ours.RoundTrips > 0 ? { rttSource: "stun" as const } : {}),
    ...iceStats(record, told, context.atMs),
    ...dtlsStats(record, told, context),
  };
}

/** Stats of the way to a server. */
export function iceServerStats(record: PairRecord, context: StatsContext): IceServerStats {
  const { ours, common } = tell(record, context);
  return {
    type: "ice-server",
    ...common,
    serverKind: record.traits & PAIR_TRAITS.turn ? "turn" : "stun",
    errorResponsesReceived: ours.Errors,
  };
}
