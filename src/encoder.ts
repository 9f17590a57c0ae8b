// SPDX-License-Identifier: MIT
/**
 * Sample → lines of InfluxDB, byte for byte what npm influx writes for the same points. What the lines of one stream have in
 * common is made once, and numbers go straight into bytes.
 */
import type { ISchemaOptions } from "influx";
import { type Field, fieldsOf } from "./line.js";
import { LineBuffer } from "./linebuffer.js";
import { mergeReports, mergeStreams } from "./merger.js";
import { checkNumber, DATAGRAMS, FIELD_INTEGER, INBOUND, OUTBOUND, PAIR, REPORTS, SERVER } from "./point.js";
import type { ReportStats } from "./rtcp.js";
import { type Series, SeriesBook } from "./series.js";
import type { CandidatePairStats, IceServerStats, Sample, StreamStats } from "./stats.js";
import { hostTags, pairTags, streamTags, type TagOptions } from "./tag.js";

/** One line, without its end; and what of it all lines of its series have in common. */
export interface Line {
  series: string;
  text: string;
}

/** A measurement with its fields in the order in which they are written. */
interface Measurement {
  name: string;
  fields: (Field & { bytes: Buffer })[];
}

function makeMeasurement({ measurement }: ISchemaOptions): Measurement {
  const fields = fieldsOf(measurement).map((field) => ({ ...field, bytes: Buffer.from(field.assignment) }));
  return { name: measurement, fields };
}

const SCHEMAS = [INBOUND, OUTBOUND, PAIR, SERVER, ...Object.values(REPORTS), DATAGRAMS];
const MEASUREMENTS = new Map(SCHEMAS.map((schema) => [schema, makeMeasurement(schema)]));

function lastPacket(stream: StreamStats): number {
  return stream.type === "inbound-rtp" ? stream.lastPacketReceivedTimestamp : stream.lastPacketSentTimestamp;
}

export class LineEncoder {
  readonly #options: TagOptions;
  readonly #buffer = new LineBuffer();
  readonly #book = new SeriesBook();
  #sample = 0;
  #lines: Line[] = [];

  constructor(options: TagOptions) {
    this.#options = options;
  }

  /**
   * The lines of a sample, each at its `timeNs`. `refuse` hears of every stat that makes no line, for a number in it is not
   * finite or not exact.
   * @throws RtcprobeError ERR_SINK naming the field, when there is no `refuse`.
   */
  encode(
    sample: Sample,
    refuse: (error: unknown) => void = (error) => {
      throw error;
    },
  ): Line[] {
    const { perStream } = this.#options;
    const time = Buffer.from(` ${sample.timeNs}`);
    this.#sample = this.#book.turn();
    this.#lines = [];
    const guard = (add: () => void): void => {
      try {
        add();
      } catch (error) {
        refuse(error);
      }
    };
    for (const stream of perStream ? sample.streams : mergeStreams(sample.streams)) {
      guard(() => this.#addStream(stream, time));
    }
    for (const pair of sample.candidatePairs) guard(() => this.#addPair(PAIR, pair, time));
    for (const server of sample.iceServers) guard(() => this.#addPair(SERVER, server, time));
    const reports = sample.reports ?? []; // a journal may be of a version that had none
    for (const report of perStream ? reports : mergeReports(reports)) guard(() => this.#addReport(report, time));
    guard(() => {
      const series = this.#book.find(DATAGRAMS.measurement, 0, {}, () => hostTags(this.#options.host));
      this.#add(DATAGRAMS, series, sample.datagrams, 0, time);
    });
    return this.#lines;
  }

  #addStream(stream: StreamStats, time: Buffer): void {
    const schema = stream.type === "inbound-rtp" ? INBOUND : OUTBOUND;
    const key = this.#options.perStream ? stream.ssrc : stream.srcPort;
    const series = this.#book.find(schema.measurement, key, stream, () => streamTags(stream, this.#options));
    this.#add(schema, series, stream, lastPacket(stream), time);
  }

  #addReport(report: ReportStats, time: Buffer): void {
    const schema = REPORTS[report.type];
    const key = this.#options.perStream ? report.ssrc : report.srcPort;
    const series = this.#book.find(schema.measurement, key, report, () => streamTags(report, this.#options));
    this.#add(schema, series, report, report.lastReportTimestamp, time);
  }

  #addPair(schema: ISchemaOptions, pair: CandidatePairStats | IceServerStats, time: Buffer): void {
    const series = this.#book.find(schema.measurement, pair.srcPort, pair, () => pairTags(pair, this.#options.host));
    this.#add(schema, series, pair, pair.lastStunTimestamp, time);
  }

  /**
   * A socket opened anew on the same ports is another record with the same tags, and the server would mix their fields: the
   * record that changed last stays.
   */
  #add(schema: ISchemaOptions, series: Series, stats: object, changedMs: number, time: Buffer): void {
    const isHere = series.sample === this.#sample;
    if (isHere && changedMs < series.changedMs) return;
    const line = { series: series.text, text: this.#format(schema, series, stats, time) };
    series.changedMs = changedMs;
    if (isHere) {
      this.#lines[series.at] = line;
      return;
    }
    series.sample = this.#sample;
    series.at = this.#lines.push(line) - 1;
  }

  #format(schema: ISchemaOptions, series: Series, stats: object, time: Buffer): string {
    const { name: measurement, fields } = MEASUREMENTS.get(schema) as Measurement;
    const buffer = this.#buffer;
    let separator = BLANK;
    buffer.clear();
    buffer.addBytes(series.bytes);
    for (const { name, bytes, type } of fields) {
      const value = (stats as Record<string, unknown>)[name];
      if (value === undefined) continue;
      buffer.addBytes(separator);
      buffer.addBytes(bytes);
      separator = COMMA;
      if (typeof value === "string") {
        buffer.addQuoted(value);
        continue;
      }
      if (typeof value === "boolean") {
        buffer.addBytes(value ? TRUE : FALSE);
        continue;
      }
      checkNumber(measurement, name, value, type);
      buffer.addNumber(value as number);
      if (type === FIELD_INTEGER) buffer.addBytes(INTEGER_MARK);
    }
    buffer.addBytes(time);
    return buffer.toString();
  }
}

const BLANK = Buffer.from(" ");
const COMMA = Buffer.from(",");
const INTEGER_MARK = Buffer.from("i");
const TRUE = Buffer.from("T");
const FALSE = Buffer.from("F");
