// SPDX-License-Identifier: MIT
/** What it costs to read all streams out of the kernel (bench/rig/reading.cc): the addon's way beside the usual ones. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Figure, figureOf, quick } from "./figure.js";
import { Rig } from "./rig.js";

/** As reading.cc prints it: of each round CPU ns per record, and records that were not found. */
interface Way {
  missed: number;
  ns: number[];
}

interface Readings {
  mmap: Way;
  batch: Way;
  keys: Way;
  /** CPU ns per record of `bpftool -j map dump`. */
  dumped: number;
}

/** How many streams the bars are for: with few, what a sample costs anyway is most of it. */
export const MANY = 100_000;
const ROUNDS = quick ? 3 : 15;

/** Of so many records, half of them of streams that are sent and half of streams that are received. */
export async function readingFigures(records: number): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), "rtcprobe-bench-"));
  const dump = join(directory, "dump.json");
  const rig = await Rig.open();
  try {
    const readings = await rig.run<Readings>("reading", { streams: records / 2, rounds: ROUNDS, dump });
    const text = await readFile(dump, "utf8");
    const before = process.cpuUsage();
    const parsed = JSON.parse(text) as unknown[];
    const { user, system } = process.cpuUsage(before);
    const json = readings.dumped + ((user + system) * 1000) / records;
    const figure = (name: string, { ns, missed }: Way, terms: object) =>
      figureOf(`snapshot.${name}.${records}`, "ns/stream", ns, { missed, ...terms });
    return [
      figure("read", readings.mmap, {
        ...(records >= MANY && { bar: 25, stretch: 20 }),
        note: "from the maps into the addon, by mmap",
      }),
      figure("read.batch", readings.batch, { note: "from a hash map of as many, in batches" }),
      figure("read.keys", readings.keys, { note: "from a hash map, key by key" }),
      figure(
        "read.bpftool",
        { ns: [json], missed: records - parsed.length },
        { note: "from a hash map, bpftool -j and JSON.parse" },
      ),
    ];
  } finally {
    await rig.close();
    await rm(directory, { recursive: true });
  }
}
