// SPDX-License-Identifier: MIT
/**
 * Daily's metrics of ended calls, into a real influxd, by a process that is killed at random moments and started again.
 * Oracles: the records that the fake Daily gave, and what InfluxQL reads back.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Call } from "../src/call/call.js";
import { metricPoints } from "../src/call/metricpoint.js";
import { CallStore } from "../src/call/store.js";
import type { Raw } from "../src/daily/record.js";
import { can } from "./capability.js";
import { type DailyServer, KEY, METRIC, startDaily } from "./dailyserver.js";
import { type Influxd, startInfluxd } from "./influxd.js";

const CALLS = 8;
const PER_CALL = 18;
const KILLS = 12;
const T0 = Date.parse("2026-03-23T16:00:00Z");

const idOf = (n: number): string => n.toString(16).padStart(8, "0");

/** A record of each form; of some calls two at one time. */
function metricOf(call: number, n: number): Raw & { time: string; userSessionId: string; mtgSessionId: string } {
  const ms = T0 + Math.floor(n / 2) * 15_000 + (call % 2 === 0 ? n : 0);
  const time = new Date(ms).toISOString();
  const forms = [
    { metrics: { "outbound-cam-video-0": { framesEncodedPerSec: n + 0.5 } } },
    { metrics: null, roomName: null, userRecvBitsPerSecAvg: null },
    { metrics: { odd: "text, with = and \\ in it", flag: true, n } },
    { metrics: { odd: n } },
  ];
  return {
    ...METRIC,
    ...forms[n % forms.length],
    number: n,
    time: n % 3 === 0 ? time : time.replace("Z", "000000Z"),
    mtgSessionId: `meeting-${call}`,
    userSessionId: `participant-${call}`,
  };
}

function callOf(n: number): Call {
  const daily = { phase: "pending" as const, polls: 0, metrics: 0 };
  return { id: idOf(n), meeting: `meeting-${n}`, source: "control", startedAt: T0, endedAt: Date.now(), daily };
}

describe("points of any record", () => {
  const raw = {
    time: METRIC.time,
    a: 1,
    b: { c: null, d: [true, "x"] },
    "": 1,
    e: Number.POSITIVE_INFINITY,
    "bad\nname": 2,
  };

  it("a number is a float, all else a text of another name, null is absent", () => {
    const [point] = metricPoints([raw], callOf(1));
    expect(point).toEqual({
      measurement: "daily_metrics",
      tags: { meeting: "meeting-1" },
      fields: { a: 1, "b.d.0.text": "true", "b.d.1.text": "x", "bad\ufffdname": 2 },
      timestamp: "1601402501791000000",
    });
  });

  it("the same record twice is one point; two at one time are two, and the same two in any order", () => {
    const [one, two] = [
      { ...METRIC, n: 1 },
      { ...METRIC, n: 2 },
    ];
    expect(metricPoints([one, one], callOf(1))).toHaveLength(1);
    const points = metricPoints([two, one, two], callOf(1));
    expect(points.map(({ timestamp }) => timestamp)).toEqual(["1601402501791000000", "1601402501791000001"]);
    expect(metricPoints([one, two], callOf(1))).toEqual(points);
  });
});

describe.skipIf(!can.influxd.ok)(`Daily's metrics in InfluxDB — ${can.influxd.why}`, () => {
  let directory: string;
  let daily: DailyServer;
  let influxd: Influxd;
  let said = "";

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rtcprobe-followup-"));
    const metrics = Array.from({ length: CALLS }, (_, call) =>
      Array.from({ length: PER_CALL }, (_, n) => metricOf(call, n)),
    );
    daily = await startDaily({ metrics: metrics.flat(), pageMost: 20 });
    influxd = await startInfluxd();
    await influxd.query("CREATE DATABASE followup");
    const store = new CallStore(directory);
    for (let n = 0; n < CALLS; n++) store.save(callOf(n));
  });
  afterAll(async () => {
    await daily?.close();
    await influxd?.stop();
    await rm(directory, { recursive: true });
  });

  /** Started, once it works. */
  async function startBook(): Promise<{ kill(): Promise<void> }> {
    const args = ["--import", "tsx", join(import.meta.dirname, "bookchild.ts"), directory, daily.url, influxd.url];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, DAILY_API_KEY: KEY },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exit = once(child, "exit");
    const ready = once(child.stdout, "data");
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
    await Promise.race([ready, exit.then(() => expect.fail(`it ended by itself: ${said}`))]);
    return {
      async kill() {
        child.kill("SIGKILL");
        expect(await exit).toEqual([null, "SIGKILL"]);
      },
    };
  }

  it(`killed ${KILLS} times at random: no point is missing, none is twice`, { timeout: 120_000 }, async () => {
    const store = new CallStore(directory);
    const phases = new Set<string>();
    for (let kill = 0; kill < KILLS; kill++) {
      const child = await startBook();
      await sleep(Math.random() * 1000);
      await child.kill();
      for (const { daily } of store.load()) phases.add(daily.phase);
      expect(store.load()).toHaveLength(CALLS);
    }
    const last = await startBook();
    await expect
      .poll(() => store.load().filter((call) => call.daily.phase === "stored").length, {
        timeout: 60_000,
        interval: 100,
      })
      .toBe(CALLS);
    await last.kill();
    // Else it was killed too early or too late to show anything.
    expect(phases.size).toBeGreaterThan(1);

    const rows = await influxd.query("SELECT number, time FROM daily_metrics GROUP BY participant", "followup");
    const stored = rows.map(({ participant, number }) => `${participant} ${number}`).sort();
    const sent = daily.state.metrics.map((m) => `${m.userSessionId} ${m.number}`).sort();
    expect(stored).toEqual(sent);
    expect(daily.violations).toBe(0);
    expect(said).not.toContain(KEY);
    expect(JSON.stringify([store.load(), store.loadMetrics(idOf(0))])).not.toContain(KEY);
  });

  it("a name whose values change their type is two fields, of a type each", async () => {
    const keys = await influxd.query("SHOW FIELD KEYS FROM daily_metrics", "followup");
    const types = Object.fromEntries(keys.map(({ fieldKey, fieldType }) => [fieldKey, fieldType]));
    expect(types).toMatchObject({ "metrics.odd": "float", "metrics.odd.text": "string", number: "float" });
    expect(Object.entries(types).every(([name, type]) => type === (name.endsWith(".text") ? "string" : "float"))).toBe(
      true,
    );
    const rows = await influxd.query('SELECT "metrics.odd.text" FROM daily_metrics LIMIT 1', "followup");
    expect(rows[0]).toMatchObject({ "metrics.odd.text": "text, with = and \\ in it" });
  });
});
