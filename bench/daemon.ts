// SPDX-License-Identifier: MIT
/**
 * Part daemon: CPU time and memory of `rtcprobe run` at one sample per second, journal included, while a load of so many streams
 * runs: half of them sent, half received; and how long its event loop lets a question wait, which is asked in a time of its own.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askDaemon } from "../src/client.js";
import type { Health } from "../src/health.js";
import { type Figure, figureOf, type Part, quantile, quick } from "./figure.js";
import { Rig, ROOT } from "./rig.js";
import { printPart } from "./table.js";
import { Watcher } from "./watcher.js";

interface Case {
  streams: number;
  cpu?: { bar: number; stretch: number };
  memory?: { bar: number; stretch: number };
}

const CASES: Case[] = [
  { streams: 100 },
  { streams: 1000, cpu: { bar: 2, stretch: 1 }, memory: { bar: 96, stretch: 72 } },
  { streams: 10_000 },
  { streams: 100_000, cpu: { bar: 40, stretch: 20 } },
];
/** `npx tsx bench/daemon.ts 1000,100000` runs these cases only, and so does `make bench PART=daemon STREAMS=1000,100000`. */
const named = process.argv[2] ?? process.env.STREAMS ?? "";
const wanted = named.split(",").filter(Boolean).map(Number);
const chosen = CASES.filter(({ streams }) => wanted.length === 0 || wanted.includes(streams));
const PER_STREAM = 50; // packets/s, of 20 ms each
const MAX_RATE = 50_000; // the sender shares the machine: beyond it, a stream has fewer
const WINDOWS = quick ? 1 : 5;
const WINDOW_S = quick ? 3 : 60;
/** Questions, and about how long after each other: no multiple of them is the interval. */
const ASKED_S = quick ? 3 : 15;
const ASKED_MS = 37;
const WARM_S = 6;
const PAUSE_MS = 100;
const PATIENCE_MS = 15_000;

interface Window {
  /** % of a core. */
  cpu: number;
  rssMib: number;
}

/** A daemon that is behind answers late. */
async function askHealth(socket: string, tries = 4): Promise<Health> {
  const asked = askDaemon<Health>({ socket, path: "/v1/health" });
  return tries > 1 ? asked.catch(() => askHealth(socket, tries - 1)) : asked;
}

/** After a sample that began when all was sent; of one that is far behind, what it has. */
async function settledHealth(socket: string): Promise<Health> {
  const { samples } = await askHealth(socket);
  for (const begin = performance.now(); ; await sleep(PAUSE_MS)) {
    const health = await askHealth(socket);
    if (health.samples >= samples + 2 || performance.now() - begin > PATIENCE_MS) return health;
  }
}

/** How long the daemon lets a question wait, again and again; ms. */
async function askOften(socket: string): Promise<number[]> {
  const waits: number[] = [];
  for (const end = performance.now() + ASKED_S * 1000; performance.now() < end; await sleep(ASKED_MS)) {
    const begin = performance.now();
    await askDaemon({ socket, path: "/v1/probes" });
    waits.push(performance.now() - begin);
  }
  return waits;
}

const counted = ({ datagrams }: Health) => datagrams.rtp + datagrams.unconfirmed;

async function measure({ streams, cpu, memory }: Case): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), "rtcprobe-bench-"));
  const socket = join(directory, "control.sock");
  const rig = await Rig.open();
  const pace = await rig.pace(streams / 2);
  const rate = Math.min((streams / 2) * PER_STREAM, MAX_RATE);
  const places = ["--journal-directory", join(directory, "journal"), "--calls-directory", join(directory, "calls")];
  const watched = ["--cgroup", pace.place.cgroup, "--max-streams", String(streams)];
  const command = [process.execPath, join(ROOT, "bin", "rtcprobe"), "--config", "/dev/null", "--socket", socket];
  const watcher = await Watcher.start({
    command: [...command, "run", ...places, ...watched],
    ready: /watching/,
    directory,
  });
  try {
    await pace.run(rate, WARM_S);
    const first = await settledHealth(socket);
    const windows: Window[] = [];
    let sent = 0;
    for (let window = 0; window < WINDOWS; window++) {
      process.stderr.write(`daemon: ${streams} streams, ${rate} packets/s, window ${window + 1} of ${WINDOWS}\n`);
      const [ns, begin] = [await watcher.cpuNs(), performance.now()];
      sent += (await pace.run(rate, WINDOW_S)).sent;
      const cpuPercent = ((await watcher.cpuNs()) - ns) / 1e4 / (performance.now() - begin);
      windows.push({ cpu: cpuPercent, rssMib: (await askHealth(socket)).cost.rssBytes / 2 ** 20 });
    }
    const [waits, { sent: sentMeanwhile }] = await Promise.all([askOften(socket), pace.run(rate, ASKED_S)]);
    sent += sentMeanwhile;
    const last = await settledHealth(socket);
    const due = Math.floor(last.uptimeSeconds - first.uptimeSeconds);
    const late = Math.max(0, due - (last.samples - first.samples)) + last.sampleFailures;
    const missed = Math.abs(2 * sent - (counted(last) - counted(first)));
    const terms = (what: object) => ({ note: `${streams} streams`, missed, ...what });
    const values = (pick: (window: Window) => number) => windows.map(pick);
    return [
      figureOf(
        `daemon.${streams}.cpu`,
        "% of a core",
        values((w) => w.cpu),
        terms({ ...cpu }),
      ),
      figureOf(
        `daemon.${streams}.memory`,
        "MiB",
        values((w) => w.rssMib),
        terms({ ...memory }),
      ),
      figureOf(`daemon.${streams}.answer`, "ms", [quantile(waits, 0.5)], terms({ note: "median of an answer" })),
      figureOf(`daemon.${streams}.delay`, "ms", [Math.max(...waits)], terms({ note: "longest wait for an answer" })),
      figureOf(`daemon.${streams}.late`, "samples", [late], terms({ bar: 0 })),
    ];
  } finally {
    await watcher.stop("SIGTERM");
    await pace.close();
    await rig.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const part: Part = {
  part: "daemon",
  command: `make bench PART=daemon${named && ` STREAMS=${named}`}`,
  figures: [],
  skipped: [],
};
for (const one of chosen) part.figures.push(...(await measure(one)));
printPart(part);
