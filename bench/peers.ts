// SPDX-License-Identifier: MIT
/**
 * Part peers: programs that watch the same load one after the other: their own CPU time, what they put on the packets' way,
 * and what they missed. Ours sees both directions, the others only what is received.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Figure, figureOf, median, type Part, quick } from "./figure.js";
import { PEERS, type Peer, reasonToSkip } from "./peerlist.js";
import { type Pace, type Paced, Rig } from "./rig.js";
import { printPart } from "./table.js";
import { Watcher } from "./watcher.js";

const RATES = quick ? [20000] : [20000, 50000];
/** Each measurement is two runs of a second, of which the faster counts: a shared machine is slower for a second now and then. */
const RUNS = 2;
const ROUNDS = quick ? 1 : 5;
/** A daemon's last sample is taken within this, and a capture's last block is handed over. */
const LAST_MS = 1_300;

/** One program's share in one run; ns per packet that was sent. */
interface Watched {
  own: number;
  path: number;
  missed: number;
  handled: number;
}

async function runTwice(pace: Pace, rate: number): Promise<{ sent: number; ns: number }> {
  const runs: Paced[] = [];
  while (runs.length < RUNS) runs.push(await pace.run(rate, 1));
  return { sent: runs.reduce((sum, run) => sum + run.sent, 0), ns: Math.min(...runs.map((run) => run.ns)) };
}

async function observe(watcher: Watcher, pace: Pace, rate: number) {
  const before = await watcher.cpuNs();
  const { sent, ns } = await runTwice(pace, rate);
  const during = (await watcher.cpuNs()) - before;
  await sleep(LAST_MS);
  return { before, sent, ns, during };
}

/** `ns` is what a packet cost while the peer watched. */
async function watch(peer: Peer, pace: Pace, rate: number): Promise<Omit<Watched, "path"> & { ns: number }> {
  const { directions = 1, sampled } = peer;
  const directory = await mkdtemp(join(tmpdir(), "rtcprobe-bench-"));
  try {
    const command = peer.command({ directory, ...pace.place });
    const namespace = peer.outside ? {} : { namespace: pace.place.namespace };
    const watcher = await Watcher.start({ ...peer, ...namespace, command, directory });
    const { before, sent, ns, during } = await observe(watcher, pace, rate).catch(async (error) => {
      await watcher.stop("SIGKILL");
      throw error;
    });
    const whole = (await watcher.stop()) - before; // a capture has a backlog to work off
    const own = (sampled ? during : whole) / sent;
    const counted = peer.count ? peer.count(await watcher.output()) : sent * directions;
    return { own, ns, missed: sent * directions - counted, handled: counted / directions / sent };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** % of a core at 10 000 packets/s, from ns per packet. */
const percent = (ns: number) => ns / 1e3;

function figuresOf(peer: Peer, rate: number, runs: Watched[], ours: Watched[]): Figure[] {
  const name = `peers.${rate / 1e3}k.${peer.name}`;
  const note = peer.title;
  const figure = (what: string, unit: string, values: number[], terms = {}) =>
    figureOf(`${name}.${what}`, unit, values, { note, ...terms });
  const missed = figure(
    "missed",
    "%",
    runs.map((run) => 100 * (1 - run.handled)),
  );
  // Of the packets it handled: who drops most is not the cheapest for it.
  const total = runs.map((run) => percent(run.own / Math.max(run.handled, 1e-3) + run.path));
  const figures = [
    figure("total", "% of a core", total),
    figure(
      "own",
      "ns/packet",
      runs.map((run) => run.own),
    ),
    figure(
      "path",
      "ns/packet",
      runs.map((run) => run.path),
    ),
  ];
  if (peer.count) figures.push(missed);
  if (peer.ratio) {
    const lost = ours.reduce((sum, run) => sum + Math.abs(run.missed), 0);
    // Over the median of theirs: what is on the way of packets is told by the difference of two runs, which may come to nothing.
    // Where the noise is larger than our share, a round gives no ratio; a figure without any does not hold.
    const over = (pick: (run: Watched) => number) =>
      ours.map((run) => percent(pick(run)) / median(total)).filter((ratio) => ratio > 0);
    const terms = { ...peer.ratio, missed: lost, note: `our pair / ${note}` };
    figures.push(
      figure(
        "ratio",
        "×",
        over((run) => run.path),
        terms,
      ),
    );
    figures.push(
      figure(
        "daemon",
        "×",
        over((run) => run.own + run.path),
        { note: `our pair and daemon / ${note}` },
      ),
    );
  }
  return figures;
}

const part: Part = { part: "peers", command: "make bench PART=peers", figures: [], skipped: [] };
const present: Peer[] = [];
for (const peer of PEERS) {
  const reason = await reasonToSkip(peer);
  if (reason) part.skipped.push({ name: peer.title, reason });
  else present.push(peer);
}
const rig = await Rig.open();
const pace = await rig.pace();
try {
  for (const rate of RATES) {
    const runs = new Map<Peer, Watched[]>(present.map((peer) => [peer, []]));
    for (let round = 0; round < ROUNDS; round++) {
      let before = await runTwice(pace, rate); // nobody watches
      for (const peer of present) {
        process.stderr.write(`peers: ${rate} packets/s, round ${round + 1} of ${ROUNDS}: ${peer.title}\n`);
        const { ns, ...watched } = await watch(peer, pace, rate);
        const after = await runTwice(pace, rate);
        runs.get(peer)?.push({ ...watched, path: ns - (before.ns + after.ns) / 2 });
        before = after;
      }
    }
    const ours = [...runs].find(([peer]) => peer.name === "ebpf")?.[1] ?? [];
    for (const [peer, all] of runs) part.figures.push(...figuresOf(peer, rate, all, ours));
  }
  printPart(part);
} finally {
  await pace.close();
  await rig.close();
}
