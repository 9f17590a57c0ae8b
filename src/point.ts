// SPDX-License-Identifier: MIT
/**
 * The points of InfluxDB: measurements, tags, fields. The tag set and the field types of a measurement are for ever: a server refuses a field whose
 * type changed, and InfluxDB 3 a new tag. Absent stays absent.
 */
import { FieldType, type IPoint, type ISchemaOptions } from "influx";
import { DEPTH_FIELDS } from "./depthpoint.js";
import { RtcprobeError } from "./errors.js";
import { DATAGRAM_OUTCOMES } from "./native.js";
import { type Fields, REMOTE_INBOUND_FIELDS, REMOTE_OUTBOUND_FIELDS, RTCP_FIELDS } from "./reportfield.js";
import type { ReportStats } from "./rtcp.js";
import type {
  CandidatePairStats,
  Endpoints,
  IceServerStats,
  InboundRtpStats,
  OutboundRtpStats,
  Owner,
} from "./stats.js";
import { hostTags, pairTags } from "./tag.js";

const { BOOLEAN, FLOAT, INTEGER, STRING } = FieldType;
export const FIELD_INTEGER = INTEGER;

const RTP_FIELDS = {
  pid: INTEGER,
  turnPeer: STRING,
  relay: STRING,
  payloadType: INTEGER,
  clockRate: INTEGER,
  clockRateSource: STRING,
  packetsDuplicated: INTEGER,
  packetsReordered: INTEGER,
  bitsPerSecond: FLOAT,
  packetsPerSecond: FLOAT,
  codec: STRING,
  channels: INTEGER,
  kind: STRING,
  repairKind: STRING,
  repairedSsrc: INTEGER,
  rtxSsrc: INTEGER,
  nackCount: INTEGER,
  pliCount: INTEGER,
  firCount: INTEGER,
  ...DEPTH_FIELDS,
};

const INBOUND_FIELDS: Fields<InboundRtpStats> = {
  ...RTP_FIELDS,
  packetsReceived: INTEGER,
  bytesReceived: INTEGER,
  headerBytesReceived: INTEGER,
  lastPacketReceivedTimestamp: FLOAT,
  packetsLost: INTEGER,
  fractionLost: FLOAT,
  jitter: FLOAT,
  jitterRfc3550: FLOAT,
  retransmittedPacketsReceived: INTEGER,
  retransmittedBytesReceived: INTEGER,
  fecSsrc: INTEGER,
  fecPacketsReceived: INTEGER,
  fecBytesReceived: INTEGER,
  quality: INTEGER,
  qualityThreshold: STRING,
  rFactor: FLOAT,
  mosCq: FLOAT,
};

const OUTBOUND_FIELDS: Fields<OutboundRtpStats> = {
  ...RTP_FIELDS,
  packetsSent: INTEGER,
  bytesSent: INTEGER,
  headerBytesSent: INTEGER,
  lastPacketSentTimestamp: FLOAT,
};

const TRANSACTION_FIELDS = {
  pid: INTEGER,
  relay: STRING,
  requestsSent: INTEGER,
  responsesReceived: INTEGER,
  requestsReceived: INTEGER,
  responsesSent: INTEGER,
  retransmissionsSent: INTEGER,
  requestsUnanswered: INTEGER,
  currentRoundTripTime: FLOAT,
  totalRoundTripTime: FLOAT,
  roundTripTimeMeasurements: INTEGER,
  minRoundTripTime: FLOAT,
  maxRoundTripTime: FLOAT,
  medianRoundTripTime: FLOAT,
  p95RoundTripTime: FLOAT,
  p99RoundTripTime: FLOAT,
  responseDelay: FLOAT,
  totalResponseDelay: FLOAT,
  maxResponseDelay: FLOAT,
  medianResponseDelay: FLOAT,
  p95ResponseDelay: FLOAT,
  lastStunTimestamp: FLOAT,
};

const PAIR_FIELDS: Fields<CandidatePairStats> = {
  ...TRANSACTION_FIELDS,
  rttSource: STRING,
  nominated: BOOLEAN,
  consentRequestsSent: INTEGER,
  consentExpired: BOOLEAN,
  iceRole: STRING,
  dtlsRole: STRING,
  dtlsState: STRING,
  dtlsClientHelloTimestamp: FLOAT,
  dtlsHandshakeMs: FLOAT,
  selectedCandidatePairChanges: INTEGER,
};

const SERVER_FIELDS: Fields<IceServerStats> = {
  ...TRANSACTION_FIELDS,
  serverKind: STRING,
  errorResponsesReceived: INTEGER,
};

const DATAGRAM_FIELDS = Object.fromEntries(DATAGRAM_OUTCOMES.map((outcome) => [outcome, INTEGER]));

const ENDPOINT_TAGS = ["host", "src", "dst", "peer", "turnChannel", "comm", "cgroup"];

/** Every measurement with its tags and the types of its fields. */
export const SCHEMA: readonly ISchemaOptions[] = [
  { measurement: "inbound_rtp", fields: INBOUND_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "outbound_rtp", fields: OUTBOUND_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "candidate_pair", fields: PAIR_FIELDS, tags: [...ENDPOINT_TAGS, "turnPeer"] },
  { measurement: "ice_server", fields: SERVER_FIELDS, tags: ENDPOINT_TAGS },
  { measurement: "remote_inbound_rtp", fields: REMOTE_INBOUND_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "remote_outbound_rtp", fields: REMOTE_OUTBOUND_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "inbound_rtcp", fields: RTCP_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "outbound_rtcp", fields: RTCP_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "rtcprobe", fields: DATAGRAM_FIELDS, tags: ["host"] },
];

/** @throws RtcprobeError ERR_SINK naming the field, when InfluxDB would refuse or round the number. */
export function checkNumber(measurement: string, name: string, value: unknown, type: FieldType | undefined): void {
  if (type === STRING || type === BOOLEAN) return;
  const good = type === INTEGER ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (good) return;
  const wanted = type === INTEGER ? "whole number below 2^53" : "finite number";
  throw new RtcprobeError(
    "ERR_SINK",
    `${measurement}.${name} is ${value}, not a ${wanted}`,
    "the point was not stored; please report it",
  );
}

const schemaOf = (name: string): ISchemaOptions => SCHEMA.find((s) => s.measurement === name) as ISchemaOptions;
export const INBOUND = schemaOf("inbound_rtp");
export const OUTBOUND = schemaOf("outbound_rtp");
export const PAIR = schemaOf("candidate_pair");
export const SERVER = schemaOf("ice_server");
export const DATAGRAMS = schemaOf("rtcprobe");
export const REPORTS: Readonly<Record<ReportStats["type"], ISchemaOptions>> = {
  "remote-inbound-rtp": schemaOf("remote_inbound_rtp"),
  "remote-outbound-rtp": schemaOf("remote_outbound_rtp"),
  "inbound-rtcp": schemaOf("inbound_rtcp"),
  "outbound-rtcp": schemaOf("outbound_rtcp"),
};

/** A round trip that Daily measured, in seconds, in the series of the pair that had none; of no pair where none was seen. */
export function dailyRoundTripPoint(
  place: (Endpoints & Owner) | undefined,
  host: string,
  timeNs: string,
  roundTripTime: number,
): IPoint {
  const tags = place === undefined ? hostTags(host) : pairTags(place, host);
  const pid = place?.pid === undefined ? {} : { pid: place.pid };
  checkNumber("candidate_pair", "currentRoundTripTime", roundTripTime, FLOAT);
  const fields = { ...pid, currentRoundTripTime: roundTripTime, rttSource: "daily" };
  return { measurement: "candidate_pair", tags, fields, timestamp: timeNs };
}
