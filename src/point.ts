// SPDX-License-Identifier: MIT
/**
 * Sample → points of InfluxDB. The tag set and the field types of a measurement are for ever: a server refuses a field whose
 * type changed, and InfluxDB 3 a new tag. Absent stays absent.
 */
import { FieldType, type IPoint, type ISchemaOptions } from "influx";
import { RtcprobeError } from "./errors.js";
import { mergeStreams } from "./merger.js";
import { DATAGRAM_OUTCOMES } from "./native.js";
import type {
  CandidatePairStats,
  Endpoints,
  InboundRtpStats,
  OutboundRtpStats,
  Owner,
  Sample,
  StreamStats,
} from "./stats.js";
import { addTag, endpointTags, type Series, SeriesBook, type Tags } from "./tag.js";

/** Of a stats type, what is neither a tag, nor the time, nor the measurement, nor said to a person only. */
type FieldName<Stats> = Exclude<
  keyof Stats,
  "type" | "timestamp" | "ssrc" | "comm" | "cgroup" | "qualityUnavailable" | keyof Endpoints
>;
type Fields<Stats> = Record<FieldName<Stats>, FieldType>;

const { FLOAT, INTEGER, STRING } = FieldType;

const RTP_FIELDS = {
  pid: INTEGER,
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
  maxInterarrivalTime: FLOAT,
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

const PAIR_FIELDS: Fields<CandidatePairStats> = {
  pid: INTEGER,
  requestsSent: INTEGER,
  responsesReceived: INTEGER,
  requestsReceived: INTEGER,
  responsesSent: INTEGER,
  retransmissionsSent: INTEGER,
  currentRoundTripTime: FLOAT,
  rttSource: STRING,
  totalRoundTripTime: FLOAT,
  roundTripTimeMeasurements: INTEGER,
  minRoundTripTime: FLOAT,
  maxRoundTripTime: FLOAT,
  responseDelay: FLOAT,
  totalResponseDelay: FLOAT,
  lastStunTimestamp: FLOAT,
};

const DATAGRAM_FIELDS = Object.fromEntries(DATAGRAM_OUTCOMES.map((outcome) => [outcome, INTEGER]));

const ENDPOINT_TAGS = ["host", "src", "dst", "peer", "turnChannel", "comm", "cgroup"];

/** Every measurement with its tags and the types of its fields. */
export const SCHEMA: readonly ISchemaOptions[] = [
  { measurement: "inbound_rtp", fields: INBOUND_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "outbound_rtp", fields: OUTBOUND_FIELDS, tags: [...ENDPOINT_TAGS, "ssrc"] },
  { measurement: "candidate_pair", fields: PAIR_FIELDS, tags: ENDPOINT_TAGS },
  { measurement: "rtcprobe", fields: DATAGRAM_FIELDS, tags: ["host"] },
];

function checkNumber(measurement: string, name: string, value: unknown, type: FieldType): void {
  if (type === STRING) return;
  const good = type === INTEGER ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (good) return;
  const wanted = type === INTEGER ? "whole number below 2^53" : "finite number";
  throw new RtcprobeError(
    "ERR_SINK",
    `${measurement}.${name} is ${value}, not a ${wanted}`,
    "the point was not stored; please report it",
  );
}

/** @throws RtcprobeError ERR_SINK naming the field whose number InfluxDB would refuse or round. */
function makePoint(schema: ISchemaOptions, tags: Tags, stats: object, timestamp: string): IPoint {
  const { measurement } = schema;
  const fields: Record<string, unknown> = {};
  for (const name in schema.fields) {
    const value = (stats as Record<string, unknown>)[name];
    if (value === undefined) continue;
    checkNumber(measurement, name, value, schema.fields[name] as FieldType);
    fields[name] = value;
  }
  return { measurement, tags, fields, timestamp };
}

const [INBOUND, OUTBOUND, PAIR, DATAGRAMS] = SCHEMA as [ISchemaOptions, ISchemaOptions, ISchemaOptions, ISchemaOptions];

function lastPacket(stream: StreamStats): number {
  return stream.type === "inbound-rtp" ? stream.lastPacketReceivedTimestamp : stream.lastPacketSentTimestamp;
}

/** A round trip that Daily measured, in seconds, in the series of the pair that had none; of no pair where none was seen. */
export function dailyRoundTripPoint(
  place: (Endpoints & Owner) | undefined,
  host: string,
  timeNs: string,
  roundTripTime: number,
): IPoint {
  const tags: Tags = place === undefined ? {} : endpointTags(place, host, place.dstAddress);
  addTag(tags, "host", host);
  const fields = { pid: place?.pid, currentRoundTripTime: roundTripTime, rttSource: "daily" };
  return makePoint(PAIR, tags, fields, timeNs);
}

export interface PointOptions {
  /** Value of the tag `host`. */
  host: string;
  /** A series per stream, told apart by `ssrc`; else the streams between two ends are one series. */
  perStream: boolean;
}

function streamTags(stream: StreamStats, { host, perStream }: PointOptions): Tags {
  const tags = endpointTags(stream, host, stream.type === "inbound-rtp" ? stream.srcAddress : stream.dstAddress);
  return perStream ? { ...tags, ssrc: String(stream.ssrc) } : tags;
}

/**
 * The points of a sample, each at its `timeNs`. `book` remembers the tags of the samples before it. `refuse` hears of every stat that makes no point, for a number in it is not
 * finite or not exact.
 * @throws RtcprobeError ERR_SINK naming the field, when there is no `refuse`.
 */
export function samplePoints(
  sample: Sample,
  options: PointOptions,
  refuse: (error: unknown) => void = (error) => {
    throw error;
  },
  book = new SeriesBook(),
): IPoint[] {
  const { timeNs } = sample;
  const { host } = options;
  const points = new Map<string, IPoint>();
  const add = (schema: ISchemaOptions, { key, tags }: Series, stats: object): void => {
    try {
      points.set(key, makePoint(schema, tags, stats, timeNs));
    } catch (error) {
      refuse(error);
    }
  };
  book.turn();
  // A socket opened anew on the same ports is another record with the same tags, and the server would mix their fields:
  // the record that received last stays.
  const found = options.perStream ? sample.streams : mergeStreams(sample.streams);
  const streams = found.toSorted((a, b) => lastPacket(a) - lastPacket(b));
  const pairs = sample.candidatePairs.toSorted((a, b) => a.lastStunTimestamp - b.lastStunTimestamp);
  for (const stream of streams) {
    const schema = stream.type === "inbound-rtp" ? INBOUND : OUTBOUND;
    add(
      schema,
      book.find(stream, stream.ssrc, () => streamTags(stream, options)),
      stream,
    );
  }
  for (const pair of pairs) {
    add(
      PAIR,
      book.find(pair, undefined, () => endpointTags(pair, host, pair.dstAddress)),
      pair,
    );
  }
  const tags: Tags = {};
  addTag(tags, "host", host);
  add(DATAGRAMS, { key: "", tags }, sample.datagrams);
  return [...points.values()];
}
