// SPDX-License-Identifier: MIT
/**
 * Part readers: other programs that read captures, beside ours, page cache warm. Slow ones get a shorter capture. What a packet costs is
 * the difference between two lengths, so that nobody's start counts. And our memory against length.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addon } from "../src/native.js";
import { writeCapture } from "./capture.js";
import { type Figure, figureOf, type Part, quick } from "./figure.js";
import { ROOT } from "./rig.js";
import { formatValue, printPart } from "./table.js";

const LOADS = [
  { title: "20 streams", streams: 20 },
  { title: "10 000 streams", streams: 10_000 },
];
const WHOLE = 2e6;
const ROUNDS = quick ? 1 : 3;
/** A capture is compared with one of a tenth of its packets, or of one packet per stream. */
const SHARE = 10;
const PEERS = join(import.meta.dirname, "peers");

interface Reader {
  name: string;
  title: string;
  packets: number;
  command: (path: string) => string[];
  bar?: number;
}

const READERS: Reader[] = [
  { name: "cat", title: "cat", packets: WHOLE, command: (path) => ["cat", path] },
  { name: "capinfos", title: "capinfos", packets: WHOLE, command: (path) => ["capinfos", path] },
  {
    name: "tshark",
    title: "tshark -q -z rtp,streams",
    packets: 2e5,
    command: (path) => ["tshark", "-n", "-q", "-r", path, "-d", "udp.port==5004,rtp", "-z", "rtp,streams"],
    bar: 120,
  },
  {
    name: "dpkt",
    title: "Python, dpkt",
    packets: 1e5,
    command: (path) => ["/usr/bin/python3", join(PEERS, "read_dpkt.py"), path],
    bar: 300,
  },
  {
    name: "scapy",
    title: "Python, Scapy",
    packets: 1e4,
    command: (path) => ["/usr/bin/python3", join(PEERS, "read_scapy.py"), path],
  },
];

/** Wall time, ms; undefined if the program is missing or fails. */
function timeProgram([program = "", ...args]: string[]): number | undefined {
  const begin = performance.now();
  const { status } = spawnSync(program, args, { stdio: "ignore" });
  return status === 0 ? performance.now() - begin : undefined;
}

/** Wall time, ms, and the packets that were not counted. */
async function timeOurs(path: string, packets: number): Promise<{ ms: number; missed: number }> {
  const capture = addon.openCapture(path, { local: [], clockRates: {} });
  const begin = performance.now();
  await capture.read();
  const ms = performance.now() - begin;
  const missed = packets - capture.snapshot().datagrams.rtp;
  capture.close();
  return { ms, missed };
}

/** Peak memory of `rtcprobe analyze`, MiB: the process says it when it ends. */
function peakOf(path: string): number {
  const say = "process.on('exit',()=>process.stderr.write('\\n'+process.resourceUsage().maxRSS))";
  const analyze = [join(ROOT, "bin", "rtcprobe"), "analyze", path, "--json"];
  const child = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(say)}`, ...analyze],
    {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    },
  );
  return child.status === 0 ? Number(child.stderr.split("\n").at(-1)) / 1024 : Number.NaN;
}

const directory = mkdtempSync(join(tmpdir(), "rtcprobe-bench-"));
const part: Part = { part: "readers", command: "make bench PART=readers", figures: [], skipped: [] };

/** Captures of so many streams, by their packets. */
class Captures {
  readonly #streams: number;
  readonly #made = new Map<number, string>();

  constructor(streams: number) {
    this.#streams = streams;
  }

  path(packets: number): string {
    const path = this.#made.get(packets) ?? join(directory, `${this.#streams}-${packets}.pcap`);
    if (!this.#made.has(packets)) writeCapture(path, this.#streams, packets);
    this.#made.set(packets, path);
    return path;
  }

  remove(): void {
    for (const path of this.#made.values()) rmSync(path);
  }
}

async function measure(
  reader: Reader,
  load: (typeof LOADS)[number],
  captures: Captures,
): Promise<Figure[] | undefined> {
  const { name, title, command, bar } = reader;
  const packets = Math.max(reader.packets, 2 * load.streams);
  const fewer = Math.max(packets / SHARE, load.streams);
  const [long, short, whole] = [captures.path(packets), captures.path(fewer), captures.path(WHOLE)];
  const ns: number[] = [];
  const ratios: number[] = [];
  let missed = 0;
  if (timeProgram(command(short)) === undefined) return undefined;
  for (let round = 0; round < ROUNDS; round++) {
    process.stderr.write(`readers: ${load.title}, ${title}, round ${round + 1} of ${ROUNDS}\n`);
    const times = [timeProgram(command(long)), timeProgram(command(short))];
    const [longMs, shortMs] = times.map((ms) => ms ?? Number.NaN) as [number, number];
    const theirs = ((longMs - shortMs) * 1e6) / (packets - fewer);
    const ours = await timeOurs(whole, WHOLE);
    missed += ours.missed;
    ns.push(theirs);
    ratios.push(theirs / ((ours.ms * 1e6) / WHOLE));
  }
  const figure = (what: string, unit: string, values: number[], terms = {}) =>
    figureOf(`readers.${name}.${load.streams}.${what}`, unit, values, { note: `${title}; ${load.title}`, ...terms });
  const terms = { better: "more", missed, ...(bar && { bar, guarded: true }) } as const;
  return [figure("cost", "ns/packet", ns), figure("ratio", "×", ratios, terms)];
}

function measureMemory(packets: number, captures: Captures): Figure {
  const path = captures.path(packets);
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round++) values.push(peakOf(path));
  const note = `rtcprobe analyze; ${LOADS[0]?.title}, ${formatValue(packets)} packets`;
  return figureOf(`readers.analyze.${packets}.memory`, "MiB", values, { note });
}

try {
  for (const load of LOADS) {
    const captures = new Captures(load.streams);
    for (const reader of READERS) {
      const figures = await measure(reader, load, captures);
      if (figures) part.figures.push(...figures);
      else part.skipped.push({ name: `${reader.title}; ${load.title}`, reason: "it is missing or fails" });
    }
    if (load === LOADS[0])
      for (const packets of [WHOLE / SHARE, WHOLE]) part.figures.push(measureMemory(packets, captures));
    captures.remove();
  }
  printPart(part);
} finally {
  rmSync(directory, { recursive: true });
}
