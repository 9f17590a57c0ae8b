// SPDX-License-Identifier: MIT
/** Points in line protocol. Oracle: what npm influx sends to a socket for the same points. */
import fc from "fast-check";
import { InfluxDB } from "influx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatLine } from "../src/line.js";
import { SCHEMA, samplePoints } from "../src/point.js";
import { BEHAVIOURS, type FaultServer, startFaultServer } from "./faultserver.js";
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
        const points = samplePoints(sample, { host: comm || "h", perStream: true });
        server.requests.length = 0;
        await client.writePoints(points);
        expect(points.map(formatLine).join("\n")).toBe(server.requests[0]?.body);
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
