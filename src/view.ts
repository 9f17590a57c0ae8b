// SPDX-License-Identifier: MIT
/** A sample as a person reads it. */
import type { Datagrams } from "./native.js";
import { formatEndpoint } from "./origin.js";
import type { RemoteInboundRtpStats, RemoteOutboundRtpStats, ReportStats } from "./rtcp.js";
import type { CandidatePairStats, Endpoints, IceServerStats, Owner, Sample, StreamStats } from "./stats.js";
import { type Column, renderFurther, renderTable } from "./table.js";

/** What was not measured. */
const ABSENT = "-";
/** A stream that has been silent for so long shows for how long, not its rate; milliseconds. */
const SILENT_MS = 5000;

function show<T>(value: T | undefined, format: (value: T) => string): string {
  return value === undefined ? ABSENT : format(value);
}

/** Seconds as milliseconds. */
export const formatMs = (seconds: number): string => `${(seconds * 1000).toFixed(2)} ms`;

/** A share of 1 as percent. */
export const formatPercent = (share: number): string => `${(share * 100).toFixed(1)} %`;

export function formatBitRate(bitsPerSecond: number): string {
  return bitsPerSecond < 1e6
    ? `${(bitsPerSecond / 1e3).toFixed(1)} kbit/s`
    : `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
}

export const formatSsrc = (ssrc: number): string => `0x${ssrc.toString(16).padStart(8, "0")}`;

export function formatOwner({ comm, pid, cgroup }: Owner): string {
  if (pid !== undefined) return `${comm ?? "?"}/${pid}`;
  return cgroup === undefined || cgroup === "/" ? ABSENT : (cgroup.split("/").at(-1) as string);
}

export function formatEnds({
  srcAddress,
  srcPort,
  dstAddress,
  dstPort,
  turnChannel,
  turnPeer,
}: Endpoints): [string, string] {
  const channel = turnChannel === undefined ? "" : ` #${turnChannel.toString(16)}`;
  const relayed = turnPeer === undefined ? channel : ` for ${turnPeer}`;
  return [formatEndpoint(srcAddress, srcPort), formatEndpoint(dstAddress, dstPort) + relayed];
}

/** Of formatEnds() and formatOwner(). */
export const END_COLUMNS: readonly Column[] = [{ title: "FROM" }, { title: "TO" }, { title: "PROCESS" }];

const STREAM_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "SSRC" },
  ...END_COLUMNS,
  { title: "PT", align: "right" },
  { title: "MEDIA" },
  { title: "CLOCK", align: "right" },
  { title: "PACKETS", align: "right" },
  { title: "LOST", align: "right" },
  { title: "", align: "right" },
  { title: "DUP", align: "right" },
  { title: "REORD", align: "right" },
  { title: "JITTER", align: "right" },
  { title: "RFC 3550", align: "right" },
  { title: "RATE", align: "right" },
];

function formatRate(stream: StreamStats): string {
  const last = stream.type === "inbound-rtp" ? stream.lastPacketReceivedTimestamp : stream.lastPacketSentTimestamp;
  const silentMs = stream.timestamp - last;
  if (silentMs > SILENT_MS) return `silent ${Math.round(silentMs / 1000)} s`;
  return show(stream.bitsPerSecond, formatBitRate);
}

/** What the payload is, as far as it is known. */
function formatMedia({ repairKind, repairedSsrc, codec, kind }: StreamStats): string {
  if (repairKind === undefined) return codec?.replace(/^.*\//, "") ?? kind ?? ABSENT;
  return repairedSsrc === undefined ? repairKind : `${repairKind} of ${formatSsrc(repairedSsrc)}`;
}

/** Share of all sequence numbers that is lost. */
function lossShare(lost: number, received: number): string {
  return lost > 0 && received + lost > 0 ? formatPercent(lost / (received + lost)) : "";
}

function streamRow(stream: StreamStats): string[] {
  const { ssrc, payloadType, clockRate, packetsDuplicated, packetsReordered } = stream;
  const inbound = stream.type === "inbound-rtp" ? stream : undefined;
  const packets = stream.type === "inbound-rtp" ? stream.packetsReceived : stream.packetsSent;
  return [
    inbound ? "in" : "out",
    formatSsrc(ssrc),
    ...formatEnds(stream),
    formatOwner(stream),
    String(payloadType),
    formatMedia(stream),
    show(clockRate, (hertz) => `${hertz / 1000} kHz`),
    String(packets),
    show(inbound?.packetsLost, String),
    inbound ? lossShare(inbound.packetsLost, packets - packetsDuplicated) : "",
    String(packetsDuplicated),
    String(packetsReordered),
    show(inbound?.jitter, formatMs),
    show(inbound?.jitterRfc3550, formatMs),
    formatRate(stream),
  ];
}

const PAIR_COLUMNS: readonly Column[] = [
  { title: "PAIR FROM" },
  { title: "TO" },
  { title: "PROCESS" },
  { title: "RTT", align: "right" },
  { title: "MIN", align: "right" },
  { title: "MEAN", align: "right" },
  { title: "P95", align: "right" },
  { title: "MAX", align: "right" },
  { title: "ASKED", align: "right" },
  { title: "ANSWERED", align: "right" },
  { title: "RESPONSE DELAY", align: "right" },
  { title: "STATE" },
];

/** What is known of how the pair, or the server, is used. */
function formatState(pair: CandidatePairStats | IceServerStats): string {
  if (pair.type === "ice-server") return `${pair.serverKind} server`;
  const { nominated, iceRole, dtlsState, dtlsHandshakeMs, consentExpired } = pair;
  const dtls = dtlsHandshakeMs === undefined ? dtlsState : `${dtlsHandshakeMs.toFixed(0)} ms`;
  const words = [
    nominated && "nominated",
    iceRole,
    dtls && `dtls ${dtls}`,
    consentExpired && "consent expired",
    pair.selectedCandidatePairChanges ? `changed ${pair.selectedCandidatePairChanges}×` : undefined,
  ];
  return words.filter(Boolean).join(", ") || ABSENT;
}

function pairRow(pair: CandidatePairStats | IceServerStats): string[] {
  const { totalRoundTripTime: total, roundTripTimeMeasurements: count } = pair;
  return [
    ...formatEnds(pair),
    formatOwner(pair),
    show(pair.currentRoundTripTime, formatMs),
    show(pair.minRoundTripTime, formatMs),
    show(total, (sum) => formatMs(sum / count)),
    show(pair.p95RoundTripTime, formatMs),
    show(pair.maxRoundTripTime, formatMs),
    String(pair.requestsSent),
    String(pair.responsesReceived),
    show(pair.responseDelay, formatMs),
    formatState(pair),
  ];
}

const REMOTE_COLUMNS: readonly Column[] = [
  { title: "FAR END" },
  { title: "SSRC" },
  ...END_COLUMNS,
  { title: "PACKETS", align: "right" },
  { title: "LOST", align: "right" },
  { title: "LATELY", align: "right" },
  { title: "JITTER", align: "right" },
  { title: "RTT", align: "right" },
  { title: "MEAN", align: "right" },
  { title: "MAX", align: "right" },
  { title: "REPORTS", align: "right" },
];

type RemoteStats = RemoteInboundRtpStats | RemoteOutboundRtpStats;

function remoteRow(remote: RemoteStats): string[] {
  const { totalRoundTripTime: total, roundTripTimeMeasurements: count } = remote;
  const receiver = remote.type === "remote-inbound-rtp" ? remote : undefined;
  return [
    receiver ? "receives" : "sends",
    formatSsrc(remote.ssrc),
    ...formatEnds(remote),
    formatOwner(remote),
    remote.type === "remote-outbound-rtp" ? String(remote.packetsSent) : ABSENT,
    show(receiver?.packetsLost, String),
    show(receiver?.fractionLost, formatPercent),
    show(receiver?.jitter, formatMs),
    show(remote.roundTripTime, formatMs),
    show(total, (sum) => formatMs(sum / count)),
    show(remote.maxRoundTripTime, formatMs),
    String(remote.type === "remote-outbound-rtp" ? remote.reportsSent : remote.reportsReceived),
  ];
}

/** What the far ends say; who said what by type is for `--json`. */
function remoteRows(reports: readonly ReportStats[]): string[][] {
  return reports.filter((report): report is RemoteStats => report.type.startsWith("remote-")).map(remoteRow);
}

/** "120 datagrams seen = 100 rtp + 20 stun": the conservation law, without the reasons that are 0. */
export function formatDatagrams({ seen, ...outcomes }: Datagrams): string {
  const parts = Object.entries(outcomes).filter(([, n]) => n > 0);
  const sum = parts.map(([name, n]) => `${n} ${name}`).join(" + ");
  return `${seen} datagrams seen${sum === "" ? "" : ` = ${sum}`}`;
}

/** Lines: the streams, the pairs, what the far ends say, the datagrams. */
export function viewSample(sample: Omit<Sample, "timeNs">, emphasise?: (title: string) => string): string[] {
  const { streams, candidatePairs, iceServers, reports, datagrams } = sample;
  const remotes = remoteRows(reports);
  const pairs = [...candidatePairs, ...iceServers].map(pairRow);
  return [
    ...(streams.length > 0 ? renderTable(STREAM_COLUMNS, streams.map(streamRow), emphasise) : ["no streams"]),
    ...renderFurther(PAIR_COLUMNS, pairs, emphasise),
    ...renderFurther(REMOTE_COLUMNS, remotes, emphasise),
    "",
    formatDatagrams(datagrams),
  ];
}
