// SPDX-License-Identifier: MIT
/**
 * The dashboard. Oracle: its queries, expanded as Grafana does it, on a real influxd that holds samples of known figures;
 * the JSON that the code makes; the names of rtcprobe's own settings.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildDashboard, formatDashboard } from "../grafana/dashboard.js";
import type { Call } from "../src/call/call.js";
import { fallbackPoints, metricPoints } from "../src/call/metricpoint.js";
import { readReadings } from "../src/call/reading.js";
import { SETTINGS, settingVariable } from "../src/settings.js";
import type { InboundRtpStats } from "../src/stats.js";
import { can } from "./capability.js";
import { feedInflux } from "./feeds.js";
import { expandMacros, expandVariables, readDashboard, type Selection } from "./grafanaquery.js";
import { type Influxd, type Row, startInfluxd } from "./influxd.js";
import {
  candidatePair,
  DATAGRAMS,
  inboundStream,
  makeSample,
  outboundStream,
  remoteInbound,
  rtcpOf,
} from "./samples.js";

const FILE = new URL("../grafana/dashboards/rtcprobe.json", import.meta.url);
const dashboard = readDashboard(FILE);

describe("grafana: the dashboard's file", () => {
  it("is what the code makes (else: npx tsx grafana/build.ts)", () => {
    expect(readFileSync(FILE, "utf8")).toBe(formatDashboard(buildDashboard()));
  });

  it("numbers its panels, shows legends, and takes the datasource that is chosen", () => {
    const { panels = [] } = buildDashboard();
    const ids = panels.map((panel) => panel.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const panel of panels) {
      if (panel.type === "row" || !("targets" in panel)) continue;
      expect(panel.datasource).toEqual({ type: "influxdb", uid: "$datasource" });
      expect(panel.options).toMatchObject({ legend: { showLegend: true } });
    }
  });

  it("has units: seconds for jitter and round trips, bits per second for rates", () => {
    const { panels = [] } = buildDashboard();
    const units = Object.fromEntries(
      panels.flatMap((panel) => ("fieldConfig" in panel ? [[panel.title, panel.fieldConfig?.defaults.unit]] : [])),
    );
    expect(units).toMatchObject({
      Jitter: "s",
      "Round-trip time": "s",
      "Bit rate": "bps",
      "Fraction lost": "percentunit",
    });
  });
});

describe("grafana: provisioning", () => {
  const read = (name: string) =>
    parse(readFileSync(new URL(`../grafana/provisioning/${name}/rtcprobe.yaml`, import.meta.url), "utf8"));

  it("takes where and who from variables that are rtcprobe's own, and holds no secret", () => {
    const [{ url, user, jsonData, secureJsonData, type }] = read("datasources").datasources;
    expect(type).toBe("influxdb");
    const variables = [url, user, jsonData.dbName, ...Object.values(secureJsonData)];
    expect(variables).toHaveLength(4);
    const settings = SETTINGS.map((setting) => `$${settingVariable(setting)}`);
    expect(settings).toEqual(expect.arrayContaining(variables));
  });

  it("loads dashboards from files", () => {
    expect(read("dashboards").providers).toEqual([expect.objectContaining({ type: "file", name: "rtcprobe" })]);
  });
});

/** One minute of samples: each total grows by a known step, and each float is exact in binary, so also in a mean. */
const BEGIN_MS = 1_760_000_000_000;
const SECONDS = 60;
const ODD = "we.ird (x)/[y]|z*";

/** What the depth probe and the E-model add; each second two runs of three packets are lost, and a quarter of it is a freeze. */
function deep(second: number): Partial<InboundRtpStats> {
  const none = ["1", "2", "4", "5", "6", "7", "8", "9", "10OrMore"].map((run) => [`lossRunsOf${run}`, 0]);
  const causes = ["pauseGap", "lateSenderGap", "lateNetworkGap", "lateGap"].map((cause) => [`${cause}Duration`, 0]);
  return {
    ...Object.fromEntries([...none, ...causes]),
    lossRunsOf3: 2 * second,
    outageGapDuration: second / 2,
    burstLossRate: 0.5,
    gapLossRate: 2 ** -6,
    delayVariationP50: 2 ** -10,
    delayVariationP95: 2 ** -9,
    delayVariationP99: 2 ** -8,
    framesPerSecond: 30,
    totalFrameFreezesDuration: second / 4,
    quality: 97,
    mosCq: 4.25,
  };
}

function sampleAt(second: number, host: string) {
  const near = { srcAddress: "192.0.2.7", dstAddress: "10.0.0.1" };
  const far = { srcAddress: "2001:db8::7", dstAddress: "2001:db8::1" };
  const { comm, pid, cgroup, ...nameless } = inboundStream({ ssrc: 3, srcAddress: "198.51.100.1" });
  const datagrams = Object.fromEntries(Object.keys(DATAGRAMS).map((name, i) => [name, second * (i + 1)]));
  const measured = Math.floor(second / 5);
  return makeSample({
    timeNs: `${BEGIN_MS + second * 1_000}123456`,
    streams: [
      inboundStream({
        ...near,
        ssrc: 1,
        comm: "agent",
        packetsLost: 2 * second,
        jitter: 2 ** -8,
        jitterRfc3550: 2 ** -7,
        ...deep(second),
      }),
      inboundStream({ ...far, ssrc: 2, comm: ODD, packetsLost: 7, jitter: 0.001, bitsPerSecond: 64_000 }),
      nameless,
      outboundStream({
        srcAddress: "10.0.0.1",
        dstAddress: "192.0.2.7",
        ssrc: 4,
        comm: "agent",
        packetsPerSecond: 50,
        framesPerSecond: 30,
      }),
    ],
    reports: [
      remoteInbound({ ssrc: 4, comm: "agent", roundTripTime: 2 ** -5, fractionLost: 2 ** -4, jitter: 2 ** -9 }),
      rtcpOf({ ssrc: 1, comm: "agent", nacks: 3 * second, plis: second, firs: 0 }),
      rtcpOf({ type: "outbound-rtcp", ssrc: 4, comm: "agent", nacks: second, plis: 0, firs: 0 }),
    ],
    candidatePairs: [
      candidatePair({
        srcAddress: "10.0.0.1",
        dstAddress: "192.0.2.7",
        comm: "agent",
        currentRoundTripTime: 2 ** -6,
        // One round trip every five seconds: 20 ms in the first half of the minute, 40 ms in the other.
        roundTripTimeMeasurements: measured,
        totalRoundTripTime: 0.02 * measured + 0.02 * Math.max(0, measured - 6),
      }),
    ],
    datagrams: datagrams as typeof DATAGRAMS,
    ...(host === "h2" ? { streams: [], candidatePairs: [], reports: [] } : {}),
  });
}

/** What is stored after two calls: Daily's records, four each, and the round trips of the first, which had no STUN. */
function dailyPoints(host: string) {
  return [1, 2].flatMap((call) => {
    const raws = [15, 30, 45, 60].map((second) => ({
      time: new Date(BEGIN_MS + (second - 1) * 1000).toISOString(),
      mtgSessionId: `meeting-${call}`,
      userSessionId: `participant-${call}`,
      userRecvBitsPerSecAvg: 1_000_000 * call,
      userSentBitsPerSecAvg: 64_000 * call,
      videoRecvPacketLoss: 2 ** -call,
      metrics: { recv: { rtt: 2 ** -5 } },
    }));
    const place = { srcAddress: "10.0.0.2", srcPort: 7, dstAddress: "192.0.2.7", dstPort: 8, comm: "agent" };
    const told: Call = {
      id: "00000001",
      participant: `participant-${call}`,
      source: "control",
      place,
      startedAt: BEGIN_MS,
      endedAt: BEGIN_MS + 60_000,
      daily: { phase: "fetched", polls: 2, metrics: 4 },
    };
    const trips = call === 1 ? fallbackPoints(readReadings(raws, told).ours, told, host) : [];
    return [...metricPoints(raws, told), ...trips];
  });
}

describe.skipIf(!can.influxd.ok)(`grafana: queries on a real influxd — ${can.influxd.why}`, () => {
  let influxd: Influxd;

  beforeAll(async () => {
    influxd = await startInfluxd();
    for (const host of ["h1", "h2"]) {
      const sink = feedInflux({ url: influxd.url, database: "calls", createDatabase: true }, () => {}, {}, { host });
      for (let second = 0; second < SECONDS; second++) sink.write(sampleAt(second, host));
      if (host === "h1") sink.write({ timestamp: BEGIN_MS, points: dailyPoints(host) });
      await sink.close(10_000);
      expect(sink.status()).toMatchObject({ dropped: 0, queued: 0 });
    }
  });
  afterAll(() => influxd?.stop());

  const range = (intervalMs: number) => ({ fromMs: BEGIN_MS, toMs: BEGIN_MS + SECONDS * 1_000, intervalMs });

  function run(query: string, selection: Selection = {}, intervalMs = 10_000): Promise<Row[]> {
    const expanded = expandMacros(expandVariables(query, dashboard.variables, selection), range(intervalMs));
    expect(expanded).not.toContain("$_");
    expect(expanded.replaceAll("$/", "")).not.toContain("$");
    return influxd.query(expanded, "calls");
  }

  function rowsOf(panel: string, refId: string, selection?: Selection, intervalMs?: number): Promise<Row[]> {
    const target = dashboard.targets.find((one) => one.panel === panel && one.refId === refId);
    expect(target, `${panel} ${refId}`).toBeDefined();
    return run(target?.query ?? "", selection, intervalMs);
  }

  const values = (rows: Row[], column: string, where: Row = {}) =>
    rows.filter((row) => Object.entries(where).every(([key, value]) => row[key] === value)).map((row) => row[column]);

  it.each(dashboard.targets.flatMap((target) => [1_000, 10_000, 60_000].map((ms) => ({ ...target, ms }))))(
    "$panel $refId at $ms ms has series",
    async ({ query, ms }) => {
      const rows = await run(query, {}, ms);
      const columns = Object.keys(rows[0] ?? {}).filter((name) => name !== "time" && name !== "measurement");
      // A derivative over one interval of the length of the whole range has nothing to start from.
      if (ms < 60_000 || !/derivative|difference/.test(query)) expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) for (const column of columns) expect(row[column]).not.toBeNull();
    },
  );

  it("jitter of every stream, also of one without a process", async () => {
    const rows = await rowsOf("Jitter", "A");
    expect(new Set(values(rows, "jitter", { ssrc: "1" }))).toEqual(new Set([2 ** -8]));
    expect(new Set(rows.map((row) => row.ssrc))).toEqual(new Set(["1", "2", "3"]));
    expect(new Set(values(await rowsOf("Jitter", "B"), "jitterRfc3550", { ssrc: "1" }))).toEqual(new Set([2 ** -7]));
  });

  it("loss per second is the growth of the total, per second at any interval", async () => {
    for (const ms of [1_000, 10_000]) {
      const rows = await rowsOf("Packets lost", "A", {}, ms);
      const rates = values(rows, "lost", { ssrc: "1" }) as number[];
      expect(rates.length).toBeGreaterThanOrEqual(5);
      for (const rate of rates) expect(rate).toBeCloseTo(2, 9);
      expect(new Set(values(rows, "lost", { ssrc: "2" }))).toEqual(new Set([0]));
    }
    expect(new Set(values(await rowsOf("Fraction lost", "A"), "fractionLost"))).toEqual(new Set([0.0625]));
  });

  it("in depth: runs by their length, bursts beside gaps, gaps by cause, and freezes as shares of the time", async () => {
    const runs = await rowsOf("Lost in a row", "A");
    for (const rate of values(runs, "3") as number[]) expect(rate).toBeCloseTo(2, 9);
    expect(new Set(values(runs, "10 or more"))).toEqual(new Set([0]));
    expect(new Set(values(await rowsOf("Loss in bursts", "A"), "burstLossRate"))).toEqual(new Set([0.5]));
    expect(new Set(values(await rowsOf("Loss in bursts", "B"), "gapLossRate"))).toEqual(new Set([2 ** -6]));
    for (const share of values(await rowsOf("Gaps by cause", "A"), "lost") as number[])
      expect(share).toBeCloseTo(0.5, 9);
    for (const share of values(await rowsOf("Freezes", "A"), "frozen") as number[]) expect(share).toBeCloseTo(0.25, 9);
    expect(new Set(values(await rowsOf("Opinion score", "A"), "mosCq"))).toEqual(new Set([4.25]));
  });

  it("what the far ends say, and feedback per second in each direction", async () => {
    expect(new Set(values(await rowsOf("Far end: round-trip time", "A"), "roundTripTime"))).toEqual(new Set([2 ** -5]));
    for (const rate of values(await rowsOf("Feedback", "A"), "NACK") as number[]) expect(rate).toBeCloseTo(3, 9);
    for (const rate of values(await rowsOf("Feedback", "B"), "NACK") as number[]) expect(rate).toBeCloseTo(1, 9);
  });

  it("round-trip time: the latest, and the mean of those of an interval, none where none was measured", async () => {
    expect(new Set(values(await rowsOf("Round-trip time", "A"), "currentRoundTripTime"))).toEqual(new Set([2 ** -6]));
    const means = values(await rowsOf("Round-trip time", "B"), "mean") as number[];
    expect(means).toHaveLength(5);
    expect(means[0]).toBeCloseTo(0.02, 9);
    expect(means.at(-1)).toBeCloseTo(0.04, 9);
    // One measurement each five seconds: eleven in the minute after the first, at the interval of the samples.
    expect(await rowsOf("Round-trip time", "B", {}, 1_000)).toHaveLength(11);
  });

  it("Daily's round trips apart from this host's, in the series of the pair that had none", async () => {
    const own = await rowsOf("Round-trip time", "A");
    expect(new Set(values(own, "src"))).toEqual(new Set(["10.0.0.1:40000"]));
    const theirs = await rowsOf("Round-trip time", "C");
    expect(theirs).toHaveLength(4);
    for (const row of theirs)
      expect(row).toMatchObject({ src: "10.0.0.2:7", comm: "agent", currentRoundTripTime: 2 ** -5 });
  });

  it("Daily's records per participant, and of a chosen meeting", async () => {
    const received = await rowsOf("Daily: bit rate", "A");
    expect(new Set(values(received, "userRecvBitsPerSecAvg", { participant: "participant-2" }))).toEqual(
      new Set([2e6]),
    );
    expect(received).toHaveLength(8);
    const sent = await rowsOf("Daily: bit rate", "B", { meeting: ["meeting-1"] });
    expect(values(sent, "userSentBitsPerSecAvg")).toEqual(Array(4).fill(64_000));
    const loss = await rowsOf("Daily: video loss", "A", { meeting: ["meeting-2"], process: ["no matter"] });
    expect(new Set(values(loss, "videoRecvPacketLoss"))).toEqual(new Set([0.25]));
  });

  it("rates in and out", async () => {
    expect(new Set(values(await rowsOf("Bit rate", "A"), "bitsPerSecond", { ssrc: "2" }))).toEqual(new Set([64_000]));
    expect(new Set(values(await rowsOf("Bit rate", "B"), "bitsPerSecond"))).toEqual(new Set([1_500_000.5]));
    expect(new Set(values(await rowsOf("Packets", "B"), "packetsPerSecond"))).toEqual(new Set([50]));
  });

  it("datagrams: every outcome but their sum, per host", async () => {
    const rows = await rowsOf("Datagrams by outcome", "A");
    const columns = Object.keys(rows[0] ?? {}).filter((name) => !["time", "measurement", "host"].includes(name));
    expect(columns).toHaveLength(Object.keys(DATAGRAMS).length - 1);
    expect(new Set(rows.map((row) => row.host))).toEqual(new Set(["h1", "h2"]));
    // The outcomes are written to grow by 2, 3, 4, … a second; `seen`, which grows by 1, is not shown.
    const rates = columns.map((column) => Math.round(Number(rows[0]?.[column]) * 1e6) / 1e6);
    expect(rates.toSorted((a, b) => a - b)).toEqual(columns.map((_, i) => i + 2));
  });

  describe("variables", () => {
    const lookUp = async (name: string, selection: Selection = {}) => {
      const variable = dashboard.variables.find((one) => one.name === name);
      const rows = await run(variable?.query ?? "", selection);
      return [...new Set(rows.map((row) => row.value))].sort();
    };

    it("list what there is, each within what is chosen before it", async () => {
      expect(await lookUp("host")).toEqual(["h1", "h2"]);
      expect(await lookUp("meeting")).toEqual(["meeting-1", "meeting-2"]);
      expect(await lookUp("process")).toEqual(["agent", ODD]);
      expect(await lookUp("process", { host: ["h2"] })).toEqual([]);
      expect(await lookUp("peer")).toEqual(["192.0.2.7", "198.51.100.1", "2001:db8::7"]);
      expect(await lookUp("peer", { process: [ODD] })).toEqual(["2001:db8::7"]);
      expect(await lookUp("peer", { host: ["h1"], process: ["agent", ODD] })).toEqual(["192.0.2.7", "2001:db8::7"]);
    });

    it.each<[string, Selection, string[]]>([
      ["one process", { process: ["agent"] }, ["1"]],
      ["one of an odd name", { process: [ODD] }, ["2"]],
      ["several", { process: ["agent", ODD] }, ["1", "2"]],
      ["one peer", { peer: ["192.0.2.7"] }, ["1"]],
      ["several peers", { peer: ["192.0.2.7", "198.51.100.1"] }, ["1", "3"]],
      ["a peer that is no pattern", { peer: ["192.0.2.."] }, []],
      ["a host", { host: ["h1"] }, ["1", "2", "3"]],
      ["another host", { host: ["h2"] }, []],
      ["the begin of a name", { process: ["agen"] }, []],
      ["the end of a name", { process: ["gent"] }, []],
    ])("%s", async (_, selection, ssrcs) => {
      const rows = await rowsOf("Jitter", "A", selection);
      expect([...new Set(rows.map((row) => row.ssrc))].sort()).toEqual(ssrcs);
    });

    it("of the host choose datagrams too", async () => {
      const rows = await rowsOf("Datagrams by outcome", "A", { host: ["h2"], process: ["agent"] });
      expect(new Set(rows.map((row) => row.host))).toEqual(new Set(["h2"]));
    });
  });
});
