// SPDX-License-Identifier: MIT
/** Values of any kind into a real influxd, plain and compressed. Oracle: fast-check chose them, InfluxQL reads them back. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Call } from "../src/call/call.js";
import { metricPoints } from "../src/call/metricpoint.js";
import type { Raw } from "../src/daily/record.js";
import type { Content } from "../src/sink.js";
import { sanitizeTag } from "../src/tag.js";
import { can } from "./capability.js";
import { METRIC } from "./dailyserver.js";
import { feedInflux } from "./feeds.js";
import { type Influxd, startInfluxd } from "./influxd.js";
import { candidatePair, inboundStream, makeSample } from "./samples.js";

const T0_NS = 1_760_000_000_000_000_000n;
const MANY = 300;

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: fc.constantFrom("\\", "'", '"', "\n", "\0", ",", "=", " ", "\ud800", "é", "🎧"), maxLength: 8 }),
);
const float = fc.double({ noNaN: true, noDefaultInfinity: true });
const whole = fc.maxSafeInteger();
const many = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: MANY, maxLength: MANY });

const CALL: Call = {
  id: "1",
  source: "control",
  startedAt: 0,
  daily: { phase: "pending", polls: 0, metrics: 0 },
};
/** What no name of a field may hold is replaced. */
const nameOf = (text: string): string => `k${text}`.toWellFormed().replace(/[\p{Cc}"\\]/gu, "\ufffd");

/** JSON has one zero, and 19 digits come as text. */
const number = (value: unknown): number => Number(value) + 0;

describe.skipIf(!can.influxd.ok)(`influx: round trip of any value — ${can.influxd.why}`, () => {
  let influxd: Influxd;
  beforeAll(async () => {
    influxd = await startInfluxd();
  });
  afterAll(() => influxd?.stop());

  async function store(database: string, gzip: boolean, contents: readonly Content[]): Promise<void> {
    const said: string[] = [];
    const influx = { url: influxd.url, database, createDatabase: true, gzip };
    const sink = feedInflux(influx, (line) => said.push(line));
    for (const content of contents) sink.write(content);
    await sink.close(20_000);
    expect([sink.status(), said]).toMatchObject([{ queued: 0, dropped: 0 }, []]);
  }

  it.each([false, true])("numbers, to the last digit (gzip %s)", async (gzip) => {
    const database = `numbers-${gzip}`;
    const property = fc.asyncProperty(many(fc.tuple(float, float, whole, whole)), async (values) => {
      const contents = values.map(([jitter, rtt, packetsLost, requestsSent], i) =>
        makeSample({
          timeNs: String(T0_NS + BigInt(i)),
          streams: [inboundStream({ jitter, packetsLost })],
          candidatePairs: [candidatePair({ currentRoundTripTime: rtt, requestsSent })],
        }),
      );
      await store(database, gzip, contents);
      const streams = await influxd.query('SELECT "jitter", "packetsLost" FROM "inbound_rtp"', database);
      const pairs = await influxd.query(
        'SELECT "currentRoundTripTime", "requestsSent" FROM "candidate_pair"',
        database,
      );
      const got = streams.map((row, i) =>
        [row.jitter, pairs[i]?.currentRoundTripTime, row.packetsLost, pairs[i]?.requestsSent].map(number),
      );
      expect(got).toEqual(values.map((row) => row.map(number)));
    });
    await fc.assert(property, { numRuns: 1, endOnFailure: true });
  });

  it.each([false, true])("names of fields and texts, of any Unicode (gzip %s)", async (gzip) => {
    const database = `texts-${gzip}`;
    const property = fc.asyncProperty(many(fc.tuple(anyText, anyText, float)), async (values) => {
      const points = values.flatMap(([name, text, value], i) => {
        const raw: Raw = { time: METRIC.time, mtgSessionId: `m${i}`, userSessionId: text, [`k${name}`]: text, value };
        return metricPoints([raw], CALL);
      });
      expect(points).toHaveLength(MANY);
      await store(database, gzip, [{ timestamp: 0, points }]);
      const rows = await influxd.query('SELECT * FROM "daily_metrics"', database);
      const byMeeting = new Map(rows.map((row) => [String(row.meeting), row]));
      const got = values.map(([name], i) => {
        const row = byMeeting.get(`m${i}`);
        return [row?.[`${nameOf(name)}.text`], row?.participant, number(row?.value)];
      });
      const sent = values.map(([, text, value]) => {
        const clean = sanitizeTag(text);
        return [clean ?? "", clean ?? null, number(value)];
      });
      expect(got).toEqual(sent);
      const measurements = await influxd.query("SHOW MEASUREMENTS", database);
      expect(measurements.map((row) => row.name)).toEqual(["daily_metrics"]);
    });
    await fc.assert(property, { numRuns: 1, endOnFailure: true });
  });
});
