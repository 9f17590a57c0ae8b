// SPDX-License-Identifier: MIT
/**
 * The main road: datagrams through the kernel program of `rtcprobe run` into a real influxd, and the dashboard's queries on
 * what is there. Oracle: loopcall.ts, which says what it sent; InfluxQL reads it back.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { Child } from "../demo/child.js";
import type { Sample } from "../src/stats.js";
import { can } from "./capability.js";
import { expandMacros, expandVariables, readDashboard } from "./grafanaquery.js";
import { type Influxd, type Row, startInfluxd } from "./influxd.js";
import type { LoopCall } from "./loopcall.js";

const why = [can.bpf, can.influxd].find((capability) => !capability.ok)?.why ?? "";
const RTCPROBE = join(import.meta.dirname, "..", "bin", "rtcprobe");
const LOOPCALL = join(import.meta.dirname, "loopcall.ts");
const INTERVAL_MS = 200;

const dashboard = readDashboard(new URL("../grafana/dashboards/rtcprobe.json", import.meta.url));

describe.skipIf(why !== "")(`influx: from the socket to the dashboard — ${why || "eBPF and influxd"}`, () => {
  const directory = mkdtempSync(join(tmpdir(), "rtcprobe-influx-live-"));
  const children: Child[] = [];
  let influxd: Influxd;
  let cgroup = "";
  let call: LoopCall;
  let callPid: number | undefined;
  let samples: Sample[] = [];
  let fromMs = 0;
  let exitCode: number | null;

  function start(name: string, command: string[], place: { cgroup?: string } = {}): Child {
    const child = new Child({ name, command: [process.execPath, ...command], ...place });
    children.push(child);
    return child;
  }

  beforeAll(async () => {
    influxd = await startInfluxd();
    cgroup = await createCgroup(`rtcprobe-influx-${process.pid}`);
    fromMs = Date.now();
    const influx = ["--influx-url", influxd.url, "--influx-database", "calls", "--host", "live"];
    const where = [
      "--source",
      "ebpf",
      "--cgroup",
      cgroup,
      "--socket",
      join(directory, "control.sock"),
      "--journal-directory",
      join(directory, "journal"),
      "--calls-directory",
      join(directory, "calls"),
    ];
    const daemon = start("rtcprobe", [
      RTCPROBE,
      "run",
      "--json",
      "--interval",
      `${INTERVAL_MS}ms`,
      ...["rtp", "stun", "rtcp", "depth"].flatMap((probe) => ["--probe", probe]),
      ...where,
      ...influx,
    ]);
    samples = [await daemon.read<Sample>()];
    const caller = start("loopcall", ["--import", "tsx", LOOPCALL], { cgroup });
    callPid = caller.pid;
    call = await caller.read<LoopCall>();
    for (let seen = 0; seen < call.datagrams; seen = samples.at(-1)?.datagrams.seen ?? 0) {
      samples.push(await daemon.read<Sample>());
    }
    await sleep(2 * INTERVAL_MS);
    exitCode = await daemon.stop();
    expect(daemon.stderr).not.toMatch(/refused|wait in the journal|stay in the journal/);
    await caller.stop();
  });

  afterAll(async () => {
    for (const child of children) await child.stop();
    if (cgroup !== "") await removeCgroup(cgroup);
    await influxd?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const last = async (measurement: string, where = "") =>
    (await influxd.query(`SELECT * FROM "${measurement}" ${where} ORDER BY time DESC LIMIT 1`, "calls"))[0];
  const ends = () => ({ src: `127.0.0.1:${call.sender}`, dst: `127.0.0.1:${call.receiver}`, peer: "127.0.0.1" });
  const owner = () => ({ host: "live", comm: "node", cgroup: `/${basename(cgroup)}`, pid: callPid });

  it("the daemon ended well", () => {
    expect(exitCode).toBe(0);
  });

  it("the received stream, and what was lost of it", async () => {
    const stream = await last("inbound_rtp");
    expect(stream).toMatchObject({
      ...ends(),
      ...owner(),
      ssrc: String(call.ssrc),
      packetsReceived: call.packets,
      bytesReceived: call.bytes,
      packetsLost: call.lost,
      packetsDuplicated: 0,
      payloadType: 0,
      clockRate: 8_000,
      clockRateSource: "static",
    });
    // The timers of node are good to some milliseconds.
    for (const jitter of [stream?.jitter, stream?.jitterRfc3550].map(Number)) {
      expect(jitter).toBeGreaterThan(0);
      expect(jitter).toBeLessThan(0.05);
    }
  });

  it("the sent one", async () => {
    expect(await last("outbound_rtp")).toMatchObject({
      ...ends(),
      ...owner(),
      packetsSent: call.packets,
      bytesSent: call.bytes,
    });
  });

  it("the pair, from both ends: the round trip of who asked, the delay of who answered", async () => {
    const { src, dst } = ends();
    const asked = await last("candidate_pair", `WHERE "src" = '${src}'`);
    expect(asked).toMatchObject({ ...owner(), dst, requestsSent: call.requests, responsesReceived: call.requests });
    expect(asked?.roundTripTimeMeasurements).toBe(call.requests);
    expect(Number(asked?.currentRoundTripTime)).toBeGreaterThan(0.004);
    expect(Number(asked?.currentRoundTripTime)).toBeLessThan(0.1);
    const answered = await last("candidate_pair", `WHERE "src" = '${dst}'`);
    expect(answered).toMatchObject({ dst: src, requestsReceived: call.requests, responsesSent: call.requests });
    expect(answered?.currentRoundTripTime).toBeNull();
    expect(Number(answered?.responseDelay)).toBeGreaterThan(0.004);
  });

  it("the datagrams, of which each is in one outcome", async () => {
    const { seen, ...outcomes } = (await last("rtcprobe")) ?? {};
    expect(seen).toBe(call.datagrams);
    const counts = Object.values(outcomes).filter((value) => typeof value === "number");
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(seen);
  });

  it("every sample is there, at its exact time", async () => {
    const rows = await influxd.query('SELECT "seen" FROM "rtcprobe"', "calls");
    const times = rows.map((row) => row.time);
    expect(times).toEqual(expect.arrayContaining(samples.map((sample) => sample.timeNs)));
    expect(new Set(times).size).toBe(times.length);
  });

  describe("the dashboard", () => {
    const run = (query: string): Promise<Row[]> => {
      const range = { fromMs, toMs: Date.now(), intervalMs: 1_000 };
      return influxd.query(expandMacros(expandVariables(query, dashboard.variables, {}), range), "calls");
    };

    // Of this call there is no video, no RTCP, and nothing at Daily: grafana.test.ts has the other queries.
    const absent = /daily|remote_inbound_rtp|bound_rtcp|framesPerSecond|totalFrameFreezesDuration/;
    it.each(dashboard.targets.filter(({ query }) => !absent.test(query)))(
      "$panel $refId shows the call",
      async ({ query }) => {
        expect((await run(query)).length).toBeGreaterThan(0);
      },
    );

    it.each([
      ["host", ["live"]],
      ["process", ["node"]],
      ["peer", ["127.0.0.1"]],
    ])("%s can be chosen", async (name, values) => {
      const variable = dashboard.variables.find((one) => one.name === name);
      const rows = await run(variable?.query ?? "");
      expect([...new Set(rows.map((row) => row.value))]).toEqual(values);
    });
  });
});
