// SPDX-License-Identifier: MIT
/**
 * Records → columns → stats → lines: CPU per stream, garbage collection included, with the probes that are on by default. The records
 * are of a capture, which fill the same columns as those of the kernel do; and of the kernel's maps, with room for sixteen times as
 * many streams, half of them inbound. `npx tsx bench/snapshot.ts [STREAMS]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { OPTIONS } from "../scripts/bundleoptions.js";
import type { LineEncoder as Encoder } from "../src/encoder.js";
import { addon, type HookProbe, rowCount, type Snapshot, type Source } from "../src/native.js";
import type { Sampler as Sampling } from "../src/sampler.js";
import { FIRST_SECOND, FRAME_MS, writeCapture } from "./capture.js";
import { figureOf, type Part } from "./figure.js";
import { Rig, ROOT } from "./rig.js";
import { printPart } from "./table.js";

/** As it is shipped, in one file: what runs TypeScript gives each function a name, at a cost. */
const BUNDLE = join(ROOT, "build", "snapshot.cjs");
const exported = `export { Sampler } from "./src/sampler.js"; export { LineEncoder } from "./src/encoder.js";`;
await build({ ...OPTIONS, stdin: { contents: exported, resolveDir: ROOT }, outfile: BUNDLE });
const { Sampler, LineEncoder } = createRequire(import.meta.url)(BUNDLE) as {
  Sampler: typeof Sampling;
  LineEncoder: typeof Encoder;
};

const streams = Number(process.argv[2] ?? 100_000);
/** Before the first round; and each stream has one packet more in each. */
const PACKETS_PER_STREAM = 4;
/** Packets/s. */
const RATE = 100_000;
/** The first rounds make what is remembered, and are compiled: so many rows at the least, as a daemon has them soon. */
const WARM_ROWS = 100_000;
const WARM = 4 + Math.min(36, Math.ceil(WARM_ROWS / streams));
const ROUNDS = WARM + 8;
const PROBES: HookProbe[] = ["rtp", "stun", "rtcp"];

const directory = mkdtempSync(join(tmpdir(), "rtcprobe-bench-"));
const path = join(directory, "streams.pcap");
writeCapture(path, streams, (PACKETS_PER_STREAM + ROUNDS) * streams);
/** The clock is stated, for else there is no jitter to write. */
const capture = addon.openCapture(path, { local: [], clockRates: { 111: 48_000 }, probes: PROBES });
const readPackets = (perStream: number) => capture.read(FIRST_SECOND * 1000 + perStream * FRAME_MS);
await readPackets(PACKETS_PER_STREAM);
rmSync(directory, { recursive: true });

const sampler = new Sampler(capture, { retireIdle: false });
const encoder = new LineEncoder({ host: "h1", perStream: true });
const snapshot: number[] = [];
const kernel: number[] = [];
const stats: number[] = [];
const lines: number[] = [];
let missed = 0;

async function nsPerStream<T>(into: number[], work: () => T | Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  into.push(((user + system) * 1000) / streams);
  return result;
}

async function takeSnapshots(source: Source, into: number[]): Promise<void> {
  let spent: Snapshot | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    spent = await nsPerStream(into, () => source.snapshot(spent));
    missed += streams - rowCount(spent.streams);
  }
}

/** Of a probe that sees a load which sends each stream's packets and receives them. */
async function measureKernel(): Promise<void> {
  const rig = await Rig.open();
  const pace = await rig.pace(streams / 2);
  const options = { cgroup: pace.place.cgroup, maxPairs: 4096, clockRates: {}, probes: PROBES };
  const probe = addon.openProbe({ ...options, maxStreams: 16 * streams });
  try {
    await pace.run(RATE, Math.ceil((PACKETS_PER_STREAM * streams) / 2 / RATE) + 1);
    await takeSnapshots(probe, kernel);
  } finally {
    probe.close();
    await pace.close();
    await rig.close();
  }
}

// Before there is a heap to be collected beside them.
await measureKernel();
await takeSnapshots(capture, snapshot);
for (let round = 0; round < ROUNDS; round++) {
  await readPackets(PACKETS_PER_STREAM + 1 + round);
  const sample = await nsPerStream(stats, () => sampler.measure());
  sample.streams.hold();
  const written = await nsPerStream(lines, () => encoder.encode(sample));
  encoder.reuse(written);
  sample.streams.release();
  missed += streams + 1 - written.length;
}
capture.close();

const all = stats.map((ns, i) => ns + (lines[i] as number)).slice(WARM);
const part: Part = { part: "snapshot", command: `npx tsx bench/snapshot.ts ${streams}`, figures: [], skipped: [] };
const name = (what: string) => `snapshot.${what}.${streams}`;
part.figures.push(
  figureOf(name("kernel"), "ns/stream", kernel.slice(WARM), { bar: 25, stretch: 20, missed, note: "from the maps" }),
  figureOf(name("columns"), "ns/stream", snapshot.slice(WARM), { bar: 25, stretch: 20, missed }),
  figureOf(name("stats"), "ns/stream", stats.slice(WARM), { note: "columns included" }),
  figureOf(name("lines"), "ns/stream", lines.slice(WARM)),
  figureOf(name("all"), "ns/stream", all, { bar: 700, stretch: 250, missed }),
);
printPart(part);
