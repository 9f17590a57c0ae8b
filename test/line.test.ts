// SPDX-License-Identifier: MIT
/** Samples in line protocol. Oracles: what npm influx sends to a socket for the same points; String of the same numbers. */
import fc from "fast-check";
import { InfluxDB } from "influx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LineEncoder } from "../src/encoder.js";
import { formatLine } from "../src/line.js";
import { LineBuffer } from "../src/linebuffer.js";
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

describe("line protocol: numbers", () => {
  const write = (value: number): string => {
    const buffer = new LineBuffer();
    buffer.addNumber(value);
    return buffer.toString();
  };

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

  it("grows, and quotes what is no ASCII", () => {
    const buffer = new LineBuffer();
    const text = `"\\é${"ü".repeat(40_000)}"`;
    buffer.addQuoted(text);
    expect(buffer.toString()).toBe(`"${text.replace(/["\\]/g, "\\$&")}"`);
  });
});
