// SPDX-License-Identifier: MIT
/** Samples in line protocol. Oracles: what npm influx sends to a socket for the same points; String of the same numbers. */
import fc from "fast-check";
import { InfluxDB } from "influx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LineEncoder } from "../src/encoder.js";
import { formatLine } from "../src/line.js";
import { addon, type LineField, type LinePlace } from "../src/native.js";
import { SCHEMA } from "../src/point.js";
import { BEHAVIOURS, type FaultServer, startFaultServer } from "./faultserver.js";
import { parseLine } from "./points.js";
import { candidatePair, inboundStream, makeSample, outboundStream } from "./samples.js";

describe("line protocol", () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await startFaultServer(BEHAVIOURS.take);
  });
  afterAll(() => server.close());

  it("is that of npm influx, for any names and numbers", async () => {
    const client = new InfluxDB({ host: "127.0.0.1", port: server.port, database: "db", schema: [...SCHEMA] });
    const name = fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.string({ maxLength: 12 }));
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const property = fc.asyncProperty(
      name,
      name,
      number,
      fc.maxSafeNat(),
      async (comm, cgroup, jitter, packetsLost) => {
        const owner = { comm, cgroup };
        const sample = makeSample({
          streams: [inboundStream({ ...owner, jitter, packetsLost }), outboundStream(owner)],
          candidatePairs: [candidatePair({ ...owner, rttSource: "stun" })],
        });
        const lines = [...new LineEncoder({ host: comm || "h", perStream: true }).encode(sample)];
        const points = lines.map(parseLine);
        server.requests.length = 0;
        await client.writePoints(points);
        expect(lines.join("\n")).toBe(server.requests[0]?.body);
        expect(points.map(formatLine)).toEqual(lines);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it("of a measurement of nobody's schema: numbers are floats, all else is text", () => {
    const point = {
      measurement: "daily_metrics",
      tags: { meeting: "m 1" },
      fields: { b: 1, a: 'x"\\' },
      timestamp: "5",
    };
    expect(formatLine(point)).toBe('daily_metrics,meeting=m\\ 1 a="x\\"\\\\",b=1 5');
  });
});

/** The lines of rows of these fields, as far as there is room for them. */
function writeRows(fields: readonly LineField[], changes: Partial<LinePlace> & { skipped?: Uint8Array } = {}) {
  const rows = fields[0]?.values.length ?? 0;
  const { skipped = new Uint8Array(rows), ...given } = changes;
  const place = { bytes: Buffer.alloc(10_000), starts: new Float64Array(rows + 1), row: 0, line: 0, at: 0, ...given };
  const seriesEnds = Float64Array.from({ length: rows }, (_, i) => i + 1);
  const series = Buffer.alloc(rows, "s");
  const table = {
    series,
    seriesEnds,
    kinds: new Uint8Array(rows),
    fields: [fields, []],
    skipped,
    tail: " 7\n",
  } as const;
  const refused = addon.writeLines(table, place);
  return { refused, place, text: place.bytes.toString("utf8", 0, place.at) };
}

const floats = (...values: number[]): LineField => ({
  name: ",a=",
  values: Float64Array.from(values),
  isInteger: false,
});

describe("line protocol: numbers", () => {
  const write = (value: number): string => writeRows([floats(value)]).text.slice("s a=".length, -" 7\n".length);

  it.each([
    0,
    -0,
    1,
    9,
    10,
    99,
    100,
    2 ** 31,
    2 ** 32,
    1e8,
    1e9,
    999_999_999,
    1_000_000_001,
    2 ** 53 - 1,
    2 ** 53,
    1e21,
    0.1,
    0.001,
    0.000001,
    1e-7,
    0.000300230004,
    1_760_000_000_123.456,
    -1.5,
    4503599.627370496,
    5e-324,
    Number.MAX_VALUE,
  ])("%d", (value) => {
    expect(write(value)).toBe(String(value));
  });

  it("any", () => {
    const decimal = fc.tuple(fc.maxSafeNat(), fc.constantFrom(10, 1e3, 1e6, 1e9, 1e12)).map(([n, unit]) => n / unit);
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.oneof(decimal, double, fc.maxSafeInteger()), (value) => {
        expect(write(value)).toBe(String(value));
      }),
      { numRuns: 5000 },
    );
  });
});

describe("line protocol: rows", () => {
  const texts: LineField = {
    name: ",t=",
    values: Float64Array.of(1, Number.NaN, 0),
    isInteger: false,
    texts: ['"é"', '"b"'],
  };
  const numbers: LineField = { name: ",n=", values: Float64Array.of(5, 6, Number.NaN), isInteger: true };

  it("have the fields that there are", () => {
    expect(writeRows([numbers, texts]).text).toBe('s n=5i,t="b" 7\ns n=6i 7\ns t="é" 7\n');
  });

  it("whose values repeat, and are missing now and then", () => {
    const few = fc.constantFrom(Number.NaN, 0, -0, 1, 2);
    const row = fc.tuple(few, few, few);
    const formatRow = ([float, whole, text]: [number, number, number]): string => {
      const written = [
        ...(Number.isNaN(float) ? [] : [`a=${float}`]),
        ...(Number.isNaN(whole) ? [] : [`a.rather.long.name=${whole}i`]),
        ...(Number.isNaN(text) ? [] : [`t=${['"0"', '"one"', '"a text of two chunks"'][text]}`]),
      ];
      return `s${written.length > 0 ? ` ${written.join(",")}` : ""} 7\n`;
    };
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), (rows) => {
        const column = (i: number): Float64Array => Float64Array.from(rows, (values) => values[i] as number);
        const fields: LineField[] = [
          floats(...column(0)),
          { name: ",a.rather.long.name=", values: column(1), isInteger: true },
          { name: ",t=", values: column(2), isInteger: false, texts: ['"0"', '"one"', '"a text of two chunks"'] },
        ];
        expect(writeRows(fields).text).toBe(rows.map(formatRow).join(""));
      }),
      { numRuns: 1000 },
    );
  });

  it("end where there is no more room, and go on where they ended", () => {
    let { place, text } = writeRows([numbers, texts], { bytes: Buffer.alloc(120) });
    expect([place.row, place.line, place.at]).toEqual([1, 1, text.length]);
    const bytes = Buffer.alloc(1000);
    bytes.set(place.bytes);
    ({ place, text } = writeRows([numbers, texts], { ...place, bytes }));
    expect(text).toBe(writeRows([numbers, texts]).text);
    expect([...place.starts.subarray(0, 3)]).toEqual([0, 15, 24]);
  });

  it("that are skipped are none", () => {
    const { text, place } = writeRows([numbers, texts], { skipped: Uint8Array.of(0, 1, 0) });
    expect(text).toBe('s n=5i,t="b" 7\ns t="é" 7\n');
    expect([place.row, place.line]).toEqual([3, 2]);
  });

  it.each([0.5, 2 ** 53, -(2 ** 53), Number.POSITIVE_INFINITY])("of integers refuse %d", (value) => {
    const { refused, place, text } = writeRows([floats(1, 2), { ...numbers, values: Float64Array.of(1, value) }]);
    expect([refused, place.row, text]).toEqual([1, 1, "s a=1,n=1i 7\n"]);
  });

  it.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("of floats refuse %d", (value) => {
    expect(writeRows([floats(value)])).toMatchObject({ refused: 0, text: "" });
  });

  it("of texts refuse what is in no list", () => {
    expect(writeRows([{ ...texts, values: Float64Array.of(2) }]).refused).toBe(0);
    expect(writeRows([{ ...texts, values: Float64Array.of(-1) }]).refused).toBe(0);
  });

  it("cannot be made of what is too short, and nothing is read behind its end", () => {
    const wrong: [string, () => unknown][] = [
      ["values", () => writeRows([floats(1, 2), { ...numbers, values: Float64Array.of(1) }])],
      ["starts", () => writeRows([floats(1, 2)], { starts: new Float64Array(1) })],
      ["at", () => writeRows([floats(1)], { at: 10_001 })],
      ["row", () => writeRows([floats(1)], { row: 2 })],
      ["skipped", () => writeRows([floats(1)], { skipped: new Uint8Array(0) })],
      ["bytes", () => writeRows([floats(1)], { bytes: {} as Uint8Array })],
    ];
    for (const [name, write] of wrong) expect(write, name).toThrow(new RegExp(`^${name} must`));
  });
});
