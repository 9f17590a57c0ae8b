// SPDX-License-Identifier: MIT
/**
 * A whole call: RTP between two network namespaces over the demo's relay, watched by a daemon; registered as an agent would
 * over the control socket; Daily's metrics late; the report. Oracles: what the relay says it sent, counted by the demo's own
 * arithmetic, and a real influxd.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AGENT, CALLER, planCall, RELAY_TO_AGENT, RELAY_TO_CALLER } from "../demo/call.js";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { Child } from "../demo/child.js";
import { CLOCK_RATES } from "../demo/media.js";
import type { RelayReport } from "../demo/messages.js";
import { Network } from "../demo/namespace.js";
import { findStreamTruth } from "../demo/truth.js";
import type { Call } from "../src/call/call.js";
import type { NetworkStats } from "../src/call/networkstats.js";
import type { Report } from "../src/call/report.js";
import { askDaemon } from "../src/client.js";
import { can } from "./capability.js";
import { type DailyServer, KEY, startDaily } from "./dailyserver.js";
import { type Influxd, startInfluxd } from "./influxd.js";
import { checkBuild, PROGRAM, runProgram } from "./program.js";

const missing = [can.bpf, can.netns, can.influxd].find(({ ok }) => !ok)?.why ?? "";
const ROOT = join(import.meta.dirname, "..");
const [MEETING, PARTICIPANT, OTHER] = ["meeting-1", "participant-1", "participant-2"];
const SECONDS = 10;
/** What Daily's client would have measured, had there been one. */
const DAILY_RTT = 0.055;

describe.skipIf(missing !== "")(
  `a call from its start to its report — ${missing || "eBPF, namespaces, InfluxDB"}`,
  () => {
    const undo: (() => unknown)[] = [];
    let directory: string;
    let socket: string;
    let daily: DailyServer;
    let influxd: Influxd;
    let daemon: Child;
    let call: Call;
    let stats: NetworkStats;
    let relayed: RelayReport;
    let report: Report;

    /** How many Daily has of this host's participant. */
    const samples = (): number => daily.state.metrics.filter((m) => m.userSessionId === PARTICIPANT).length;

    /** Once they are as many, and no more. */
    async function rowsOf(query: string, wanted: number) {
      await expect.poll(async () => (await influxd.query(query, "calls")).length, { timeout: 10_000 }).toBe(wanted);
      return influxd.query(query, "calls");
    }

    const ask = <T>(path: string, more: { body?: unknown; method?: "DELETE" } = {}): Promise<T> =>
      askDaemon<T>({ socket, path, ...more });

    async function startPart(file: string, plan: unknown, namespace: string, cgroup?: string): Promise<Child> {
      const command = [process.execPath, "--import", "tsx", join(ROOT, "demo", file), JSON.stringify(plan)];
      const child = new Child({ name: file, command, namespace, ...(cgroup === undefined ? {} : { cgroup }) });
      undo.push(() => child.stop());
      await child.read();
      return child;
    }

    /** Probes without STUN: the host has no round trip of its own. */
    async function startDaemon(cgroup: string): Promise<Child> {
      const config = join(directory, "config.yaml");
      await writeFile(join(directory, "key"), `${KEY}\n`);
      await writeFile(
        config,
        `interval: 200ms
probes: [rtp, rtcp]
calls: { directory: ${directory}/calls }
journal: { directory: ${directory}/journal }
influx: { url: "${influxd.url}", database: calls }
daily: { keyFile: ${directory}/key, url: "${daily.url}", firstPoll: 500ms, pollInterval: 300ms, deadline: 20s }
`,
      );
      const options = ["--config", config, "--socket", socket, "--cgroup", cgroup, "--source", "ebpf"];
      const child = new Child({ name: "rtcprobe", command: [process.execPath, PROGRAM, "run", ...options] });
      undo.push(() => child.stop());
      await vi.waitFor(() => ask("/v1/health"), { timeout: 10_000, interval: 50 });
      return child;
    }

    /** As Daily's client on the agent's side would have recorded it: every 3 s, in ms, at times of its own. */
    function recordMetrics(): void {
      const { startedAt, endedAt = 0 } = call;
      for (let at = startedAt + 3000; at < endedAt; at += 3000) {
        for (const [userSessionId, factor] of [
          [PARTICIPANT, 1],
          [OTHER, 3],
        ] as const) {
          daily.state.metrics.push({
            time: new Date(at + 400).toISOString().replace("Z", "000000Z"),
            clientTime: new Date(at).toISOString(),
            mtgSessionId: MEETING,
            userSessionId,
            userSentBitsPerSecAvg: null,
            videoRecvPacketLoss: 0.02 * factor,
            metrics: { "recv-transport": { roundTripTime: DAILY_RTT * 1000 * factor } },
          });
        }
      }
    }

    beforeAll(async () => {
      checkBuild();
      directory = await mkdtemp(join(tmpdir(), "rtcprobe-call-"));
      undo.push(() => rm(directory, { recursive: true, force: true }));
      socket = join(directory, "c.sock");
      daily = await startDaily();
      undo.push(() => daily.close());
      influxd = await startInfluxd();
      undo.push(() => influxd.stop());
      const name = basename(directory).toLowerCase();
      const network = new Network(name);
      undo.push(() => network.close());
      const [caller, agent, relay] = [network.add("caller"), network.add("agent"), network.add("relay")];
      const end = (namespace: string, cable: string, address: string) => ({
        namespace,
        interface: cable,
        addresses: [`${address}/24`],
      });
      await network.join(end(caller, "net", CALLER.address), end(relay, "caller", RELAY_TO_CALLER.address));
      await network.join(end(agent, "net", AGENT.address), end(relay, "agent", RELAY_TO_AGENT.address));
      const cgroup = await createCgroup(name);
      undo.push(() => removeCgroup(cgroup));
      daemon = await startDaemon(cgroup);

      const plan = planCall(7, SECONDS);
      const between = await startPart("relay.ts", plan.relay, relay);
      const [callerEnd, agentEnd] = await Promise.all([
        startPart("endpoint.ts", plan.caller, caller, cgroup),
        startPart("endpoint.ts", plan.agent, agent, cgroup),
      ]);
      const body = { meeting: MEETING, participant: PARTICIPANT, pid: agentEnd.pid };
      call = (await ask<{ call: Call }>("/v1/calls", { body })).call;
      // Counting begins with the next sample: no packet before it.
      await sleep(500);
      for (const each of [callerEnd, agentEnd]) each.order("start");
      const over = Promise.all([callerEnd.read(), agentEnd.read()]);
      await sleep(6000);
      stats = await ask<NetworkStats>(`/v1/calls/${call.id}/network-stats`);
      await over;
      await sleep(1500);
      call = (await ask<{ call: Call }>(`/v1/calls/${call.id}`, { method: "DELETE" })).call;
      between.order("report");
      [, relayed] = await between.read<[RelayReport, RelayReport]>();
      report = await ask<Report>("/v1/calls/last/report");
      // Late: the first looks find nothing.
      await sleep(1000);
      recordMetrics();
    }, 60_000);

    afterAll(async () => {
      for (const step of undo.reverse()) await step();
    }, 30_000);

    it("the host's side is what the relay sent to this end, to the last packet", () => {
      const truth = (["audio", "video"] as const).map((kind) => {
        const ssrc = kind === "audio" ? 0x0a11ce01 : 0x0a11ce02;
        const packets = relayed.packets
          .filter(([of]) => of === ssrc)
          .map(([, sequence, timestamp, at]) => ({ sequence, timestamp, at: at / 1e9 }));
        return findStreamTruth(packets, CLOCK_RATES[kind]);
      });
      const sum = (pick: (of: (typeof truth)[number]) => number): number =>
        truth.reduce((n, each) => n + pick(each), 0);
      expect(sum(({ lost }) => lost)).toBeGreaterThan(0);
      expect(report.totals?.packetsReceived).toBeCloseTo(
        sum(({ packets }) => packets),
        3,
      );
      expect(report.totals?.packetsLost).toBeCloseTo(
        sum(({ lost }) => lost),
        3,
      );
      expect(report.totals?.coverage).toBeGreaterThan(0.9);
      expect(report.daily).toMatchObject({ samples: 0, note: "Daily's side is still to come" });
      expect(report.timeline.every(({ roundTripTime }) => roundTripTime === undefined)).toBe(true);
    });

    it("the agent could ask for the SDK's figures meanwhile", () => {
      expect(Object.keys(stats).sort()).toEqual(["previousThreshold", "quality", "stats", "threshold"]);
      expect(stats.threshold).toBe("good");
      const { latest } = stats.stats;
      expect(latest.receiveBitsPerSecond).toBeGreaterThan(latest.videoRecvBitsPerSecond);
      expect(latest.videoRecvBitsPerSecond).toBeGreaterThan(100_000);
      expect(latest.sendBitsPerSecond).toBeGreaterThan(5_000);
      expect(latest.totalSendPacketLoss).toBeNull();
    });

    it("Daily's metrics come late, are fetched until they stand still, and stored once", {
      timeout: 40_000,
    }, async () => {
      await vi.waitFor(
        async () => {
          const answer = await ask<{ call: Call }>(`/v1/calls/${call.id}`);
          expect(answer.call.daily).toMatchObject({ phase: "stored", settled: true });
          call = answer.call;
        },
        { timeout: 20_000, interval: 100 },
      );
      const { metrics } = daily.state;
      expect(call.daily.metrics).toBe(metrics.length);
      expect(call.daily.polls).toBeGreaterThan(2);
      const rows = await rowsOf("SELECT * FROM daily_metrics", metrics.length);
      expect(rows.map(({ participant }) => participant).sort()).toEqual(metrics.map((m) => m.userSessionId).sort());
      expect(rows.map(({ time }) => String(time)).sort()).toEqual(
        metrics.map(({ time }) => `${Date.parse(time)}000000`).sort(),
      );
      expect(new Set(rows.map((row) => row.meeting))).toEqual(new Set([MEETING]));
      expect(rows[0]).toHaveProperty(["metrics.recv-transport.roundTripTime"]);
    });

    it("Daily's round trip stands where the host had none, and says so", async () => {
      const query = "SELECT currentRoundTripTime, rttSource, src, dst, pid FROM candidate_pair";
      const rows = await rowsOf(query, samples());
      for (const row of rows) {
        expect(row).toMatchObject({
          rttSource: "daily",
          src: "198.51.100.1:50000",
          dst: "198.51.100.2:40000",
          pid: call.pid,
        });
        expect(row.currentRoundTripTime).toBeCloseTo(DAILY_RTT, 9);
      }
    });

    it("the report has both sides, and shows the key to nobody", async () => {
      const common = ["--config", join(directory, "config.yaml"), "--socket", socket];
      const { code, stdout } = await runProgram(["report", MEETING, ...common]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/55\.00 ms +daily/);
      expect(stdout).toMatch(new RegExp(`Daily has ${samples()} samples, of which \\d can be compared`));
      const json = await runProgram(["report", "last", "--json", ...common]);
      report = JSON.parse(json.stdout);
      expect(report.daily).toEqual({ samples: samples(), others: { [OTHER]: samples() } });
      expect(report.compared + report.uncompared).toBe(samples());
      expect(report.compared).toBeGreaterThan(1);
      await daemon.stop();
      // Without a daemon, from the files.
      const offline = await runProgram(["report", call.id, "--json", ...common]);
      expect(JSON.parse(offline.stdout)).toEqual(report);
      const files = await readdir(join(directory, "calls"));
      expect(files.filter((file) => file.startsWith(call.id)).length).toBe(3);
      const kept = await Promise.all(files.map((file) => readFile(join(directory, "calls", file), "utf8")));
      for (const text of [stdout, json.stdout, daemon.stderr, ...kept, ...daily.requests])
        expect(text).not.toContain(KEY);
    });
  },
);
