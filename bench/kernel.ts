// SPDX-License-Identifier: MIT
/** Part kernel: what the attached pair adds to a packet's way, beside an empty pair and no program. */
import { type Cost, measureCost, PROBE } from "./cost.js";
import { type Figure, figureOf, type Part, quick } from "./figure.js";
import { Rig, type RigOptions } from "./rig.js";
import { printPart } from "./table.js";

interface Case {
  name: string;
  title: string;
  options: RigOptions;
  bar?: number;
  stretch?: number;
}

const ALL = PROBE.rtp | PROBE.stun | PROBE.rtcp;

/** A case with a bar is measured in a quick run as well. */
const CASES: Case[] = [
  { name: "1", title: "1 stream", options: { streams: 1 } },
  { name: "16", title: "16 streams", options: { streams: 16, floor: true, elsewhere: true }, bar: 2, stretch: 1.8 },
  { name: "1000", title: "1 000 streams", options: { streams: 1000 } },
  { name: "10000", title: "10 000 streams", options: { streams: 10000 }, bar: 3, stretch: 2.4 },
  { name: "100000", title: "100 000 streams", options: { streams: 100000 } },
  { name: "16.skewed", title: "16 streams, skewed", options: { streams: 16, skewed: true } },
  { name: "1000.skewed", title: "1 000 streams, skewed", options: { streams: 1000, skewed: true } },
  { name: "10000.skewed", title: "10 000 streams, skewed", options: { streams: 10000, skewed: true } },
  { name: "100000.skewed", title: "100 000 streams, skewed", options: { streams: 100000, skewed: true } },
  { name: "16.cpus2", title: "16 streams, 2 CPUs", options: { streams: 16, cpus: 2, packets: 8000 } },
  { name: "1000.cpus2", title: "1 000 streams, 2 CPUs", options: { streams: 1000, cpus: 2, packets: 8000 } },
  { name: "10000.cpus2", title: "10 000 streams, 2 CPUs", options: { streams: 10000, cpus: 2, packets: 8000 } },
  { name: "100000.cpus2", title: "100 000 streams, 2 CPUs", options: { streams: 100000, cpus: 2, packets: 8000 } },
  { name: "16.segments", title: "16 streams, UDP_SEGMENT 16", options: { segments: 16 } },
  { name: "10000.segments", title: "10 000 streams, UDP_SEGMENT 16", options: { streams: 10000, segments: 16 } },
  { name: "16.gro", title: "16 streams, UDP_SEGMENT 16 and UDP_GRO", options: { segments: 16, gro: true } },
  { name: "16.inferring", title: "16 streams, clock rate not known", options: { "payload-type": 111 } },
  { name: "16.rtp", title: "16 streams, stun and rtcp off", options: { probes: PROBE.rtp } },
  { name: "16.depth", title: "16 streams, depth on as well", options: { probes: ALL | PROBE.depth } },
  { name: "16.control", title: "16 streams, rtp off", options: { probes: PROBE.stun | PROBE.rtcp } },
  { name: "stun", title: "STUN requests", options: { content: "stun", probes: ALL } },
  { name: "stun.off", title: "STUN requests, stun off", options: { content: "stun", probes: PROBE.rtp } },
  { name: "rtcp", title: "RTCP", options: { content: "rtcp", probes: ALL } },
  { name: "rtcp.off", title: "RTCP, rtcp off", options: { content: "rtcp", probes: PROBE.rtp } },
  { name: "wireguard", title: "UDP: WireGuard", options: { content: "wireguard" }, bar: 1.3, stretch: 1.15 },
  { name: "quic", title: "UDP: QUIC", options: { content: "quic" }, bar: 1.3, stretch: 1.15 },
  { name: "dtls", title: "UDP: DTLS", options: { content: "dtls" } },
  { name: "tcp", title: "TCP", options: { content: "tcp", elsewhere: true } },
];

function figuresOf(one: Case, blocks: Cost[], missed: number): Figure[] {
  const of = (pick: (cost: Cost) => number) => blocks.map(pick);
  const bars = { ...(one.bar && { bar: one.bar }), ...(one.stretch && { stretch: one.stretch }) };
  const figure = (what: string, unit: string, pick: (cost: Cost) => number, terms = {}) =>
    figureOf(`kernel.${one.name}.${what}`, unit, of(pick), { note: one.title, ...terms });
  const figures = [
    figure("ratio", "×", (cost) => cost.ratio.quiet, { missed, guarded: true, ...bars }),
    figure("paired", "×", (cost) => cost.ratio.paired),
    figure("counters", "×", (cost) => cost.counters.ratio),
    figure("none", "ns/packet", (cost) => cost.none),
    figure("empty", "ns/packet", (cost) => cost.empty.quiet),
    figure("probe", "ns/packet", (cost) => cost.probe.quiet, { missed }),
  ];
  if (blocks[0]?.floor) {
    figures.push(figure("floor", "ns/packet", (cost) => cost.floor?.quiet ?? Number.NaN));
    figures.push(figure("over-floor", "×", (cost) => cost.probe.quiet / (cost.floor?.quiet ?? Number.NaN)));
  }
  if (blocks[0]?.elsewhere) {
    figures.push(figure("elsewhere", "ns/packet", (cost) => cost.elsewhere?.quiet ?? Number.NaN));
  }
  return figures;
}

const rig = await Rig.open();
try {
  const part: Part = { part: "kernel", command: "make bench PART=kernel", figures: [], skipped: [] };
  for (const one of CASES.filter(({ bar }) => !quick || bar !== undefined)) {
    process.stderr.write(`kernel: ${one.title}\n`);
    const { cost, blocks } = await measureCost(rig, { rounds: quick || !one.bar ? 50 : 100, ...one.options });
    part.figures.push(...figuresOf(one, blocks, cost.missed));
  }
  printPart(part);
} finally {
  await rig.close();
}
