// SPDX-License-Identifier: MIT
/**
 * From the start of `rtcprobe analyze` to its result on a small capture, beside Node alone; and how long a daemon takes to switch all
 * probes on, as root. `npx tsx bench/start.ts [ROUNDS]`
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { addon, type HookProbe } from "../src/native.js";
import { figureOf, type Part } from "./figure.js";
import { printPart } from "./table.js";

const ROOT = join(import.meta.dirname, "..");
const CAPTURE = join(ROOT, "test/captures/plain-rtp/receiver.pcap");
const OURS = [join(ROOT, "bin/rtcprobe"), "analyze", CAPTURE];

/** What makes Node read and parse a file of certificates, or whatever options, before it runs anything, is none of ours. */
const { NODE_EXTRA_CA_CERTS: _, NODE_OPTIONS: __, ...env } = process.env;

function time(args: string[]): number {
  const begin = performance.now();
  const { status } = spawnSync(process.execPath, args, { env, stdio: "ignore" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
  return performance.now() - begin;
}

const rounds = Number(process.argv[2] ?? 11);
const [node, ours]: [number[], number[]] = [[], []];
for (let round = 0; round < rounds; round++) {
  node.push(time(["-e", "0"]));
  ours.push(time(OURS));
}
/** To load, verify and attach the programs, milliseconds. */
async function timeProbes(): Promise<number[]> {
  const probes: HookProbe[] = ["rtp", "stun", "rtcp"];
  const cgroup = await createCgroup(`rtcprobe-bench-${process.pid}-start`);
  const probe = addon.openProbe({ cgroup, maxStreams: 4096, maxPairs: 4096, clockRates: {}, probes });
  try {
    return Array.from({ length: rounds }, () => {
      probe.setProbes([]);
      const begin = performance.now();
      probe.setProbes(probes);
      return performance.now() - begin;
    });
  } finally {
    probe.close();
    await removeCgroup(cgroup);
  }
}

const part: Part = { part: "start", command: `npx tsx bench/start.ts ${rounds}`, figures: [], skipped: [] };
part.figures.push(
  figureOf("start.node", "ms", node, { note: "Node that does nothing" }),
  figureOf("start.analyze", "ms", ours, { bar: 150, stretch: 100, note: "rtcprobe analyze" }),
  figureOf(
    "start.own",
    "ms",
    ours.map((ms, i) => ms - (node[i] as number)),
    { note: "analyze less Node" },
  ),
);
if (process.getuid?.() === 0) {
  part.figures.push(figureOf("start.probes", "ms", await timeProbes(), { bar: 100, note: "probes switched on" }));
} else part.skipped.push({ name: "start.probes", reason: "not root" });
printPart(part);
