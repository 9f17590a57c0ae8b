// SPDX-License-Identifier: MIT
/**
 * Sample → lines of InfluxDB, byte for byte what npm influx writes for the same points. What the lines of one stream have in
 * common is made once, and numbers go straight into bytes.
 */
import type { ISchemaOptions } from "influx";
import { type Field, fieldsOf, quote } from "./line.js";
import { LineBuffer, Phrase } from "./linebuffer.js";
import { Lines } from "./lines.js";
import { mergeReports, mergeStreams } from "./merger.js";
import { checkNumber, DATAGRAMS, FIELD_INTEGER, INBOUND, OUTBOUND, PAIR, REPORTS, SERVER } from "./point.js";
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
import type { NumberColumn, Roster, StreamIdentity, StreamTable, TextColumn } from "./streamtable.js";
import { hostTags, pairTags, streamTags, type TagOptions } from "./tag.js";

/** A field of a measurement. */
interface WrittenField extends Field {
  /** What is before the value, with the comma. */
  phrase: Phrase;
}

/** In the order in which they are written. */
function writtenFields({ measurement }: ISchemaOptions): WrittenField[] {
  return fieldsOf(measurement).map((field) => ({ ...field, phrase: new Phrase(`,${field.assignment}`) }));
}

const SCHEMAS = [INBOUND, OUTBOUND, PAIR, SERVER, ...Object.values(REPORTS), DATAGRAMS];
const FIELDS = new Map(SCHEMAS.map((schema) => [schema, writtenFields(schema)]));

/** A field, and its column in a table. */
interface FieldColumn {
  field: WrittenField;
  numbers: NumberColumn | undefined;
  texts: TextColumn | undefined;
  /** The text that was written last, mostly that of the next row, too; in quotes. */
  text: string | undefined;
  quoted: Phrase | undefined;
}

/** The fields of the schema that the table has. */
function columnsOf(schema: ISchemaOptions, { numbers, texts, roster }: StreamTable): FieldColumn[] {
  return (FIELDS.get(schema) ?? [])
    .map((field) => ({
      field,
      numbers: numbers.get(field.name) ?? roster.numbers.get(field.name),
      texts: texts.get(field.name) ?? roster.texts.get(field.name),
      text: undefined,
      quoted: undefined,
    }))
    .filter((column) => column.numbers !== undefined || column.texts !== undefined);
}

const BLANK = 32;
const INTEGER_MARK = 105;
const TRUE = 84;
const FALSE = 70;

function lastPacket(stream: StreamStats): number {
  return stream.type === "inbound-rtp" ? stream.lastPacketReceivedTimestamp : stream.lastPacketSentTimestamp;
}

export class LineEncoder {
  readonly #options: TagOptions;
  readonly #book = new SeriesBook();
  /** Series of the streams of the latest table. */
  #roster: Roster | undefined;
  #rosterSeries: Series[] = [];
  /** Of the sample that is being written. */
  #sample = 0;
  #time = new Phrase("");
  #buffer = new LineBuffer();
  #spent: Buffer | undefined;
  #starts: number[] = [];
  #series: string[] = [];
  #superseded = new Set<number>();

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
    this.#begin(sample.timeNs);
    const guard = (add: () => void): void => {
      const { length } = this.#buffer;
      try {
        add();
      } catch (error) {
        this.#buffer.truncate(length);
        refuse(error);
      }
    };
    if (perStream && !Array.isArray(streams)) this.#addTable(streams, refuse);
    else {
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
    return this.#end();
  }

  /** Nobody looks at these lines any more: the next ones take their memory, for fresh memory costs more than to fill it. */
  reuse(lines: Lines): void {
    this.#spent = lines.memory;
  }

  #begin(timeNs: string): void {
    this.#time = new Phrase(` ${timeNs}\n`);
    this.#sample = this.#book.turn();
    // As much as the last one, and some more: to grow is to copy.
    const memory = this.#spent ?? Buffer.allocUnsafeSlow(Math.ceil(1.1 * this.#buffer.length) + 4096);
    this.#buffer = new LineBuffer(memory);
    this.#spent = undefined;
    this.#starts = [];
    this.#series = [];
    this.#superseded.clear();
  }

  #end(): Lines {
    this.#starts.push(this.#buffer.length);
    const lines = new Lines(this.#buffer.memory, Float64Array.from(this.#starts), this.#series);
    return this.#superseded.size === 0 ? lines : lines.filter((i) => !this.#superseded.has(i));
  }

  #addTable(table: StreamTable, refuse: (error: unknown) => void): void {
    if (table.roster !== this.#roster) {
      this.#rosterSeries = table.roster.who.map((who) => this.#findStream(who));
      this.#roster = table.roster;
    }
    const [received, sent] = [columnsOf(INBOUND, table), columnsOf(OUTBOUND, table)];
    const [lastReceived, lastSent] = [
      table.number("lastPacketReceivedTimestamp"),
      table.number("lastPacketSentTimestamp"),
    ];
    for (let i = 0; i < table.length; i++) {
      const isSent = table.roster.isSent[i] === 1;
      const changedMs = (isSent ? lastSent : lastReceived)[i] as number;
      const series = this.#rosterSeries[i] as Series;
      if (this.#isOutdated(series, changedMs)) continue;
      const start = this.#buffer.length;
      try {
        this.#addRow(isSent ? OUTBOUND : INBOUND, series, isSent ? sent : received, i);
        this.#finishLine(series, changedMs, start);
      } catch (error) {
        this.#buffer.truncate(start);
        refuse(error);
      }
    }
  }

  #addRow({ measurement }: ISchemaOptions, { phrase }: Series, columns: readonly FieldColumn[], i: number): void {
    const buffer = this.#buffer;
    buffer.addPhrase(phrase);
    for (const column of columns) {
      const { field, numbers } = column;
      if (numbers === undefined) {
        this.#addText(column, i);
        continue;
      }
      const value = numbers[i] as number;
      if (Number.isNaN(value)) continue;
      checkNumber(measurement, field.name, value, field.type);
      buffer.addPhrase(field.phrase);
      buffer.addNumber(value);
      if (field.type === FIELD_INTEGER) buffer.addByte(INTEGER_MARK);
    }
  }

  #addText(column: FieldColumn, i: number): void {
    const text = column.texts?.[i];
    if (text === undefined) return;
    if (column.quoted === undefined || column.text !== text) {
      column.text = text;
      column.quoted = new Phrase(quote(text));
    }
    this.#buffer.addPhrase(column.field.phrase);
    this.#buffer.addPhrase(column.quoted);
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

  #addObject(schema: ISchemaOptions, series: Series, stats: object, changedMs: number): void {
    if (this.#isOutdated(series, changedMs)) return;
    const buffer = this.#buffer;
    const start = buffer.length;
    buffer.addPhrase(series.phrase);
    for (const { name, phrase, type } of FIELDS.get(schema) as WrittenField[]) {
      const value = (stats as Record<string, unknown>)[name];
      if (value === undefined) continue;
      buffer.addPhrase(phrase);
      if (typeof value === "string") buffer.addQuoted(value);
      else if (typeof value === "boolean") buffer.addByte(value ? TRUE : FALSE);
      else {
        checkNumber(schema.measurement, name, value, type);
        buffer.addNumber(value as number);
        if (type === FIELD_INTEGER) buffer.addByte(INTEGER_MARK);
      }
    }
    this.#finishLine(series, changedMs, start);
  }

  /**
   * A socket opened anew on the same ports is another record with the same tags, and the server would mix their fields: the
   * record that changed last stays.
   */
  #isOutdated(series: Series, changedMs: number): boolean {
    return series.sample === this.#sample && changedMs < series.changedMs;
  }

  #finishLine(series: Series, changedMs: number, start: number): void {
    // Before the first field there is a blank, and a comma before the others.
    this.#buffer.replace(start + series.phrase.length, BLANK);
    this.#buffer.addPhrase(this.#time);
    if (series.sample === this.#sample) this.#superseded.add(series.at);
    series.changedMs = changedMs;
    series.sample = this.#sample;
    series.at = this.#starts.push(start) - 1;
    this.#series.push(series.text);
  }
}
