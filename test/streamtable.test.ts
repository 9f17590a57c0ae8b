// SPDX-License-Identifier: MIT
/**
 * Streams in columns: as lines, as objects, and in the bytes of a journal. Oracles: what was put in; the lines of the same stats
 * as objects, which line.test.ts holds to npm influx.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ColumnPool } from "../src/columnpool.js";
import { LineEncoder } from "../src/encoder.js";
import { decodeContent, encodeFrame, type FoundFrame, readFrame } from "../src/frame.js";
import { addon, PAIR_TRAITS } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import { type Content, isSample } from "../src/sink.js";
import { type ColumnSample, toSample } from "../src/stats.js";
import { Roster, StreamTable, TextColumn } from "../src/streamtable.js";
import { readColumns, writeColumns } from "../src/tablebytes.js";
import { FakeSource, originOf, pairRecord, streamRecord } from "./records.js";

const ENDS = { srcAddress: "192.0.2.1", srcPort: 1, dstAddress: "192.0.2.2", dstPort: 2 };

/** Streams of both directions, also through a relay; with clocks and without; that lost, and that stood still. */
async function measureTwice(changes: (second: number) => Partial<FakeSource>): Promise<ColumnSample> {
  const source = new FakeSource();
  const codecs = {
    payloadTypes: { 111: { mimeType: "audio/opus", clockRate: 48_000, channels: 2 } },
    sources: {},
    repairs: {},
  };
  const sampler = new Sampler(source, {
    retireIdle: false,
    codecs,
    owners: {
      find: async (origins) =>
        origins.map((_, i) => (i % 2 === 0 ? { pid: 7 + i, comm: 'a "b" é', cgroup: "/c" } : undefined)),
    },
  });
  Object.assign(source, changes(0));
  await sampler.measure();
  source.pass(1000.123_456);
  Object.assign(source, changes(1));
  return sampler.measure();
}

const MIXED = (second: number): Partial<FakeSource> => ({
  streams: [
    streamRecord({
      id: 0,
      ssrc: 1,
      packets: 10 + 50 * second,
      bytes: 1000 + 8123 * second,
      maxSeq: 109 + 53 * second,
      lastMs: 9990.123_456,
    }),
    streamRecord({ id: 1, ssrc: 2, clockSource: 0, clockRate: 0, payloadType: 96 }),
    streamRecord({ id: 5, ssrc: 0xffff_ffff, firstMs: 900, jitterNsQ8: 123_456_789, jitterRfc3550NsQ8: 1, packets: 9 }),
    streamRecord({ id: 7, ssrc: 4, payloadType: 0, clockSource: 1, clockRate: 8000 }),
  ],
  pairs: [pairRecord({ id: 0, traits: PAIR_TRAITS.turn, firstRequests: 1 })],
  origins: new Map([
    ["stream 1", originOf({ direction: "out", srcAddress: "2001:db8::1" })],
    ["stream 5", originOf({ channel: 0x4001 })],
  ]),
});

describe("a table of streams", () => {
  it("makes the lines that its streams as objects make", async () => {
    for (const perStream of [true, false]) {
      const sample = await measureTwice(MIXED);
      const [table, objects] = [sample, toSample(sample)].map((one) => [
        ...new LineEncoder({ host: "h1", perStream }).encode(one),
      ]);
      expect(table?.sort()).toEqual(objects?.sort());
      expect(table?.length).toBeGreaterThan(3);
    }
  });

  it("refuses the line of a stream whose number is not finite, and writes the others", async () => {
    const sample = await measureTwice(MIXED);
    sample.streams.number("jitter")[0] = Number.POSITIVE_INFINITY;
    const refused: unknown[] = [];
    const encoder = new LineEncoder({ host: "h1", perStream: true });
    const lines = [...encoder.encode(sample, (error) => refused.push(error))];
    expect(refused).toEqual([
      expect.objectContaining({ message: expect.stringContaining("inbound_rtp.jitter is Infinity") }),
    ]);
    const [, ...others] = [
      ...new LineEncoder({ host: "h1", perStream: true }).encode(await measureTwice(MIXED)),
    ].sort();
    expect(lines.toSorted().slice(-2)).toEqual(others.slice(-2));
  });

  it.each([
    ["the first", 9991, 9990, 11],
    ["the second", 9990, 9991, 22],
    ["the second, where both did at once,", 9990, 9990, 22],
  ])("has one line for records of one series: %s changed last", async (_, firstMs, secondMs, packets) => {
    const sample = await measureTwice(() => ({
      streams: [
        streamRecord({ id: 0, ssrc: 1, packets: 11, lastMs: firstMs }),
        streamRecord({ id: 1, ssrc: 1, packets: 22, lastMs: secondMs }),
        streamRecord({ id: 2, ssrc: 2, packets: 33 }),
      ],
      origins: new Map(),
    }));
    const who = sample.streams.roster.who.map(({ pid: _pid, comm: _comm, cgroup: _cgroup, ...ends }) => ends);
    const streams = new StreamTable(new Roster(who), sample.streams);
    const lines = new LineEncoder({ host: "h1", perStream: true }).encode({ ...sample, streams });
    const received = [...lines].flatMap((line) => line.match(/(?<=packetsReceived=)\d+/)?.map(Number) ?? []);
    expect(received).toEqual([packets, 33]);
    expect(lines.seriesOf(0)).toContain("ssrc=1");
    expect(lines.seriesOf(1)).toContain("ssrc=2");
  });

  it("comes out of a journal as it went in", async () => {
    const sample = await measureTwice(MIXED);
    const head = { number: 5, pointsBefore: 7, points: 6, timestamp: sample.timestamp };
    const frame = readFrame(await encodeFrame(sample, head), 0) as FoundFrame;
    const content = (await decodeContent(frame)) as Content;
    expect(isSample(content) && toSample(content)).toEqual(toSample(sample));
    expect(frame).toMatchObject(head);
  });

  it("is no sample when its bytes are wrong", async () => {
    const frame = readFrame(
      await encodeFrame(await measureTwice(MIXED), { number: 0, pointsBefore: 0, points: 1, timestamp: 1 }),
      0,
    ) as FoundFrame;
    for (let end = 0; end < frame.body.length; end += 7) {
      expect(await decodeContent({ ...frame, body: frame.body.subarray(0, end) })).toBeUndefined();
    }
  });
});

describe("the memory of a table", () => {
  const who = Array.from({ length: 3 }, (_, i) => ({ type: "inbound-rtp" as const, ssrc: i, ...ENDS }));
  const make = (pool: ColumnPool) => new StreamTable(new Roster(who), {}, pool);

  it("is that of one that nobody holds any more, and begins empty", () => {
    const pool = new ColumnPool();
    const first = make(pool);
    first.hold();
    first.hold();
    const { buffer } = first.number("jitter").fill(5);
    first.release();
    expect(make(pool).number("jitter").buffer).not.toBe(buffer);
    expect(first.number("jitter")[0]).toBe(5);
    first.release();
    const second = make(pool);
    expect(second.number("packetsLost").buffer).toBe(buffer);
    expect([...second.number("packetsLost")]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it("has nothing in it for who held it too short", () => {
    const table = make(new ColumnPool());
    table.hold();
    table.number("jitter").fill(5);
    table.text("kind").set(0, "audio");
    table.release();
    const stats = {};
    table.addTo(stats, 0);
    expect(stats).toEqual({});
  });

  it("is another one for many more streams, or many fewer, and for more columns than one has", () => {
    const pool = new ColumnPool();
    const large = pool.take(1_000_000);
    pool.give(large);
    expect(pool.take(100)).not.toBe(large);
    const table = make(pool);
    const columns = Array.from({ length: 100 }, (_, i) => table.number(`n${i}`).fill(i));
    expect(columns.map((column) => [...column])).toEqual(columns.map((_, i) => [i, i, i]));
  });
});

describe("columns in bytes", () => {
  it("are the same numbers and texts, whatever they are", () => {
    const number = fc.oneof(
      fc.maxSafeInteger(),
      fc.nat(100),
      fc.nat(2 ** 32).map((n) => n / 256 / 1e9),
      fc.maxSafeNat().map((n) => n / 4096),
      fc.double({ noDefaultInfinity: true }),
      fc.constant(Number.NaN),
    );
    const text = fc.option(fc.string({ unit: "binary", maxLength: 4 }), { nil: undefined });
    const table = fc.nat(40).chain((rows) => {
      const of = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: rows, maxLength: rows });
      const unit = fc.oneof(
        ...[
          fc.constantFrom(0.1, 1 / 3, 1e300, Number.NaN),
          fc.nat(),
          fc.nat(2 ** 32).map((n) => n / 256 / 1e9),
          number,
        ].map(of),
      );
      return fc.record({
        rows: fc.constant(rows),
        a: unit,
        b: of(number),
        c: of(text),
        d: of(fc.constantFrom("x", undefined)),
      });
    });
    fc.assert(
      fc.property(table, ({ rows, a, b, c, d }) => {
        const numbers = new Map(
          Object.entries({ a, b }).map(([name, values]) => [name, Float64Array.from(values, (v) => v + 0)]),
        );
        const texts = new Map(Object.entries({ c, d }).map(([name, column]) => [name, TextColumn.from(column)]));
        const bytes = writeColumns({ numbers, texts }, rows);
        const read = readColumns(Buffer.concat([Buffer.from("xyz"), bytes]), 3);
        const isFull = (column: Float64Array) => !column.every(Number.isNaN);
        const said = (column: TextColumn) => Array.from({ length: rows }, (_, i) => column.at(i));
        expect(read.end).toBe(3 + bytes.length);
        expect([...read.numbers]).toEqual([...numbers].filter(([, column]) => isFull(column)));
        expect([...read.texts].map(([name, column]) => [name, said(column)])).toEqual(
          Object.entries({ c, d }).filter(([, column]) => column.some((value) => value !== undefined)),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it("cannot be made of what is too short or of another type", () => {
    const values = new Float64Array(2);
    const write = (column: object) => () =>
      addon.writeColumns({ rows: 2, columns: [{ name: "a", values, ...column }] });
    expect(write({ values: new Float64Array(1) })).toThrow(/^values must have 2 elements at least$/);
    expect(write({ values: [0, 0] })).toThrow(/^values must be a Float64Array$/);
    expect(write({ name: 5 })).toThrow(/^name must be a string$/);
    expect(write({ texts: ["x", 5] })).toThrow(/^texts must be an array of strings$/);
    expect(() => addon.writeColumns({ rows: -1, columns: [] })).toThrow(/^rows must be from 0 to/);
  });

  it("take two bytes for what grows steadily, and none for what all have", () => {
    const rows = 1000;
    const numbers = new Map([["n", Float64Array.from({ length: rows }, (_, i) => 1e9 + 60 * i)]]);
    const same = new Map([["m", new Float64Array(rows).fill(48_000)]]);
    expect(writeColumns({ numbers, texts: new Map() }, rows).length).toBeLessThan(2 * rows + 40);
    expect(writeColumns({ numbers: same, texts: new Map() }, rows).length).toBeLessThan(40);
  });
});
