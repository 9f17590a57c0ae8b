// SPDX-License-Identifier: MIT
/**
 * One quick look at what the pair costs, while its code changes: `npx tsx bench/trial.ts [--streams 16] [options of rig.c]`.
 * With `--against RIG`, the rig of another build, both take turns.
 */
import { parseArgs } from "node:util";
import { type Cost, measureCost } from "./cost.js";
import { median } from "./figure.js";
import { Rig, type RigOptions } from "./rig.js";

const TURNS = 3;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const { values } = parseArgs({
  options: {
    streams: { ...text, default: "16,10000" },
    rounds: { ...text, default: "100" },
    packets: text,
    cpus: text,
    segments: text,
    slots: text,
    "payload-type": text,
    content: text,
    probes: text,
    skewed: flag,
    gro: flag,
    elsewhere: flag,
    floor: flag,
    against: text,
  },
});

const ns = (value: number) => `${value.toFixed(0)} ns`;

/** The medians over the turns, each beside the paired figure of the same. */
function show(name: string, costs: Cost[]): void {
  const of = (pick: (cost: Cost) => number) => median(costs.map(pick));
  const runs = (kind: "empty" | "probe") =>
    `${of((c) => c.counters[kind].ingress).toFixed(0)} + ${of((c) => c.counters[kind].egress).toFixed(0)}`;
  const missed = costs.reduce((sum, cost) => sum + cost.missed, 0);
  console.log(
    `${name}: ratio ${of((c) => c.ratio.quiet).toFixed(2)} (paired ${of((c) => c.ratio.paired).toFixed(2)}; ` +
      `by counters ${of((c) => c.counters.ratio).toFixed(2)})\n` +
      `  CPU per packet: ${ns(of((c) => c.none))} without, empty pair +${ns(of((c) => c.empty.quiet))}, ` +
      `ours +${ns(of((c) => c.probe.quiet))}; paired +${ns(of((c) => c.empty.paired))}, ` +
      `+${ns(of((c) => c.probe.paired))} (${costs.map((c) => c.probe.spread.map(ns).join(" to ")).join("; ")})\n` +
      `  per run, in + out: empty ${runs("empty")} ns, ours ${runs("probe")} ns` +
      (costs[0]?.floor ? `; floor +${ns(of((c) => c.floor?.quiet ?? Number.NaN))}` : "") +
      (costs[0]?.elsewhere ? `; on another cgroup +${ns(of((c) => c.elsewhere?.quiet ?? Number.NaN))}` : "") +
      (missed > 0 ? `\n  MISSED ${missed} datagrams: the figures count for nothing` : ""),
  );
  if (missed > 0) process.exitCode = 1;
}

const { streams, against, ...rest } = values;
const rigs = new Map([["this build", await Rig.open()]]);
if (against) rigs.set(against, await Rig.open(against));
try {
  for (const count of streams.split(",")) {
    const options: RigOptions = { streams: count, ...rest };
    if (against) options.rounds = Math.ceil(Number(rest.rounds) / TURNS);
    const costs = new Map([...rigs.keys()].map((name) => [name, [] as Cost[]]));
    for (let turn = 0; turn < (against ? TURNS : 1); turn++) {
      for (const [name, rig] of rigs) costs.get(name)?.push((await measureCost(rig, options)).cost);
    }
    for (const [name, all] of costs) show(against ? `${count} streams, ${name}` : `${count} streams`, all);
  }
} finally {
  for (const rig of rigs.values()) await rig.close();
}
