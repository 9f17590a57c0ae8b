// SPDX-License-Identifier: MIT
/**
 * The whole daemon, killed -9 at random moments with RTP on real sockets and a real influxd that is killed as well.
 *
 * Oracle: the bytes of the journal's segments as the kill left them, read here and not by the program; only the columns of a
 * frame are read by its own reader, which streamtable.test.ts holds to what was written. Each whole frame is a sample that was taken; the database must hold the points of exactly these, with their values. The one sample that was being
 * written at a kill may be in neither, which is counted by what `--json` had printed: at most one for each kill.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { askDaemon } from "../src/client.js";
import type { Health } from "../src/health.js";
import type { Sample, StreamStats } from "../src/stats.js";
import { identitiesOf } from "../src/streamtable.js";
import { readColumns } from "../src/tablebytes.js";
import { can } from "./capability.js";
import { type Influxd, startInfluxd } from "./influxd.js";
import { checkBuild, startProgram } from "./program.js";

/** The soak (`make soak`) kills more often. */
const KILLS = Number(process.env.RTCPROBE_SOAK_KILLS ?? 4);
const SEED = Number(process.env.RTCPROBE_SEED ?? 20_261_122);
const MOST_MS = 2_000;
const INTERVAL_MS = 100;
/** From one daemon to the next: long enough for a busy machine to start a process in. */
const RESTART_INTERVAL_MS = 3_000;

/** Three streams between two sockets, in the cgroup that it is given, until it is killed. */
const SENDER = `
  const { createSocket } = require("node:dgram");
  require("node:fs").writeFileSync(process.argv[1] + "/cgroup.procs", String(process.pid));
  const [from, to] = [createSocket("udp4"), createSocket("udp4")];
  const rtp = Buffer.alloc(12 + 80);
  rtp.writeUInt16BE(0x8000, 0);
  let n = 0;
  from.bind(0, "127.0.0.1", () => to.bind(0, "127.0.0.1", () => setInterval(() => {
    n++;
    for (let ssrc = 1; ssrc <= 3; ssrc++) {
      rtp.writeUInt16BE(n & 0xffff, 2);
      rtp.writeUInt32BE((n * 80) >>> 0, 4);
      rtp.writeUInt32BE(ssrc, 8);
      if (n % 10 !== ssrc) from.send(Buffer.from(rtp), to.address().port, "127.0.0.1");
    }
  }, 10)));
`;

/** mulberry32: the same moments for the same seed. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A sample by the layout of a frame of format 3: deflated JSON behind its length, and two tables of columns. */
function readSample(body: Buffer): Sample {
  const end = 4 + body.readUInt32LE(0);
  const rest = JSON.parse(String(inflateRawSync(body.subarray(4, end)))) as Omit<Sample, "streams">;
  const who = readColumns(body, end);
  const stats = readColumns(body, who.end);
  const columns = {
    numbers: new Map([...who.numbers, ...stats.numbers]),
    texts: new Map([...who.texts, ...stats.texts]),
  };
  return { ...rest, streams: identitiesOf(columns, who.rows) as StreamStats[] };
}

/** Samples in the segments: length, checksum, 29 bytes of head that begin with the format, content. */
function readSegments(directory: string): Sample[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".seg"));
  return names.sort().flatMap((name) => {
    const bytes = readFileSync(join(directory, name));
    const samples: Sample[] = [];
    for (let at = 0; at + 8 <= bytes.length; ) {
      const end = at + 8 + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      expect(bytes[at + 8]).toBe(3);
      samples.push(readSample(bytes.subarray(at + 37, end)));
      at = end;
    }
    return samples;
  });
}

const packets = (stream: StreamStats): number =>
  stream.type === "inbound-rtp" ? stream.packetsReceived : stream.packetsSent;

/** What tells one stored stream at one time from another, with its count. */
function streamKeys({ timeNs, streams }: Sample): string[] {
  return streams.map((stream) => `${stream.type} ${timeNs} ${stream.ssrc} ${packets(stream)}`);
}

const why = [can.bpf, can.influxd].find((capability) => !capability.ok)?.why ?? "";

describe.skipIf(why !== "")(`daemon: restarts — ${why || "eBPF and influxd"}`, () => {
  const directory = mkdtempSync(join(tmpdir(), "rtcprobe-restart-"));
  const children = new Set<ChildProcess>();
  let influxd: Influxd;
  let cgroup = "";

  beforeAll(async () => {
    checkBuild();
    influxd = await startInfluxd({ directory: join(directory, "influxd") });
    cgroup = await createCgroup(basename(directory));
    children.add(spawn(process.execPath, ["-e", SENDER, cgroup], { stdio: "ignore" }));
  });
  afterAll(async () => {
    for (const child of children) await end(child, "SIGKILL");
    await influxd?.stop();
    if (cgroup !== "") await removeCgroup(cgroup);
    rmSync(directory, { recursive: true, force: true });
  });

  interface Daemon {
    child: ChildProcess;
    /** Times of the samples that it printed. */
    printed(): string[];
    said(): string;
    health(): Promise<Health>;
  }

  async function startDaemon(name: string, intervalMs: number): Promise<Daemon> {
    const socket = join(directory, `${name}.sock`);
    const place = ["--cgroup", cgroup, "--source", "ebpf", "--socket", socket, "--interval", `${intervalMs}ms`];
    const kept = ["--journal-directory", join(directory, name), "--calls-directory", join(directory, `${name}-calls`)];
    const influx = ["--influx-url", influxd.url, "--influx-database", name, "--host", "h1"];
    const child = startProgram(["run", "--json", ...place, ...kept, ...influx]);
    children.add(child);
    let [out, said] = ["", ""];
    child.stdout?.on("data", (text) => {
      out += text;
    });
    child.stderr?.on("data", (text) => {
      said += text;
    });
    await vi.waitFor(() => expect(said).toMatch(/watching eBPF/), { timeout: 30_000, interval: 10 });
    const printed = () => [...out.matchAll(/"timeNs":"(\d+)"/g)].map(([, time]) => time as string);
    return { child, printed, said: () => said, health: () => askDaemon<Health>({ socket, path: "/v1/health" }) };
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "close");
  }

  async function restartInfluxd(): Promise<void> {
    const { port } = influxd;
    influxd = await startInfluxd({ directory: join(directory, "influxd"), port });
  }

  async function storedKeys(database: string): Promise<string[]> {
    const one = async (type: string, measurement: string, field: string) =>
      (await influxd.query(`SELECT "${field}", "ssrc" FROM "${measurement}"`, database)).map(
        (row) => `${type} ${row.time} ${row.ssrc} ${row[field]}`,
      );
    return [
      ...(await one("inbound-rtp", "inbound_rtp", "packetsReceived")),
      ...(await one("outbound-rtp", "outbound_rtp", "packetsSent")),
    ];
  }

  it(`${KILLS} kills -9 at random moments, and of influxd: the database holds what the journal took, exactly`, {
    timeout: 60_000 + KILLS * 15_000,
  }, async () => {
    const random = makeRandom(SEED);
    const journal = join(directory, "kills");
    const printed = new Set<string>();
    let serverKills = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const daemon = await startDaemon("kills", INTERVAL_MS);
      const lifeMs = random() * MOST_MS;
      const downMs = random() * lifeMs;
      await sleep(downMs);
      // The server dies in every third life, is away in the next, and comes back in the middle of the one after it.
      if (kill % 3 === 1) {
        await influxd.kill();
        serverKills++;
      } else if (kill % 3 === 0 && kill > 0) await restartInfluxd();
      await sleep(lifeMs - downMs);
      await end(daemon.child, "SIGKILL");
      for (const time of daemon.printed()) printed.add(time);
    }
    if (KILLS % 3 !== 1) await restartInfluxd();
    const last = await startDaemon("kills", INTERVAL_MS);
    const sink = async () => (await last.health()).sinks.find(({ name }) => name === "influxdb");
    await vi.waitFor(async () => expect((await sink())?.queued).toBeLessThan(20), { timeout: 30_000, interval: 100 });
    const dropped = (await last.health()).sinks.map((one) => one.dropped);
    await end(last.child, "SIGTERM");
    for (const time of last.printed()) printed.add(time);

    const onDisk = readSegments(journal);
    const taken = onDisk.map(({ timeNs }) => timeNs);
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.length).toBeGreaterThan(KILLS);
    expect(onDisk.some(({ streams }) => streams.length === 6)).toBe(true);
    const times = await influxd.query('SELECT "seen" FROM "rtcprobe"', "kills");
    expect(times.map((row) => `${row.time} ${row.seen}`).sort()).toEqual(
      onDisk.map(({ timeNs, datagrams }) => `${timeNs} ${datagrams.seen}`).sort(),
    );
    expect((await storedKeys("kills")).sort()).toEqual(onDisk.flatMap(streamKeys).sort());
    expect(dropped).toEqual([0, 0]);
    const unwritten = [...printed].filter((time) => !taken.includes(time));
    expect(unwritten.length).toBeLessThanOrEqual(KILLS);
    const points = onDisk.reduce((sum, { streams }) => sum + streams.length + 1, 0);
    console.log(
      `seed ${SEED}: ${KILLS} kills of the daemon, ${serverKills} of influxd; ${taken.length} samples of ${points} points ` +
        `in the journal and in the database; ${unwritten.length} were being written at a kill`,
    );
  });

  it("SIGTERM and a start, as an upgrade does: no more than one interval is missing", {
    timeout: 120_000,
  }, async () => {
    let daemon = await startDaemon("upgrade", RESTART_INTERVAL_MS);
    let printed = 0;
    const away: number[] = [];
    // A machine that is busy with something else may need longer for one start, but not for each.
    do {
      await vi.waitFor(() => expect(daemon.printed().length).toBeGreaterThan(0), { timeout: 30_000 });
      const begin = performance.now();
      await end(daemon.child, "SIGTERM");
      printed += daemon.printed().length;
      daemon = await startDaemon("upgrade", RESTART_INTERVAL_MS);
      away.push(performance.now() - begin);
    } while (Math.min(...away) > RESTART_INTERVAL_MS && away.length < 5);
    await vi.waitFor(() => expect(daemon.printed().length).toBeGreaterThan(0), { timeout: 30_000 });
    await end(daemon.child, "SIGTERM");
    printed += daemon.printed().length;
    expect(Math.min(...away)).toBeLessThanOrEqual(RESTART_INTERVAL_MS);
    // And a sample is taken one interval after the start, not later: each is stored, none is further from the one before it.
    const rows = await influxd.query('SELECT "seen" FROM "rtcprobe"', "upgrade");
    expect(rows).toHaveLength(printed);
    const times = rows.map(({ time }) => Number(BigInt(String(time)) / 1_000_000n));
    const longest = Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? 0)));
    expect(longest).toBeLessThanOrEqual(Math.max(...away) + 2 * RESTART_INTERVAL_MS);
    console.log(`nobody watched for ${away.map(Math.round).join(", ")} ms; the longest step is ${longest} ms`);
  });
});
