// SPDX-License-Identifier: MIT
/**
 * Long loads beside a real influxd; prints what it measured. Oracle: InfluxQL counts the points.
 * `soak.ts streams STREAMS SECONDS`: one store, a sample each second. `soak.ts hosts HOSTS SECONDS`: sinks of many hosts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sample } from "../src/stats.js";
import { openStore } from "../src/store.js";
import { feedInflux } from "./feeds.js";
import { startInfluxd } from "./influxd.js";
import { inboundStream, makeSample } from "./samples.js";

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

function sampleOf(streams: number): Sample {
  const timestamp = Date.now();
  const all = Array.from({ length: streams }, (_, ssrc) =>
    inboundStream({ ssrc, timestamp, jitter: Math.random() / 100, packetsReceived: timestamp % 1e9 }),
  );
  return makeSample({ timestamp, timeNs: `${timestamp}000000`, streams: all, candidatePairs: [] });
}

/** Calls each second, on a grid; and tells the memory now and then. */
async function eachSecond(seconds: number, tick: () => void): Promise<number[]> {
  const start = performance.now();
  const memory: number[] = [];
  for (let second = 0; second < seconds; second++) {
    await sleep(Math.max(0, start + second * 1000 - performance.now()));
    tick();
    if (second % Math.max(1, Math.floor(seconds / 10)) !== 0) continue;
    memory.push(mebibytes(process.memoryUsage.rss()));
    console.error(`${second} s: ${memory.at(-1)} MiB`);
  }
  return memory;
}

const [mode, amount = "0", length = "0"] = process.argv.slice(2);
const [count, seconds] = [Number(amount), Number(length)];
const directory = mkdtempSync(join(tmpdir(), "rtcprobe-soak-"));
const influxd = await startInfluxd({ directory: join(directory, "influxd") });
const said: string[] = [];
const say = (line: string): void => {
  said.push(line);
};
const influx = { url: influxd.url, database: "soak", createDatabase: true };
const cpu = process.cpuUsage();

async function soakStreams(): Promise<object> {
  const journal = { directory: join(directory, "journal"), maxBytes: 2 ** 28, maxAgeMs: 1e9 };
  const sink = { type: "influxdb" as const, name: "influxdb", perStream: true, influx };
  const store = await openStore({ journal, host: "h1", say }, [sink]);
  const memory = await eachSecond(seconds, () => store.append(sampleOf(count)));
  await store.close(30_000);
  const [kept, sent] = store.status();
  const [row] = await influxd.query('SELECT count("jitter") FROM "inbound_rtp"', "soak");
  return { memory, journal: kept, sent, stored: row?.count, expected: count * seconds };
}

async function soakHosts(): Promise<object> {
  const sinks = Array.from({ length: count }, (_, host) =>
    feedInflux(influx, say, { batchMs: 1_000 }, { host: `host${host}` }),
  );
  const memory = await eachSecond(seconds, () => {
    for (const sink of sinks) sink.write(sampleOf(4));
  });
  await Promise.all(sinks.map((sink) => sink.close(30_000)));
  const states = sinks.map((sink) => sink.status());
  const [row] = await influxd.query('SELECT count("jitter") FROM "inbound_rtp"', "soak");
  const [hosts] = await influxd.query('SELECT count("seen") FROM "rtcprobe"', "soak");
  return {
    memory,
    dropped: states.reduce((sum, { dropped }) => sum + dropped, 0),
    queued: states.reduce((sum, { queued }) => sum + queued, 0),
    stored: Number(row?.count) + Number(hosts?.count),
    expected: count * seconds * 5,
  };
}

const figures = mode === "hosts" ? await soakHosts() : await soakStreams();
const { user, system } = process.cpuUsage(cpu);
console.log(
  JSON.stringify({ mode, count, seconds, cpuSeconds: (user + system) / 1e6, said: said.slice(0, 10), ...figures }),
);
await influxd.stop();
rmSync(directory, { recursive: true, force: true });
