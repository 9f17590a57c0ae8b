// SPDX-License-Identifier: MIT
/**
 * Long loads beside a real influxd; prints what it measured. Oracle: InfluxQL counts the points.
 * `soak.ts streams STREAMS SECONDS`: one store, a sample each second. `soak.ts hosts HOSTS SECONDS`: sinks of many hosts.
 * `soak.ts disk STREAMS SECONDS`: the samples of so many seconds at once, and what they take once influxd has compacted them.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sample } from "../src/stats.js";
import { openStore } from "../src/store.js";
import { feedInflux } from "./feeds.js";
import { startInfluxd } from "./influxd.js";
import { inboundStream, makeSample } from "./samples.js";

const TICKS_PER_SECOND = 100;
/** Lines of progress, and figures in the result. */
const LOOKS = 20;
/** A sample of a host in the load of many hosts: two streams in, two out of a call with one other, and the datagrams. */
const HOST_STREAMS = 4;

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** Figures that differ from stream to stream and from time to time, as a call's do. */
function sampleOf(streams: number, second: number, timestamp = Date.now()): Sample {
  const all = Array.from({ length: streams }, (_, ssrc) =>
    inboundStream({
      ssrc,
      timestamp,
      srcPort: 1024 + (ssrc % 60_000),
      packetsReceived: second * 50 + ssrc,
      bytesReceived: (second * 50 + ssrc) * 160,
      headerBytesReceived: (second * 50 + ssrc) * 20,
      packetsLost: Math.floor(second / 7),
      lastPacketReceivedTimestamp: timestamp - Math.random() * 20,
      jitter: Math.random() / 100,
      jitterRfc3550: Math.random() / 100,
      bitsPerSecond: 64_000 + Math.random() * 100,
      packetsPerSecond: 50 + Math.random(),
      fractionLost: Math.random() / 50,
    }),
  );
  return makeSample({ timestamp, timeNs: `${timestamp}000000`, streams: all, candidatePairs: [] });
}

/** Seconds of CPU that a process has used. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function bytesBelow(path: string): number {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** Calls each second, on a grid; and tells memory and lag now and then. */
async function eachSecond(seconds: number, tick: (second: number) => void, waiting: () => number) {
  const start = performance.now();
  const rss: number[] = [];
  const lag: number[] = [];
  let mostWaiting = 0;
  for (let second = 0; second < seconds; second++) {
    await sleep(Math.max(0, start + second * 1000 - performance.now()));
    // What waits before the sample is taken; what was taken a second ago should be gone.
    mostWaiting = Math.max(mostWaiting, waiting());
    if (second % Math.max(1, Math.floor(seconds / LOOKS)) === 0) {
      rss.push(mebibytes(process.memoryUsage.rss()));
      lag.push(waiting());
      console.error(`${second} s: ${rss.at(-1)} MiB, ${lag.at(-1)} points wait`);
    }
    tick(second);
  }
  return { rssMiB: rss, waiting: lag, mostWaiting };
}

const [mode = "", amount = "0", length = "0"] = process.argv.slice(2);
const [count, seconds] = [Number(amount), Number(length)];
const directory = mkdtempSync(join(tmpdir(), "rtcprobe-soak-"));
/** Compacts as it would hours after the last write. */
const SOON = {
  INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION: "2s",
  INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION: "5s",
};
const influxd = await startInfluxd({
  directory: join(directory, "influxd"),
  ...(mode === "disk" ? { env: SOON } : {}),
});
const said: string[] = [];
const say = (line: string): void => {
  said.push(line);
};
const influx = { url: influxd.url, database: "soak", createDatabase: true };
const cpu = process.cpuUsage();

async function soakStreams(): Promise<object> {
  const journal = { directory: join(directory, "journal"), maxBytes: 2 ** 31, maxAgeMs: 1e9 };
  const sink = { type: "influxdb" as const, name: "influxdb", perStream: true, influx };
  const store = await openStore({ journal, host: "h1", say }, [sink]);
  const waiting = () => store.status()[1]?.queued ?? 0;
  const load = await eachSecond(seconds, (second) => store.append(sampleOf(count, second)), waiting);
  const begin = performance.now();
  await store.close(60_000);
  const flushSeconds = (performance.now() - begin) / 1000;
  const [kept, sent] = store.status();
  const [row] = await influxd.query('SELECT count("jitter") FROM "inbound_rtp"', "soak");
  return { ...load, flushSeconds, journal: kept, sent, stored: row?.count, expected: count * seconds };
}

async function soakHosts(): Promise<object> {
  const sinks = Array.from({ length: count }, (_, host) =>
    feedInflux(influx, say, { batchMs: 1_000 }, { host: `host${host}` }),
  );
  const waiting = () => sinks.reduce((sum, sink) => sum + sink.status().queued, 0);
  const write = (second: number): void => {
    const sample = sampleOf(HOST_STREAMS, second);
    for (const sink of sinks) sink.write(sample);
  };
  const load = await eachSecond(seconds, write, waiting);
  await Promise.all(sinks.map((sink) => sink.close(60_000)));
  const states = sinks.map((sink) => sink.status());
  const [row] = await influxd.query('SELECT count("jitter") FROM "inbound_rtp"', "soak");
  const [hosts] = await influxd.query('SELECT count("seen") FROM "rtcprobe"', "soak");
  return {
    ...load,
    dropped: states.reduce((sum, { dropped }) => sum + dropped, 0),
    queued: states.reduce((sum, { queued }) => sum + queued, 0),
    stored: Number(row?.count) + Number(hosts?.count),
    expected: count * seconds * (HOST_STREAMS + 1),
  };
}

/** Until influxd has made of its files what it wants. */
async function awaitCompaction(): Promise<void> {
  const data = join(directory, "influxd/data");
  for (let same = 0, before = 0; same < 10; ) {
    await sleep(3_000);
    const now = bytesBelow(data) + bytesBelow(join(directory, "influxd/wal"));
    same = now === before ? same + 1 : 0;
    before = now;
  }
}

async function soakDisk(): Promise<object> {
  const sink = feedInflux(influx, say, {}, { host: "h1" });
  const begin = Date.now() - seconds * 1_000;
  for (let second = 0; second < seconds; second++) {
    sink.write(sampleOf(count, second, begin + second * 1_000));
    while (sink.status().queued > 100_000) await sleep(50);
  }
  await sink.close(120_000);
  await awaitCompaction();
  const { written } = sink.status();
  const bytes = bytesBelow(join(directory, "influxd/data"));
  return { written, bytesPerPoint: Number((bytes / written).toFixed(1)) };
}

const SOAKS: Record<string, () => Promise<object>> = { streams: soakStreams, hosts: soakHosts, disk: soakDisk };
const soak = SOAKS[mode];
if (soak === undefined) throw new Error(`${mode} is none of ${Object.keys(SOAKS).join(", ")}`);
const figures = await soak();
const { user, system } = process.cpuUsage(cpu);
const serverCpuSeconds = cpuSeconds(influxd.pid);
await influxd.stop();
const serverBytes = {
  data: bytesBelow(join(directory, "influxd/data")),
  wal: bytesBelow(join(directory, "influxd/wal")),
};
const result = { mode, count, seconds, cpuSeconds: (user + system) / 1e6, serverCpuSeconds, serverBytes };
console.log(JSON.stringify({ ...result, said: said.slice(0, 10), ...figures }));
rmSync(directory, { recursive: true, force: true });
