// SPDX-License-Identifier: MIT
/**
 * Journal and sinks of a running daemon, as an operator handles them. Oracle: the samples that `run --json` prints, and what a
 * server on loopback is sent.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { askDaemon } from "../src/client.js";
import type { Health } from "../src/health.js";
import type { Sample } from "../src/stats.js";
import { can } from "./capability.js";
import { BEHAVIOURS, type FaultServer, startFaultServer } from "./faultserver.js";
import { checkBuild, runProgram, startProgram } from "./program.js";

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

describe.skipIf(!can.bpf.ok)(`daemon: its store — ${can.bpf.why || "eBPF"}`, () => {
  let directory: string;
  let server: FaultServer;
  const children: ChildProcess[] = [];

  beforeAll(checkBuild);
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "rtcprobe-store-"));
    server = await startFaultServer(BEHAVIOURS.take);
    configure("");
    writeFileSync(join(directory, "hmac"), "c2VjcmV0");
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    }
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const webhookAt = (port: string) =>
    `daily: { webhook: "127.0.0.1:${port}", webhookSecretFile: ${join(directory, "hmac")} }`;

  function configure(text: string): void {
    const usual = ["interval: 100ms\n", "host: h1\n"].filter(
      (line) => !text.includes(line.slice(0, line.indexOf(":"))),
    );
    const common = `journal: { directory: ${directory}/journal }\ncalls: { directory: ${directory}/calls }\n${usual.join("")}`;
    writeFileSync(join(directory, "config.yaml"), common + text);
  }
  const flags = (socket = "c.sock") => [
    "--config",
    join(directory, "config.yaml"),
    "--socket",
    join(directory, socket),
  ];

  interface Daemon {
    child: ChildProcess;
    out(): string;
    said(): string;
    stop(): Promise<Sample[]>;
  }

  async function start(...options: string[]): Promise<Daemon> {
    const child = startProgram(["run", ...flags(), ...options]);
    children.push(child);
    let [out, said] = ["", ""];
    child.stdout?.on("data", (text) => {
      out += text;
    });
    child.stderr?.on("data", (text) => {
      said += text;
    });
    await eventually(() => expect(said).toMatch(/watching eBPF/));
    const stop = async () => {
      child.kill("SIGTERM");
      expect(await once(child, "close")).toEqual([0, null]);
      const lines = out.split("\n").filter((line) => line.startsWith("{"));
      return lines.map((line) => JSON.parse(line) as Sample);
    };
    return { child, out: () => out, said: () => said, stop };
  }

  const sentTimes = () =>
    server.lines.filter((line) => line.startsWith("rtcprobe,")).map((line) => line.slice(line.lastIndexOf(" ") + 1));

  it("without a sink the journal is the store: history shows it, replay sends it", async () => {
    const daemon = await start("--json");
    await sleep(700);
    const samples = await daemon.stop();
    const times = samples.map(({ timeNs }) => timeNs);
    const history = await runProgram(["history", "--json", "--since", "1m", ...flags()]);
    expect(
      history.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(samples);
    expect((await runProgram(["history", ...flags()])).stdout).toContain(`${samples.length} samples`);
    expect(await runProgram(["replay", ...flags()])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no sink is configured; give --influx-url"),
    });
    const replay = await runProgram(["replay", "--influx-url", server.url, ...flags()]);
    expect(replay.stderr).toMatch(/influxdb: \d+ points sent, 0 refused$/m);
    expect(replay.code).toBe(0);
    expect(sentTimes()).toEqual(times);
    expect(await runProgram(["history", "--since", "12abc", ...flags()])).toMatchObject({ code: 2 });
    server.behave(BEHAVIOURS.internal);
    const failed = await runProgram(["replay", "--influx-url", server.url, ...flags()]);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("not all: answered HTTP 500") });
  });

  it("SIGHUP: sinks come and go, the daemon and its journal stay; a bad file changes nothing", async () => {
    const daemon = await start("--json");
    const reload = async (text: string, said: string | RegExp) => {
      configure(text);
      daemon.child.kill("SIGHUP");
      await eventually(() => expect(daemon.said()).toMatch(said));
    };
    await sleep(300);
    expect(server.requests).toHaveLength(0);
    await reload(`influx: { url: "${server.url}" }\n`, /the configuration is read anew$/m);
    await eventually(() => expect(sentTimes().length).toBeGreaterThan(3));
    await reload("influx: { ulr: x }\n", /the configuration cannot be taken over: unknown key .*ulr/);
    const before = sentTimes().length;
    await eventually(() => expect(sentTimes().length).toBeGreaterThan(before + 3));
    await reload("maxStreams: 7\n", /read anew; maxStreams: restart for these/);
    const sent = sentTimes();
    await sleep(400);
    expect(sentTimes()).toEqual(sent);
    await reload(`influx: { url: "${server.url}" }\n`, /read anew\n.*read anew; maxStreams[^\n]*\n.*read anew\n/s);
    const times = (await daemon.stop()).map(({ timeNs }) => timeNs);
    // The cursor went on where it stood: from the first sample that it was there for, none is missing, none is twice.
    expect(sentTimes()).toEqual(times.slice(times.indexOf(sent[0] as string)));
  });

  it.each([
    ["an InfluxDB token", (url: string) => `influx: { url: "${url}", token: "a\\nb" }`, "the InfluxDB token holds"],
    ["a port for webhooks", (url: string) => webhookAt(new URL(url).port), "cannot listen for webhooks on 127.0.0.1"],
    ["a key of Daily", () => 'daily: { key: "a\\nb" }', "the Daily key holds"],
  ])("SIGHUP: %s that cannot be had leaves everything as it was", async (_, refused, said) => {
    const sinks = (more: string) => `sinks: [{ type: file, path: ${directory}/points${more} }]\n`;
    const lines = () => readFileSync(join(directory, "points"), "utf8").split("\n").length;
    const settled = async () => {
      const health = await askDaemon<Health>({ socket: join(directory, "c.sock"), path: "/v1/health" });
      const { intervalSeconds, probes, sinks: all } = health;
      return { intervalSeconds, probes, sinks: all.map(({ name, state }) => `${name} ${state}`) };
    };
    configure(sinks(""));
    const daemon = await start();
    await eventually(() => expect(lines()).toBeGreaterThan(3));
    const before = await settled();
    expect(before).toMatchObject({ intervalSeconds: 0.1, sinks: ["journal ok", "file ok"] });
    // What is refused is not the first, nor the last, of what changes.
    const changed = `${sinks(", maxBytes: 1MiB")}interval: 2s\nprobes: [rtp]\nhost: h2\n${refused(server.url)}\n`;
    configure(changed);
    daemon.child.kill("SIGHUP");
    await eventually(() => expect(daemon.said()).toContain(`cannot be taken over: ${said}`));
    expect(await settled()).toEqual(before);
    const written = lines();
    await eventually(() => expect(lines()).toBeGreaterThan(written + 5));
    await daemon.stop();
    expect(readFileSync(join(directory, "points"), "utf8")).not.toContain("host=h2");
  });

  it("two daemons do not share the calls, which both would measure; a kill gives them back", async () => {
    const daemon = await start();
    const started = await runProgram(["calls", "start", "--meeting", "m1", ...flags()]);
    expect(started.code).toBe(0);
    const own = ["--journal-directory", join(directory, "other")];
    const second = await runProgram(["run", "--duration", "1s", ...own, ...flags("other.sock")]);
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${directory}/calls are another daemon's`),
    });
    expect(second.stderr).toContain("give this one a calls.directory (--calls-directory) of its own");
    daemon.child.kill("SIGKILL");
    await once(daemon.child, "close");
    await start();
    const { stdout } = await runProgram(["calls", ...flags()]);
    expect(stdout).toContain("m1");
  });

  it("two daemons do not share a journal", async () => {
    const daemon = await start();
    const second = await runProgram(["run", ...flags("other.sock")]);
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is another daemon's; stop the other daemon"),
    });
    await daemon.stop();
  });

  it("line protocol on standard output, beside a server that stalls", async () => {
    server.behave(BEHAVIOURS.stall);
    configure(`influx: { url: "${server.url}" }\nsinks: [{ type: stdout }]\n`);
    expect(await runProgram(["run", "--json", ...flags()])).toMatchObject({ code: 2 });
    const daemon = await start("--duration", "2s");
    await once(daemon.child, "close");
    const lines = daemon.out().trim().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(20);
    for (const line of lines) expect(line).toMatch(/^\w+,[^ ]*host=h1\S* \S+ \d{19}$/);
    expect(daemon.said()).toMatch(/points are still to be written and stay in the journal/);
  });
});
