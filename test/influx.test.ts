// SPDX-License-Identifier: MIT
/** Points in a real influxd. Oracle: what InfluxQL reads back, beside the figures put in. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { InfluxOptions } from "../src/influx.js";
import { SCHEMA } from "../src/point.js";
import { sanitizeTag } from "../src/tag.js";
import { can } from "./capability.js";
import { type FedSink, feedInflux } from "./feeds.js";
import { type Influxd, type Row, startInfluxd } from "./influxd.js";
import {
  DATAGRAMS,
  iceServer,
  inboundStream,
  makeSample,
  outboundStream,
  remoteInbound,
  remoteOutbound,
  rtcpOf,
} from "./samples.js";

/** Of all fields: seconds, rates, shares and times with a fraction. The others are counters and numbers. */
const FLOATS = `bitsPerSecond packetsPerSecond fractionLost jitter jitterRfc3550 lastPacketReceivedTimestamp
  lastPacketSentTimestamp currentRoundTripTime totalRoundTripTime minRoundTripTime maxRoundTripTime responseDelay
  totalResponseDelay lastStunTimestamp medianRoundTripTime p95RoundTripTime p99RoundTripTime maxResponseDelay
  medianResponseDelay p95ResponseDelay dtlsClientHelloTimestamp dtlsHandshakeMs roundTripTime lastReportTimestamp remoteTimestamp
  xrLossRate xrDiscardRate xrBurstDensity xrGapDensity xrBurstDuration xrGapDuration xrRoundTripDelay xrEndSystemDelay
  xrJitterBufferDelay xrMosListening xrMosConversational`.split(/\s+/);

const STRINGS = [
  "clockRateSource",
  "rttSource",
  "iceRole",
  "dtlsRole",
  "dtlsState",
  "serverKind",
  "protocol",
  "cipher",
];
const BOOLEANS = ["nominated", "consentExpired"];

function expectedType(field: string): string {
  if (STRINGS.includes(field)) return "string";
  if (BOOLEANS.includes(field)) return "boolean";
  return FLOATS.includes(field) ? "float" : "integer";
}

/** Soon on an idle machine, later on a busy one. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });
let influxd: Influxd;

function open(database: string, options: Partial<InfluxOptions> = {}, events: string[] = []): FedSink {
  const all = { url: influxd.url, database, createDatabase: true, ...options };
  return feedInflux(all, (line) => events.push(line), { backoffMinMs: 20, backoffMaxMs: 100, holdMs: 50 });
}

const without = (row: Row | undefined, ...names: string[]) =>
  Object.fromEntries(Object.entries(row ?? {}).filter(([name]) => !names.includes(name)));

describe.skipIf(!can.influxd.ok)(`influx: a real server — ${can.influxd.why}`, () => {
  beforeAll(async () => {
    influxd = await startInfluxd();
  });

  afterAll(async () => {
    await influxd?.stop();
  });

  const REPORTS = [remoteInbound(), remoteOutbound(), rtcpOf(), rtcpOf({ type: "outbound-rtcp" })];

  describe("a sample of everything", () => {
    let rows: Record<string, Row[]> = {};

    beforeAll(async () => {
      const sink = open("all");
      const first = makeSample({ iceServers: [iceServer()], reports: REPORTS });
      sink.write(first);
      sink.write({ ...first, timeNs: "1760000000123456790" });
      await sink.close(5_000);
      expect(sink.status()).toMatchObject({ written: 18, dropped: 0 });
      const measurements = SCHEMA.map((schema) => schema.measurement);
      const all = await Promise.all(measurements.map((name) => influxd.query(`SELECT * FROM "${name}"`, "all")));
      rows = Object.fromEntries(measurements.map((name, i) => [name, all[i] ?? []]));
    });

    it("has the type of each field", async () => {
      const keys = await influxd.query("SHOW FIELD KEYS", "all");
      const types = Object.fromEntries(keys.map((row) => [`${row.measurement}.${row.fieldKey}`, row.fieldType]));
      const { streams, candidatePairs, datagrams } = makeSample();
      const written = [
        ...streams,
        ...candidatePairs,
        iceServer(),
        ...REPORTS,
        { type: "rtcprobe", ...datagrams },
      ].flatMap(({ type, ...stats }) =>
        Object.keys(stats)
          .filter((name) => !/^(timestamp|ssrc|comm|cgroup|(src|dst)(Address|Port))$/.test(name))
          .map((name) => [`${type.replaceAll("-", "_")}.${name}`, expectedType(name)]),
      );
      expect(types).toEqual(Object.fromEntries(written));
    });

    it("has the tags of each measurement", async () => {
      const keys = await influxd.query("SHOW TAG KEYS", "all");
      const tagsOf = (name: string) => keys.filter((row) => row.measurement === name).map((row) => row.tagKey);
      const endpoints = ["cgroup", "comm", "dst", "host", "peer", "src"];
      expect(tagsOf("rtcprobe")).toEqual(["host"]);
      expect(tagsOf("candidate_pair")).toEqual(endpoints);
      expect(tagsOf("ice_server")).toEqual(endpoints);
      expect(tagsOf("inbound_rtp")).toEqual([...endpoints, "ssrc"]);
    });

    it("has the exact ns of each snapshot", () => {
      for (const name of Object.keys(rows)) {
        expect(rows[name]?.map((row) => row.time)).toEqual(["1760000000123456789", "1760000000123456790"]);
      }
    });

    it("has each value", () => {
      const tags = { host: "h1", comm: "agent", cgroup: "/system.slice/agent.service" };
      const { timestamp, type, srcAddress, srcPort, dstAddress, dstPort, ...inbound } = inboundStream();
      expect(without(rows.inbound_rtp?.[0], "measurement", "time")).toEqual({
        ...inbound,
        ...tags,
        ssrc: "3735928559",
        src: "192.0.2.7:5004",
        dst: "10.1.2.3:40000",
        peer: "192.0.2.7",
      });
      expect(rows.outbound_rtp?.[0]).toMatchObject({
        packetsSent: Number.MAX_SAFE_INTEGER,
        bitsPerSecond: 1_500_000.5,
        src: "[2001:db8::1]:40001",
        peer: "2001:db8::2",
      });
      expect(rows.candidate_pair?.[0]).toMatchObject({ currentRoundTripTime: 0.0231, maxRoundTripTime: 1, pid: 4711 });
      expect(without(rows.rtcprobe?.[0], "measurement", "time", "host")).toEqual(DATAGRAMS);
    });

    it("is one row when it is sent twice", async () => {
      const sink = open("all");
      sink.write(makeSample());
      await sink.close(5_000);
      expect(await influxd.query('SELECT * FROM "inbound_rtp"', "all")).toHaveLength(2);
    });
  });

  describe("tags", () => {
    const ALPHABET = [
      "\\",
      "'",
      '"',
      "\n",
      "\r",
      "\t",
      "\0",
      ",",
      "=",
      " ",
      "#",
      "a",
      "é",
      "🎧",
      "\ud800",
      "\u2028",
      "/",
    ];
    const hostile = fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 8 });
    const name = fc.oneof(hostile, fc.string({ unit: "binary", maxLength: 15 }), fc.string({ maxLength: 15 }));

    it("any name of a process or cgroup comes back as it was sanitised, and makes no other point", async () => {
      const database = "names";
      const property = fc.asyncProperty(
        fc.array(fc.tuple(name, name), { minLength: 200, maxLength: 200 }),
        async (pairs) => {
          await influxd.query(`DROP DATABASE "${database}"`);
          const sink = open(database);
          const streams = pairs.map(([comm, cgroup], ssrc) => inboundStream({ ssrc, comm, cgroup }));
          sink.write(makeSample({ streams, candidatePairs: [] }));
          await sink.close(10_000);
          expect(sink.status()).toMatchObject({ written: 201, dropped: 0 });
          const rows = await influxd.query(
            'SELECT "packetsLost", "comm", "cgroup", "ssrc" FROM "inbound_rtp"',
            database,
          );
          const got = rows.toSorted((a, b) => Number(a.ssrc) - Number(b.ssrc)).map((row) => [row.comm, row.cgroup]);
          expect(got).toEqual(pairs.map((pair) => pair.map((text) => sanitizeTag(text) ?? null)));
          const measurements = await influxd.query("SHOW MEASUREMENTS", database);
          expect(measurements.map((row) => row.name)).toEqual(["inbound_rtp", "rtcprobe"]);
        },
      );
      await fc.assert(property, { numRuns: 1, endOnFailure: true });
    });

    it("a name that ends the line begins no point of its own", async () => {
      const sink = open("forged");
      const comm = "x\nforged,host=h1 jitter=9";
      sink.write(makeSample({ streams: [inboundStream({ comm })], candidatePairs: [] }));
      await sink.close(5_000);
      const measurements = await influxd.query("SHOW MEASUREMENTS", "forged");
      expect(measurements.map((row) => row.name)).toEqual(["inbound_rtp", "rtcprobe"]);
    });
  });

  describe("what the server refuses", () => {
    it("of a batch: the good points are stored, the others counted with the reason", async () => {
      await influxd.query('CREATE DATABASE "conflict"');
      const body = "outbound_rtp,host=h0 packetsSent=1.5 1760000000123456789";
      await fetch(`${influxd.url}/write?db=conflict`, { method: "POST", body });
      const sink = open("conflict");
      sink.write(makeSample({ streams: [inboundStream(), outboundStream()], candidatePairs: [] }));
      await sink.close(5_000);
      expect(sink.status()).toMatchObject({ state: "ok", written: 2, dropped: 1, queued: 0 });
      expect(sink.status().lastError).toContain("field type conflict");
      expect(await influxd.query('SELECT * FROM "inbound_rtp"', "conflict")).toHaveLength(1);
      expect(await influxd.query('SELECT * FROM "outbound_rtp"', "conflict")).toHaveLength(1);
    });

    it("points older than the retention policy", async () => {
      await influxd.query('CREATE DATABASE "short" WITH DURATION 1h');
      const sink = open("short");
      sink.write(makeSample({ timeNs: "1500000000000000000" }));
      await sink.close(5_000);
      expect(sink.status()).toMatchObject({ state: "ok", written: 0, dropped: 4 });
    });

    it("a retention policy that is not there is waited for", async () => {
      await influxd.query('CREATE DATABASE "policy"');
      const events: string[] = [];
      const sink = open("policy", { retentionPolicy: "weeks" }, events);
      sink.write(makeSample());
      await eventually(() =>
        expect(events[0]).toContain("retention policy not found: weeks; create the retention policy"),
      );
      await influxd.query('CREATE RETENTION POLICY "weeks" ON "policy" DURATION INF REPLICATION 1');
      await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 4, dropped: 0 }));
      expect(await influxd.query('SELECT * FROM "weeks"."rtcprobe"', "policy")).toHaveLength(1);
      await sink.close(1_000);
    });
  });
});

describe.skipIf(!can.influxd.ok)(`influx: a real server that stops and comes back — ${can.influxd.why}`, () => {
  it("every sample is stored once, and two lines tell of it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "rtcprobe-influxd-"));
    influxd = await startInfluxd({ directory });
    const { port } = influxd;
    const events: string[] = [];
    const sink = open("outage", {}, events);
    const writeUntil = async (end: number, stop: () => boolean) => {
      for (let n = end - 10; n < end || !stop(); n++) {
        sink.write(makeSample({ timeNs: String(1_760_000_000_000_000_000n + BigInt(n)) }));
        written.add(n);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const written = new Set<number>();
    await writeUntil(10, () => sink.status().written > 0);
    await influxd.stop();
    await writeUntil(100_000, () => sink.status().state === "failing");
    influxd = await startInfluxd({ directory, port });
    await writeUntil(200_000, () => sink.status().state === "ok");
    await sink.close(5_000);
    const rows = await influxd.query('SELECT "seen" FROM "rtcprobe"', "outage");
    await influxd.stop();
    rmSync(directory, { recursive: true });
    expect(rows.map((row) => Number(String(row.time).slice(-6)))).toEqual([...written]);
    expect(sink.status()).toMatchObject({ written: 4 * written.size, dropped: 0, queued: 0 });
    expect(events).toEqual([
      expect.stringContaining("points wait in the journal until it answers"),
      expect.stringContaining("points are taken again after"),
    ]);
  });
});
