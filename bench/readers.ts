// SPDX-License-Identifier: MIT
/**
 * Part readers: other programs that read a capture of 20 streams, beside ours, page cache warm. Slow ones get a shorter capture. What a
 * packet costs is the difference between two lengths, so that nobody's start counts. And our memory against length.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addon } from "../src/native.js";
import { writeCapture } from "./capture.js";
import { type Figure, figureOf, type Part, quick } from "./figure.js";
import { ROOT } from "./rig.js";
import { printPart } from "./table.js";

const STREAMS = 20;
const ROUNDS = quick ? 1 : 3;
/** A capture is compared with one of a tenth of its packets. */
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
  { name: "cat", title: "cat", packets: 2e6, command: (path) => ["cat", path] },
  { name: "capinfos", title: "capinfos", packets: 2e6, command: (path) => ["capinfos", path] },
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
const made = new Map<number, string>();

function captureOf(packets: number): string {
  const path = made.get(packets) ?? join(directory, `${packets}.pcap`);
  if (!made.has(packets)) writeCapture(path, STREAMS, packets);
  made.set(packets, path);
  return path;
}

/** ns per packet, from two lengths. */
const perPacket = (long: number, short: number, packets: number) =>
  ((long - short) * 1e6) / (packets - packets / SHARE);

async function measure({ name, title, packets, command, bar }: Reader): Promise<Figure[] | undefined> {
  const [long, short] = [captureOf(packets), captureOf(packets / SHARE)];
  const whole = captureOf(2e6);
  const ns: number[] = [];
  const ratios: number[] = [];
  let missed = 0;
  if (timeProgram(command(short)) === undefined) return undefined;
  for (let round = 0; round < ROUNDS; round++) {
    process.stderr.write(`readers: ${title}, round ${round + 1} of ${ROUNDS}\n`);
    const theirs = perPacket(
      timeProgram(command(long)) ?? Number.NaN,
      timeProgram(command(short)) ?? Number.NaN,
      packets,
    );
    const ours = await timeOurs(whole, 2e6);
    missed += ours.missed;
    ns.push(theirs);
    ratios.push(theirs / ((ours.ms * 1e6) / 2e6));
  }
  const terms = { better: "more", missed, ...(bar && { bar, guarded: true }) } as const;
  return [
    figureOf(`readers.${name}.cost`, "ns/packet", ns, { note: title }),
    figureOf(`readers.${name}.ratio`, "×", ratios, { ...terms, note: `${title}: its time / ours` }),
  ];
}

try {
  for (const reader of READERS) {
    const figures = await measure(reader);
    if (figures) part.figures.push(...figures);
    else part.skipped.push({ name: reader.title, reason: "it is missing or fails" });
  }
  for (const packets of [2e5, 2e6]) {
    const path = captureOf(packets);
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) values.push(peakOf(path));
    part.figures.push(
      figureOf(`readers.memory.${packets}`, "MiB", values, {
        note: `peak memory of rtcprobe analyze, ${packets} packets`,
      }),
    );
  }
  printPart(part);
} finally {
  rmSync(directory, { recursive: true });
}
