// SPDX-License-Identifier: MIT
/**
 * Sample → lines of InfluxDB, byte for byte what npm influx writes for the same points. The addon writes those of a table of streams;
 * of all else there is little.
 */
import type { ISchemaOptions } from "influx";
import { fieldsOf, formatValues, quote } from "./line.js";
import { Lines } from "./lines.js";
import { mergeReports, mergeStreams } from "./merger.js";
import { addon, type LineField, type LinePlace, type LineTable } from "./native.js";
import { checkNumber, DATAGRAMS, FIELD_INTEGER, INBOUND, OUTBOUND, PAIR, REPORTS, SERVER } from "./point.js";
import { RosterSeries } from "./rosterseries.js";
import type { ReportStats } from "./rtcp.js";
import { type Series, SeriesBook } from "./series.js";
import {
  type CandidatePairStats,
  type ColumnSample,
  type IceServerStats,
  type Sample,
  type StreamStats,
  toSample,
} from "./stats.js";
import type { StreamIdentity, StreamTable } from "./streamtable.js";
import { hostTags, pairTags, streamTags, type TagOptions } from "./tag.js";

/** Bytes of a line, about: a first guess. */
const LINE_BYTES = 600;
const LINE_END = "\n";

/** The fields of the schema that the table has, in the order in which they are written. */
function lineFields({ measurement }: ISchemaOptions, { numbers, texts, roster }: StreamTable): LineField[] {
  return fieldsOf(measurement).flatMap(({ name, assignment, type }): LineField[] => {
    const field = { name: `,${assignment}`, isInteger: type === FIELD_INTEGER };
    const values = numbers.get(name) ?? roster.numbers.get(name);
    if (values !== undefined) return [{ ...field, values }];
    const text = texts.get(name) ?? roster.texts.get(name);
    return text === undefined ? [] : [{ ...field, values: text.numbers, texts: text.list.map(quote) }];
  });
}

/** A line of something else than a stream of a table. */
interface ObjectLine {
  series: Series;
  /** Behind the series, with the end. */
  values: string;
  changedMs: number;
}

function lastPacket(stream: StreamStats): number {
  return stream.type === "inbound-rtp" ? stream.lastPacketReceivedTimestamp : stream.lastPacketSentTimestamp;
}

export class LineEncoder {
  readonly #options: TagOptions;
  readonly #book = new SeriesBook();
  /** Of the streams of the latest table. */
  #roster: RosterSeries | undefined;
  /** Of the sample that is being written. */
  #timeNs = "";
  #lines = new Map<Series, ObjectLine>();
  #spent: Lines | undefined;

  constructor(options: TagOptions) {
    this.#options = options;
  }

  /**
   * The lines of a sample, each at its `timeNs`. `refuse` hears of every stat that makes no line, for a number in it is not
   * finite or not exact.
   * @throws RtcprobeError ERR_SINK naming the field, when there is no `refuse`.
   */
  encode(
    sample: Sample | ColumnSample,
    refuse: (error: unknown) => void = (error) => {
      throw error;
    },
  ): Lines {
    const { perStream } = this.#options;
    const { streams } = sample;
    this.#book.turn();
    this.#timeNs = sample.timeNs;
    this.#lines = new Map();
    const guard = (add: () => void): void => {
      try {
        add();
      } catch (error) {
        refuse(error);
      }
    };
    const inTable = perStream && !Array.isArray(streams);
    if (!inTable) {
      const objects = toSample(sample).streams;
      for (const stream of perStream ? objects : mergeStreams(objects)) guard(() => this.#addStream(stream));
    }
    for (const pair of sample.candidatePairs) guard(() => this.#addPair(PAIR, pair));
    for (const server of sample.iceServers) guard(() => this.#addPair(SERVER, server));
    const reports = sample.reports ?? []; // a journal may be of a version that had none
    for (const report of perStream ? reports : mergeReports(reports)) guard(() => this.#addReport(report));
    guard(() => {
      const series = this.#book.find(DATAGRAMS.measurement, 0, {}, () => hostTags(this.#options.host));
      this.#addObject(DATAGRAMS, series, sample.datagrams, 0);
    });
    const objects = [...this.#lines.values()].map(({ series: { text }, values }) => ({
      series: text,
      text: text + values,
    }));
    const rest = Lines.of(objects);
    return inTable ? this.#writeTable(streams, rest, refuse) : rest;
  }

  /** Nobody looks at these lines any more: the next ones take their memory, for fresh memory costs more than to fill it. */
  reuse(lines: Lines): void {
    this.#spent = lines;
  }

  /** The lines of a table, and the others behind them. */
  #writeTable(table: StreamTable, rest: Lines, refuse: (error: unknown) => void): Lines {
    if (this.#roster?.roster !== table.roster) {
      this.#roster = new RosterSeries(
        table.roster,
        table.roster.who.map((who) => this.#findStream(who)),
      );
    }
    const { texts, bytes, ends } = this.#roster;
    const skipped = this.#roster.outdated(table);
    const fields = [lineFields(INBOUND, table), lineFields(OUTBOUND, table)] as const;
    const kinds = table.roster.isSent;
    const lines: LineTable = {
      series: bytes,
      seriesEnds: ends,
      kinds,
      fields,
      skipped,
      tail: ` ${this.#timeNs}${LINE_END}`,
    };
    const place = this.#begin(table.length, rest);
    while (place.row < table.length) {
      const refused = addon.writeLines(lines, place);
      if (refused !== undefined) {
        const { measurement } = kinds[place.row] === 1 ? OUTBOUND : INBOUND;
        this.#refuse(measurement, fields[kinds[place.row] as 0 | 1][refused] as LineField, place.row, refuse);
        skipped[place.row++] = 1;
      } else if (place.row < table.length) place.bytes = enlarge(place.bytes, place.at);
    }
    const written = texts.length === place.line ? texts : texts.filter((_, i) => skipped[i] === 0);
    if (place.bytes.length - place.at < rest.body.length)
      place.bytes = enlarge(place.bytes, place.at + rest.bytes.length);
    return rest.appendTo(place, written);
  }

  #refuse(
    measurement: string,
    { name, values, isInteger }: LineField,
    row: number,
    refuse: (error: unknown) => void,
  ): void {
    try {
      checkNumber(measurement, name.slice(1, -1), values[row], isInteger ? FIELD_INTEGER : undefined);
    } catch (error) {
      refuse(error);
    }
  }

  /** In memory that is spent, or, where that is too small, in fresh memory. */
  #begin(rows: number, rest: Lines): LinePlace {
    const spent = this.#spent;
    this.#spent = undefined;
    const count = rows + rest.length + 1;
    const starts = spent && spent.starts.length >= count ? spent.starts : new Float64Array(Math.ceil(1.25 * count));
    const bytes = spent?.memory ?? Buffer.allocUnsafeSlow(LINE_BYTES * rows + rest.bytes.length);
    return { bytes, starts, row: 0, line: 0, at: 0 };
  }

  #findStream(who: StreamIdentity): Series {
    const { measurement } = who.type === "inbound-rtp" ? INBOUND : OUTBOUND;
    const key = this.#options.perStream ? who.ssrc : who.srcPort;
    return this.#book.find(measurement, key, who, () => streamTags(who, this.#options));
  }

  #addStream(stream: StreamStats): void {
    const schema = stream.type === "inbound-rtp" ? INBOUND : OUTBOUND;
    this.#addObject(schema, this.#findStream(stream), stream, lastPacket(stream));
  }

  #addReport(report: ReportStats): void {
    const schema = REPORTS[report.type];
    const key = this.#options.perStream ? report.ssrc : report.srcPort;
    const series = this.#book.find(schema.measurement, key, report, () => streamTags(report, this.#options));
    this.#addObject(schema, series, report, report.lastReportTimestamp);
  }

  #addPair(schema: ISchemaOptions, pair: CandidatePairStats | IceServerStats): void {
    const series = this.#book.find(schema.measurement, pair.srcPort, pair, () => pairTags(pair, this.#options.host));
    this.#addObject(schema, series, pair, pair.lastStunTimestamp);
  }

  /** Of the records that have one series the one that changed last stays, as in RosterSeries. */
  #addObject({ measurement }: ISchemaOptions, series: Series, stats: object, changedMs: number): void {
    const known = this.#lines.get(series);
    if (known !== undefined && changedMs < known.changedMs) return;
    const fields = stats as Record<string, unknown>;
    for (const { name, type } of fieldsOf(measurement)) {
      if (typeof fields[name] === "number") checkNumber(measurement, name, fields[name], type);
    }
    this.#lines.delete(series);
    this.#lines.set(series, {
      series,
      values: formatValues({ measurement, fields, timestamp: this.#timeNs }),
      changedMs,
    });
  }
}

/** Twice as large, with what was written to it. */
function enlarge(bytes: Uint8Array, used: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(2 * Math.max(bytes.length, used) + LINE_BYTES);
  larger.set(bytes.subarray(0, used));
  return larger;
}
