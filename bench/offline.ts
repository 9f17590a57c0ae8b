// SPDX-License-Identifier: MIT
/**
 * Reading captures: ours, in this process as `analyze` does it, beside dd and tcpdump on the same file, page cache warm, one
 * after the other in each round. `npx tsx bench/offline.ts [ROUNDS]`
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addon } from "../src/native.js";
import { writeCapture } from "./capture.js";
import { type Figure, figureOf, type Part, type Skip } from "./figure.js";
import { printPart } from "./table.js";

const PACKETS = 2_000_000;
interface Load {
  title: string;
  streams: number;
  /** With header extensions, as WebRTC sends them. */
  extended?: true;
}

const LOADS: Load[] = [
  { title: "20 streams", streams: 20 },
  { title: "10 000 streams", streams: 10_000 },
  { title: "20 streams, with header extensions", streams: 20, extended: true },
];
const BARS = {
  rate: { better: "more", bar: 20e6 },
  dd: { bar: 1.5, stretch: 1.2 },
  tcpdump: { better: "more", bar: 3 },
} as const;

/** Wall time of a program that reads the file, milliseconds; undefined where there is none. */
function timeProgram(command: string, args: string[]): number | undefined {
  const begin = performance.now();
  const { status } = spawnSync(command, args, { stdio: "ignore" });
  return status === 0 ? performance.now() - begin : undefined;
}

/** Wall time of ours and CPU of both its threads, milliseconds, and the packets it did not count. */
async function timeOurs(path: string): Promise<{ ms: number; cpuMs: number; missed: number }> {
  const capture = addon.openCapture(path, { local: [], clockRates: {} });
  const before = process.cpuUsage();
  const begin = performance.now();
  await capture.read();
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  const missed = PACKETS - capture.snapshot().datagrams.rtp;
  capture.close();
  return { ms, cpuMs: (user + system) / 1000, missed };
}

async function measure(path: string, load: Load, rounds: number, skipped: Skip[]): Promise<Figure[]> {
  const name = (what: string) => `offline.${load.streams}${load.extended ? ".extended" : ""}.${what}`;
  const note = load.title;
  const bars = load.extended ? undefined : BARS;
  const [ours, cpu, dd, tcpdump]: [number[], number[], number[], number[]] = [[], [], [], []];
  let missed = 0;
  for (let round = 0; round <= rounds; round++) {
    const our = await timeOurs(path);
    const read = timeProgram("dd", ["bs=1M", `if=${path}`, "of=/dev/null"]);
    const dump = timeProgram("tcpdump", ["-r", path, "-w", "/dev/null"]);
    missed += our.missed;
    if (round === 0) continue; // it warmed the page cache
    ours.push(our.ms);
    cpu.push(our.cpuMs);
    if (read) dd.push(read);
    if (dump) tcpdump.push(dump);
  }
  const figures = [
    figureOf(
      name("rate"),
      "packets/s",
      ours.map((ms) => (PACKETS / ms) * 1000),
      { better: "more", ...bars?.rate, missed, note },
    ),
    figureOf(
      name("cpu"),
      "ns/packet",
      cpu.map((ms) => (ms * 1e6) / PACKETS),
      { note },
    ),
  ];
  const beside = (what: string, others: number[], ratio: (ms: number, other: number) => number, bar: object) => {
    if (others.length < ours.length) skipped.push({ name: name(what), reason: `${what} is missing` });
    else
      figures.push(
        figureOf(
          name(what),
          "×",
          ours.map((ms, i) => ratio(ms, others[i] as number)),
          { ...bar, note },
        ),
      );
  };
  beside("dd", dd, (ms, other) => ms / other, { ...bars?.dd });
  beside("tcpdump", tcpdump, (ms, other) => other / ms, { better: "more", ...bars?.tcpdump });
  return figures;
}

const named = process.argv[2];
const rounds = Number(named ?? 7);
const directory = mkdtempSync(join(tmpdir(), "rtcprobe-bench-"));
try {
  const part: Part = {
    part: "offline",
    command: named ? `npx tsx bench/offline.ts ${rounds}` : "make bench PART=offline",
    figures: [],
    skipped: [],
  };
  for (const load of LOADS) {
    const path = join(directory, "capture.pcap");
    writeCapture(path, load.streams, PACKETS, load.extended);
    console.error(`${load.title}: ${PACKETS} packets, ${statSync(path).size} bytes`);
    part.figures.push(...(await measure(path, load, rounds, part.skipped)));
    rmSync(path);
  }
  printPart(part);
} finally {
  rmSync(directory, { recursive: true });
}
