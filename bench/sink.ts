// SPDX-License-Identifier: MIT
/**
 * What it costs to send points to a server that takes them at once: our sink, and `writePoints` of npm influx with the same
 * points: `npx tsx bench/sink.ts [ROUNDS]`.
 *
 * Each trial is a process of its own, and the kinds take turns. CPU is of the sending process, its thread
 * pool included; the server is another process, which reads what comes and answers 204.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { InfluxDB } from "influx";
import { openInflux } from "../src/influx.js";
import { SCHEMA } from "../src/point.js";
import { type Content, countPoints, type Entry, type Feed } from "../src/sink.js";
import type { ColumnSample, Sample } from "../src/stats.js";
import { Roster, StreamTable } from "../src/streamtable.js";
import { samplePoints } from "../test/points.js";
import { inboundStream, makeSample } from "../test/samples.js";
import { figureOf, type Part } from "./figure.js";
import { printPart } from "./table.js";

const STREAMS = 1_000;
const SAMPLES = 100;
/** Left out of the figures: the code is compiled meanwhile. */
const WARM_SAMPLES = 20;
const BATCH = 5_000;
const OPTIONS = { host: "h1", perStream: true };

const KINDS = {
  /** npm influx, writePoints. */
  client: runClient,
  points: (url: string) => runSink(url, makePointSets, false),
  samples: (url: string) => runSink(url, makeTables, false),
  gzip: (url: string) => runSink(url, makeTables, true),
} satisfies Record<string, (url: string) => Promise<Trial>>;
type Kind = keyof typeof KINDS;

const TITLES: Record<Kind, string> = {
  client: "npm influx, points made already",
  points: "our sink, points made already",
  samples: "our sink, from samples",
  gzip: "our sink, from samples, compressed",
};

interface Trial {
  points: number;
  seconds: number;
  cpuSeconds: number;
}

/** A sample per interval, each figure another from stream to stream. */
function makeSamples(count: number): Sample[] {
  return Array.from({ length: count }, (_, n) => {
    const streams = Array.from({ length: STREAMS }, (_, ssrc) => {
      const packetsReceived = n * 50 + ssrc;
      return inboundStream({
        ssrc,
        srcPort: 1_024 + ssrc,
        packetsReceived,
        bytesReceived: packetsReceived * 160,
        headerBytesReceived: packetsReceived * 20,
        jitter: Math.random() / 100,
        jitterRfc3550: Math.random() / 100,
        bitsPerSecond: 64_000 + Math.random() * 100,
        packetsPerSecond: 50 + Math.random(),
        lastPacketReceivedTimestamp: 1_760_000_000_000 + n * 1_000 - Math.random() * 20,
      });
    });
    return makeSample({ timeNs: String(1_760_000_000_000_000_000n + BigInt(n)), streams, candidatePairs: [] });
  });
}

/** The same in columns, as a daemon has them: the streams stay from sample to sample. */
function makeTables(count: number): ColumnSample[] {
  const samples = makeSamples(count);
  const roster = new Roster(samples[0]?.streams ?? []);
  return samples.map((sample) => {
    const streams = new StreamTable(roster);
    for (const [i, stats] of sample.streams.entries()) streams.set(i, { ...stats });
    return { ...sample, streams };
  });
}

const makePointSets = (count: number): Content[] =>
  makeSamples(count).map((sample) => ({ timestamp: sample.timestamp, points: samplePoints(sample, OPTIONS) }));

async function measure(points: number, work: () => Promise<void>): Promise<Trial> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { points, seconds: (performance.now() - begin) / 1000, cpuSeconds: (user + system) / 1e6 };
}

async function runClient(url: string): Promise<Trial> {
  const { hostname, port } = new URL(url);
  const client = new InfluxDB({ host: hostname, port: Number(port), database: "bench", schema: [...SCHEMA] });
  const write = async (count: number) => {
    const points = makeSamples(count).flatMap((sample) => samplePoints(sample, OPTIONS));
    return measure(points.length, async () => {
      for (let i = 0; i < points.length; i += BATCH) await client.writePoints(points.slice(i, i + BATCH));
    });
  };
  await write(WARM_SAMPLES);
  return write(SAMPLES);
}

/** All that it was made of, at once; and no end of it, but what `commit` tells. */
class HeldFeed implements Feed {
  readonly lost = {};
  readonly #entries: Entry[] = [];
  #next = 0;
  #committed = 0;
  #points = 0;
  #wake = (): void => {};
  #drained = (): void => {};

  /** Resolves when all of it is committed. */
  feed(contents: readonly Content[]): Promise<void> {
    for (const content of contents) {
      const points = countPoints(content);
      const number = this.#entries.length;
      this.#entries.push({ number, pointsBefore: this.#points, points, timestamp: content.timestamp, content });
      this.#points += points;
    }
    this.#wake();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  get queued(): number {
    return this.#points - this.#committed;
  }

  async take(): Promise<Entry | undefined> {
    const entry = this.#entries[this.#next];
    if (entry !== undefined) this.#next++;
    return entry;
  }

  commit({ pointsBefore, points }: Entry): void {
    this.#committed = pointsBefore + points;
    if (this.queued === 0) this.#drained();
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }

  close(): void {}
}

async function runSink(url: string, make: (count: number) => Content[], gzip: boolean): Promise<Trial> {
  const feed = new HeldFeed();
  const influx = { url, database: "bench", createDatabase: false, gzip };
  const say = (line: string): void => console.error(line);
  const sink = openInflux(influx, { name: "bench", feed, say, ...OPTIONS }, { batchMs: 0 });
  await feed.feed(make(WARM_SAMPLES));
  const contents = make(SAMPLES);
  const points = contents.reduce((sum, content) => sum + countPoints(content), 0);
  const trial = await measure(points, () => feed.feed(contents));
  await sink.close(1_000);
  return trial;
}

/** A process that takes every write at once. */
async function startNullSink(): Promise<[ChildProcess, string]> {
  const child = spawn(process.execPath, ["--import", "tsx", import.meta.filename, "--serve"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout as NodeJS.ReadableStream, "data");
  return [child, `http://127.0.0.1:${String(line).trim()}`];
}

function serve(): void {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(204).end());
  });
  // The clients come back after the time that it takes to make samples.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1", () => console.log((server.address() as { port: number }).port));
}

async function compare(rounds: number): Promise<void> {
  const [server, url] = await startNullSink();
  const trials = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []])) as unknown as Record<Kind, Trial[]>;
  for (let round = 0; round < rounds; round++) {
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const args = ["--import", "tsx", import.meta.filename, "--trial", kind, url];
      const text = execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
      trials[kind].push(JSON.parse(text) as Trial);
    }
  }
  server.kill();
  const cpu = (kind: Kind) => trials[kind].map(({ points, cpuSeconds }) => (cpuSeconds / points) * 1e6);
  const part: Part = { part: "sink", command: `npx tsx bench/sink.ts ${rounds}`, figures: [], skipped: [] };
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const rate = trials[kind].map(({ points, seconds }) => points / seconds);
    part.figures.push(figureOf(`sink.${kind}.cpu`, "µs/point", cpu(kind), { note: TITLES[kind] }));
    part.figures.push(figureOf(`sink.${kind}.rate`, "points/s", rate, { better: "more", note: TITLES[kind] }));
  }
  const client = cpu("client");
  const ratio = cpu("samples").map((ours, i) => ours / (client[i] ?? Number.NaN));
  const note = "CPU from sample to server, beside npm influx with the points made already";
  part.figures.push(figureOf("sink.samples.beside", "×", ratio, { bar: 1, note }));
  printPart(part);
}

const [mode, kind, url = ""] = process.argv.slice(2);
if (mode === "--serve") serve();
else if (mode === "--trial") {
  console.log(JSON.stringify(await KINDS[kind as Kind](url)));
  process.exit(0);
} else await compare(Number(mode ?? 5));
