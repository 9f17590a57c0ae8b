// SPDX-License-Identifier: MIT
/**
 * A daemon with calls and Daily's side of them: killed at random moments, and configured anew. Oracles: the records of the
 * fake Daily, which come late, and what InfluxQL reads back from a real influxd. RTCPROBE_KILLS=100 is the long form, and
 * RTCPROBE_SEED another sequence of moments.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { seedRandom } from "../demo/random.js";
import type { Call } from "../src/call/call.js";
import { CallStore } from "../src/call/store.js";
import { signWebhook } from "../src/call/webhook.js";
import { askDaemon } from "../src/client.js";
import { can } from "./capability.js";
import { type DailyServer, KEY, type Metric, startDaily } from "./dailyserver.js";
import { type Influxd, startInfluxd } from "./influxd.js";
import { checkBuild, startProgram } from "./program.js";

const KILLS = Number(process.env.RTCPROBE_KILLS ?? 5);
const SEED = Number(process.env.RTCPROBE_SEED ?? 1);
const PER_CALL = 12;
/** Records that come with each look at a call. */
const LATE = 5;
const T0 = Date.parse("2026-03-23T16:00:00Z");

/** Of each form, and of some times two. Its round trip is by name, its time no other call's. */
function metricOf(call: number, n: number): Metric {
  const time = new Date(T0 + call + Math.floor(n / 2) * 15_000).toISOString();
  return {
    time: n % 3 === 0 ? time : time.replace("Z", "000000Z"),
    mtgSessionId: `meeting-${call}`,
    userSessionId: n % 4 === 3 ? "somebody else" : `participant-${call}`,
    number: n,
    ...(n % 2 === 0 ? { metrics: { recv: { rtt: 0.05 } } } : { metrics: null, videoRecvPacketLoss: 0 }),
  };
}

const missing = [can.bpf, can.influxd].find(({ ok }) => !ok)?.why ?? "";

describe.skipIf(missing !== "")(`daemon: its calls and Daily — ${missing || "eBPF, InfluxDB"}`, () => {
  let directory: string;
  let cgroup: string;
  let daily: DailyServer;
  let influxd: Influxd;
  let said: string;
  const children: ChildProcess[] = [];

  beforeAll(checkBuild);
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "rtcprobe-daily-"));
    writeFileSync(join(directory, "key"), KEY);
    cgroup = await createCgroup(basename(directory).toLowerCase());
    daily = await startDaily();
    influxd = await startInfluxd();
    said = "";
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await daily.close();
    await influxd.stop();
    await removeCgroup(cgroup);
    rmSync(directory, { recursive: true });
    expect(said).not.toContain(KEY);
  });

  const section = (more = "") =>
    `daily: { keyFile: ${directory}/key, url: "${daily.url}", firstPoll: 100ms, pollInterval: 100ms, deadline: 1h${more} }\n`;
  function configure(text: string, calls = "calls"): void {
    const own = `journal: { directory: ${directory}/journal }\ncalls: { directory: ${directory}/${calls} }\n`;
    const influx = `influx: { url: "${influxd.url}", database: calls }\n`;
    writeFileSync(join(directory, "config.yaml"), `interval: 100ms\nhost: h1\n${own}${influx}${text}`);
  }

  async function start(): Promise<ChildProcess> {
    const options = ["--config", join(directory, "config.yaml"), "--socket", join(directory, "s"), "--cgroup", cgroup];
    const child = startProgram(["run", "--debug", "--source", "ebpf", ...options]);
    children.push(child);
    let own = "";
    child.stderr?.on("data", (text) => {
      said += text;
      own += text;
    });
    await expect.poll(() => own, { timeout: 60_000 }).toContain("watching eBPF");
    expect(readFileSync(`/proc/${child.pid}/cmdline`, "utf8")).not.toContain(KEY);
    return child;
  }

  const ask = <T>(path: string, more: { body?: unknown; method?: "DELETE" } = {}): Promise<T> =>
    askDaemon<T>({ socket: join(directory, "s"), path, ...more });
  const begin = async (body: unknown) => (await ask<{ call: Call }>("/v1/calls", { body })).call;
  const end = (id: string) => ask(`/v1/calls/${id}`, { method: "DELETE" });
  const list = async () => (await ask<{ calls: Call[] }>("/v1/calls")).calls;
  const phaseOf = async (id: string) => (await ask<{ call: Call }>(`/v1/calls/${id}`)).call.daily.phase;
  const soon = (look: () => unknown, timeout = 15_000) => expect.poll(look, { timeout, interval: 50 });

  it(`killed ${KILLS} times, by seed ${SEED}: no call and no point is missing, none is twice`, {
    timeout: 120_000 + KILLS * 10_000,
  }, async () => {
    const random = seedRandom(SEED);
    const calls = Array.from({ length: KILLS + 2 }, (_, call) => call);
    // Late: each look at a meeting makes a few more of its records known.
    const hidden = new Map(
      calls.map((call) => [`meeting-${call}`, Array.from({ length: PER_CALL }, (_, n) => metricOf(call, n))]),
    );
    const all = [...hidden.values()].flat();
    daily.onRequest = () => {
      const query = new URLSearchParams(daily.requests.at(-1)?.split("?")[1]);
      const more = query.get("offset") === "0" ? hidden.get(query.get("mtgSessionId") ?? "")?.splice(0, LATE) : [];
      daily.state.metrics.push(...(more ?? []));
    };
    configure(section());
    let child = await start();
    const lasting = await begin({ meeting: "on to the end", pid: process.pid });
    const begun: Call[] = [];
    for (const call of calls)
      begun.push(await begin({ meeting: `meeting-${call}`, participant: `participant-${call}` }));
    const phases = new Set<string>();
    for (let kill = 0; kill < KILLS; kill++) {
      await end(begun[kill]?.id ?? "");
      await sleep(random() * 1500);
      child.kill("SIGKILL");
      await once(child, "exit");
      for (const call of new CallStore(join(directory, "calls")).load()) phases.add(call.daily.phase);
      child = await start();
      const now = await list();
      expect(now.map(({ id }) => id).sort()).toEqual([lasting, ...begun].map(({ id }) => id).sort());
      // What was told before the kill still holds.
      expect(now.filter(({ endedAt }) => endedAt !== undefined)).toHaveLength(kill + 1);
    }
    // Else it was killed too early or too late to show anything.
    if (KILLS >= 5) expect(phases.size).toBeGreaterThan(1);
    for (const { id } of begun.slice(KILLS)) await end(id);
    const count = async () => (await list()).filter((call) => call.daily.phase === "stored").length;
    await soon(count, 60_000).toBe(calls.length);
    const read = async () => (await influxd.query("SELECT number FROM daily_metrics GROUP BY *", "calls")).length;
    await soon(read, 30_000).toBeGreaterThanOrEqual(all.length);
    child.kill("SIGTERM");
    await once(child, "exit");

    const rows = await influxd.query("SELECT number FROM daily_metrics GROUP BY *", "calls");
    const stored = rows.map(({ meeting, participant, number }) => `${meeting} ${participant} ${number}`);
    expect(stored.sort()).toEqual(all.map((m) => `${m.mtgSessionId} ${m.userSessionId} ${m.number}`).sort());
    const trips = await influxd.query(
      "SELECT currentRoundTripTime FROM candidate_pair WHERE rttSource = 'daily'",
      "calls",
    );
    const times = all.filter((m) => m.metrics && m.userSessionId !== "somebody else").map((m) => Date.parse(m.time));
    expect(trips.map(({ time }) => String(time)).sort()).toEqual(times.map((ms) => `${ms}000000`).sort());
    expect(daily.violations).toBe(0);
    const seconds = new CallStore(join(directory, "calls")).loadRows(lasting.id);
    expect(seconds.length).toBeGreaterThan(KILLS);
    for (const [i, row] of seconds.entries()) expect(row.at - row.span).toBeGreaterThanOrEqual(seconds[i - 1]?.at ?? 0);
  });

  it("SIGHUP: key, rooms and webhook come and go, and the calls stay", { timeout: 60_000 }, async () => {
    configure("");
    const child = await start();
    const before = await begin({ meeting: "m0" });
    const reload = async (wanted: RegExp, text: string, calls?: string) => {
      const from = said.length;
      configure(text, calls);
      child.kill("SIGHUP");
      await soon(() => said.slice(from)).toMatch(wanted);
    };
    await reload(/configuration is read anew$/m, section());
    daily.state.metrics = [{ ...metricOf(1, 0), mtgSessionId: "m0" }];
    await end(before.id);
    await soon(() => phaseOf(before.id)).toBe("stored");

    const secret = Buffer.from("secret").toString("base64");
    writeFileSync(join(directory, "hmac"), secret);
    const port = 20_000 + (process.pid % 20_000);
    const hook = `, rooms: [r1], webhook: "127.0.0.1:${port}", webhookSecretFile: ${directory}/hmac`;
    daily.state.presence = { r1: [{ room: "r1", id: "p1", mtgSessionId: "m1" }] };
    await reload(/configuration is read anew$/m, section(hook));
    await soon(async () => (await list())[0]?.meeting).toBe("m1");
    const body = JSON.stringify({ type: "meeting.ended", payload: { meeting_id: "m1" } });
    const timestamp = String(Date.now());
    const headers = { "x-webhook-timestamp": timestamp, "x-webhook-signature": signWebhook(secret, timestamp, body) };
    const post = () => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body, headers });
    daily.state.presence = {};
    expect((await post()).status).toBe(200);
    expect((await list())[0]).toMatchObject({ meeting: "m1", endReason: "meeting ended" });
    await reload(/configuration is read anew$/m, section());
    await expect(post()).rejects.toThrow();

    await reload(/cannot be taken over: cannot read daily.keyFile/, `daily: { keyFile: ${directory}/nothing }\n`);
    await reload(/read anew; calls.directory: restart for these/, section(), "elsewhere");
    expect(await list()).toHaveLength(2);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});
