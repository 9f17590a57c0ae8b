// SPDX-License-Identifier: MIT
/** The fields of RTCP's measurements in InfluxDB. Their types are for ever; see point.ts. */
import { FieldType } from "influx";
import type { Endpoints } from "./origin.js";
import type { RemoteInboundRtpStats, RemoteOutboundRtpStats, RtcpStats } from "./rtcp.js";

/** Of a stats type, what is neither a tag, nor the time, nor the measurement, nor said to a person only. */
type FieldName<Stats> = Exclude<
  keyof Stats,
  "type" | "timestamp" | "ssrc" | "comm" | "cgroup" | "qualityUnavailable" | keyof Endpoints
>;
export type Fields<Stats> = Record<FieldName<Stats>, FieldType>;

const { FLOAT, INTEGER, STRING } = FieldType;

const COMMON_FIELDS = {
  pid: INTEGER,
  turnPeer: STRING,
  relay: STRING,
};

const REMOTE_FIELDS = {
  ...COMMON_FIELDS,
  roundTripTime: FLOAT,
  totalRoundTripTime: FLOAT,
  roundTripTimeMeasurements: INTEGER,
  minRoundTripTime: FLOAT,
  maxRoundTripTime: FLOAT,
  reportsUnmatched: INTEGER,
  lastReportTimestamp: FLOAT,
};

export const REMOTE_INBOUND_FIELDS: Fields<RemoteInboundRtpStats> = {
  ...REMOTE_FIELDS,
  packetsLost: INTEGER,
  fractionLost: FLOAT,
  jitter: FLOAT,
  reportsReceived: INTEGER,
  xrLossRate: FLOAT,
  xrDiscardRate: FLOAT,
  xrBurstDensity: FLOAT,
  xrGapDensity: FLOAT,
  xrBurstDuration: FLOAT,
  xrGapDuration: FLOAT,
  xrRoundTripDelay: FLOAT,
  xrEndSystemDelay: FLOAT,
  xrJitterBufferDelay: FLOAT,
  xrRFactor: INTEGER,
  xrMosListening: FLOAT,
  xrMosConversational: FLOAT,
};

export const REMOTE_OUTBOUND_FIELDS: Fields<RemoteOutboundRtpStats> = {
  ...REMOTE_FIELDS,
  packetsSent: INTEGER,
  bytesSent: INTEGER,
  remoteTimestamp: FLOAT,
  reportsSent: INTEGER,
};

export const RTCP_FIELDS: Fields<RtcpStats> = {
  ...COMMON_FIELDS,
  protocol: STRING,
  cipher: STRING,
  datagrams: INTEGER,
  senderReports: INTEGER,
  receiverReports: INTEGER,
  sourceDescriptions: INTEGER,
  goodbyes: INTEGER,
  nacks: INTEGER,
  plis: INTEGER,
  firs: INTEGER,
  transportFeedbacks: INTEGER,
  applicationFeedbacks: INTEGER,
  extendedReports: INTEGER,
  otherPackets: INTEGER,
  lastReportTimestamp: FLOAT,
};
