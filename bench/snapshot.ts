// SPDX-License-Identifier: MIT
/**
 * Part snapshot: records → columns → stats → lines, CPU per stream, garbage collection included, with the probes that are on by default.
 * The records are of a capture, which fill the same columns as those of the kernel do; and of the kernel's maps, half of the streams
 * inbound, which are read in other ways as well (bench/reading.ts). `npx tsx bench/snapshot.ts [STREAMS]`
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
import { type Figure, figureOf, type Part, quick } from "./figure.js";
import { MANY, readingFigures } from "./reading.js";
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

const SIZES = quick ? [1000] : [1000, 10_000, 100_000];
/** Before the first round; and each stream has one packet more in each. */
const PACKETS_PER_STREAM = 4;
/** Packets/s. */
const RATE = 100_000;
/** The first rounds make what is remembered, and are compiled: so many rows at the least, as a daemon has them soon. */
const WARM_ROWS = 100_000;
const ROUNDS = 8;
const PROBES: HookProbe[] = ["rtp", "stun", "rtcp"];

/** One size of table: figures of the rounds that count. */
class Rounds {
  readonly streams: number;
  readonly #warm: number;
  missed = 0;

  constructor(streams: number) {
    this.streams = streams;
    this.#warm = 4 + Math.min(36, Math.ceil(WARM_ROWS / streams));
  }

  get count(): number {
    return this.#warm + ROUNDS;
  }

  async nsPerStream<T>(into: number[], work: () => T | Promise<T>): Promise<T> {
    const before = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(before);
    into.push(((user + system) * 1000) / this.streams);
    return result;
  }

  async takeSnapshots(source: Source): Promise<number[]> {
    const into: number[] = [];
    let spent: Snapshot | undefined;
    for (let round = 0; round < this.count; round++) {
      spent = await this.nsPerStream(into, () => source.snapshot(spent));
      this.missed += this.streams - rowCount(spent.streams);
    }
    return into;
  }

  figure(what: string, values: number[], terms: object = {}): Figure {
    return figureOf(`snapshot.${what}.${this.streams}`, "ns/stream", values.slice(this.#warm), terms);
  }
}

/** Of a probe that sees a load which sends each stream's packets and receives them. */
async function measureKernel(streams: number): Promise<Figure> {
  const rounds = new Rounds(streams);
  const rig = await Rig.open();
  const pace = await rig.pace(streams / 2);
  const options = { cgroup: pace.place.cgroup, maxPairs: 4096, clockRates: {}, probes: PROBES };
  const probe = addon.openProbe({ ...options, maxStreams: streams });
  try {
    await pace.run(RATE, Math.ceil((PACKETS_PER_STREAM * streams) / 2 / RATE) + 1);
    const values = await rounds.takeSnapshots(probe);
    return rounds.figure("kernel", values, { missed: rounds.missed, note: "from the maps into columns" });
  } finally {
    probe.close();
    await pace.close();
    await rig.close();
  }
}

async function measureCapture(streams: number): Promise<Figure[]> {
  const rounds = new Rounds(streams);
  const directory = mkdtempSync(join(tmpdir(), "rtcprobe-bench-"));
  const path = join(directory, "streams.pcap");
  writeCapture(path, streams, (PACKETS_PER_STREAM + rounds.count) * streams);
  /** The clock is stated, for else there is no jitter to write. */
  const capture = addon.openCapture(path, { local: [], clockRates: { 111: 48_000 }, probes: PROBES });
  const readPackets = (perStream: number) => capture.read(FIRST_SECOND * 1000 + perStream * FRAME_MS);
  await readPackets(PACKETS_PER_STREAM);
  rmSync(directory, { recursive: true });

  const sampler = new Sampler(capture, { retireIdle: false });
  const encoder = new LineEncoder({ host: "h1", perStream: true });
  const columns = await rounds.takeSnapshots(capture);
  const stats: number[] = [];
  const lines: number[] = [];
  for (let round = 0; round < rounds.count; round++) {
    await readPackets(PACKETS_PER_STREAM + 1 + round);
    const sample = await rounds.nsPerStream(stats, () => sampler.measure());
    sample.streams.hold();
    const written = await rounds.nsPerStream(lines, () => encoder.encode(sample));
    encoder.reuse(written);
    sample.streams.release();
    rounds.missed += streams + 1 - written.length;
  }
  capture.close();
  const all = stats.map((ns, i) => ns + (lines[i] as number));
  const { missed } = rounds;
  return [
    rounds.figure("columns", columns, { missed, note: "of a capture into columns" }),
    rounds.figure("stats", stats, { note: "columns and stats" }),
    rounds.figure("lines", lines, { note: "lines" }),
    rounds.figure("all", all, {
      ...(streams >= MANY && { bar: 700, stretch: 250 }),
      missed,
      note: "columns, stats and lines",
    }),
  ];
}

const named = process.argv[2];
const part: Part = {
  part: "snapshot",
  command: named ? `npx tsx bench/snapshot.ts ${named}` : "make bench PART=snapshot",
  figures: [],
  skipped: [],
};
for (const streams of named ? [Number(named)] : SIZES) {
  process.stderr.write(`snapshot: ${streams} streams\n`);
  part.figures.push(...(await readingFigures(streams)));
  // Before there is a heap to be collected beside them.
  part.figures.push(await measureKernel(streams), ...(await measureCapture(streams)));
}
printPart(part);
