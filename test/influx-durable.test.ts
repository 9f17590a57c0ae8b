// SPDX-License-Identifier: MIT
/**
 * Kills and outages beside a real influxd. Oracle: the times that the writer says it put on disk, and InfluxQL, which reads
 * each exactly once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { can } from "./capability.js";
import { type Influxd, startInfluxd } from "./influxd.js";

const WRITER = join(import.meta.dirname, "writer.ts");
/** The soak (`make soak`) does more of everything. */
const KILLS = Number(process.env.RTCPROBE_SOAK_KILLS ?? 4);
const OUTAGE_MS = Number(process.env.RTCPROBE_SOAK_OUTAGE_MS ?? 3_000);
const STREAMS = 3;
const POINTS = STREAMS + 2;

describe.skipIf(!can.influxd.ok)(`influx: kills and outages — ${can.influxd.why}`, () => {
  const directory = mkdtempSync(join(tmpdir(), "rtcprobe-durable-"));
  let influxd: Influxd;
  let child: ChildProcess;
  /** Times of samples that were on disk when the writer was killed, and of all that were taken. */
  const onDisk = new Set<string>();
  const taken = new Set<string>();
  let said = "";

  async function startWriter(name: string, interval: number): Promise<() => string[]> {
    const file = join(directory, `${name}.lp`);
    const args = [WRITER, join(directory, name), influxd.url, String(interval), String(STREAMS), file];
    child = spawn(process.execPath, ["--import", "tsx", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr?.on("data", (text) => {
      said += text;
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => lines.push(line));
    while (lines.length === 0) await sleep(10);
    return () => lines;
  }

  /** A sample is on disk once a later line says that nothing, or only what came after it, waits. */
  function remember(lines: readonly string[]): void {
    const samples = lines.filter((line) => /^\d+ \d+$/.test(line)).map((line) => line.split(" ") as [string, string]);
    for (const [time] of samples) taken.add(time);
    samples.forEach(([, queued], i) => {
      for (const [time] of samples.slice(0, Math.max(0, i + 1 - Number(queued) / POINTS))) onDisk.add(time);
    });
  }

  async function stopWriter(lines: () => string[]): Promise<{ written: number; queued: number; dropped: number }[]> {
    child.kill("SIGTERM");
    await once(child, "exit");
    await sleep(50);
    remember(lines());
    return JSON.parse(lines().at(-1) ?? "");
  }

  const stored = async (measurement: string) =>
    (await influxd.query(`SELECT "seen", "packetsLost" FROM "${measurement}"`, "soak")).map((row) => String(row.time));

  beforeAll(async () => {
    influxd = await startInfluxd({ directory: join(directory, "influxd") });
  });
  afterAll(async () => {
    if (child.exitCode === null) child.kill("SIGKILL");
    await influxd?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it(`${KILLS} kills -9 of the writer: what was on disk is stored, once`, { timeout: 600_000 }, async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const lines = await startWriter("kills", 10);
      await sleep(50 + Math.random() * 1_500);
      child.kill("SIGKILL");
      await once(child, "exit");
      await sleep(20);
      remember(lines());
    }
    const [journal, sink, file] = await stopWriter(await startWriter("kills", 10));
    expect([journal, sink, file]).toEqual(Array(3).fill(expect.objectContaining({ queued: 0, dropped: 0 })));
    const times = await stored("rtcprobe");
    expect(new Set(times).size).toBe(times.length);
    expect(onDisk.size).toBeGreaterThan(20 * KILLS);
    expect([...onDisk].filter((time) => !times.includes(time))).toEqual([]);
    expect(times.filter((time) => !taken.has(time))).toEqual([]);
    expect((await stored("inbound_rtp")).length).toBe(STREAMS * times.length);
    const inFile = readFileSync(join(directory, "kills.lp"), "utf8").match(/^rtcprobe,.* (\d+)$/gm) ?? [];
    const fileTimes = new Set(inFile.map((line) => line.slice(line.lastIndexOf(" ") + 1)));
    expect([...fileTimes].sort()).toEqual(times.toSorted());
    console.log(`${KILLS} kills: ${times.length} samples stored, ${taken.size - times.length} were not on disk yet`);
  });

  it(`influxd killed -9 and away for ${OUTAGE_MS} ms: every sample is stored, two lines say it, the file goes on`, {
    timeout: OUTAGE_MS + 120_000,
  }, async () => {
    await influxd.query('DROP DATABASE "soak"');
    taken.clear();
    said = "";
    const lines = await startWriter("outage", 20);
    await sleep(1_500);
    const { port } = influxd;
    await influxd.kill();
    await sleep(OUTAGE_MS);
    const written = readFileSync(join(directory, "outage.lp"), "utf8").match(/^rtcprobe,/gm)?.length ?? 0;
    expect(written).toBeGreaterThan(OUTAGE_MS / 40);
    influxd = await startInfluxd({ directory: join(directory, "influxd"), port });
    while (!said.includes("points are taken again")) await sleep(50);
    await sleep(500);
    const status = await stopWriter(lines);
    expect(status).toEqual(Array(3).fill(expect.objectContaining({ queued: 0, dropped: 0 })));
    const times = await stored("rtcprobe");
    expect(times.toSorted()).toEqual([...taken].sort());
    expect(said.trim().split("\n")).toEqual([
      expect.stringContaining("points wait in the journal until it answers"),
      expect.stringMatching(/points are taken again after \d+\.\d s$/),
    ]);
    console.log(`${OUTAGE_MS} ms without influxd: ${times.length} samples taken and stored`);
  });

  it("retention.influxql makes what it says: minutes of the raw points, in a policy of a year", async () => {
    const script = readFileSync(join(import.meta.dirname, "..", "deploy", "retention.influxql"), "utf8");
    const statements = script.split("\n").filter((line) => line !== "" && !line.startsWith("--"));
    for (const statement of statements) await influxd.query(statement);
    const policies = await influxd.query('SHOW RETENTION POLICIES ON "rtcprobe"');
    expect(policies).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "raw", duration: "168h0m0s", default: true }),
        expect.objectContaining({ name: "year", duration: "8736h0m0s" }),
      ]),
    );
    const begin = BigInt(Math.floor(Date.now() / 60_000 - 2) * 60_000) * 1_000_000n;
    const points = [1, 2, 3].map(
      (n) => `inbound_rtp,host=h,peer=p,ssrc=${n} jitter=${n},packetsLost=${n}i ${begin + BigInt(n)}`,
    );
    const answer = await fetch(`${influxd.url}/write?db=rtcprobe`, { method: "POST", body: points.join("\n") });
    expect(answer.status).toBe(204);
    // What the server does each minute, done now.
    const query =
      statements.find((line) => line.includes("inbound_minute"))?.replace(/^.* BEGIN (.*) END$/, "$1") ?? "";
    await influxd.query(
      query.replace(" GROUP BY", ` WHERE time >= ${begin} AND time < ${begin + 60_000_000_000n} GROUP BY`),
    );
    expect(await influxd.query('SELECT * FROM "year"."inbound_rtp"', "rtcprobe")).toEqual([
      expect.objectContaining({ time: String(begin), jitter: 2, jitterMax: 3, packetsLost: 3, peer: "p" }),
    ]);
  });
});
