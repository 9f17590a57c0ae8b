// SPDX-License-Identifier: MIT
/** Part arrivals: how far three clocks are from the sender's, on an idle and on an overloaded host. */
import { availableParallelism } from "node:os";
import { type Figure, figureOf, type Part, quantile, quick } from "./figure.js";
import { Rig } from "./rig.js";
import { printPart } from "./table.js";

/** As arrivals.cc prints it: errors in ns. */
interface Arrivals {
  sent: number;
  received: number;
  overwritten: number;
  probe: number[];
  packet: number[];
  application: number[];
}

const CLOCKS = {
  probe: "the probe's arrival",
  packet: "the packet's timestamp (tcpdump)",
  application: "the application's clock after recvmsg",
} as const;
const QUANTILES = { p50: 0.5, p99: 0.99, p999: 0.999, max: 1 };
const HOSTS = { idle: 0, overloaded: 2 * availableParallelism() };
const REPETITIONS = quick ? 1 : 3;

function figuresOf(host: string, runs: Arrivals[]): Figure[] {
  const missed = runs.reduce((sum, run) => sum + run.sent - run.received, 0);
  return Object.entries(CLOCKS).flatMap(([clock, note]) =>
    Object.entries(QUANTILES).map(([name, q]) =>
      figureOf(
        `arrivals.${host}.${clock}.${name}`,
        "µs",
        runs.map((run) => quantile(run[clock as keyof typeof CLOCKS], q) / 1e3),
        { missed, note },
      ),
    ),
  );
}

const rig = await Rig.open();
try {
  const part: Part = { part: "arrivals", command: "make bench PART=arrivals", figures: [], skipped: [] };
  const runs = { idle: [] as Arrivals[], overloaded: [] as Arrivals[] };
  for (let i = 0; i < REPETITIONS; i++) {
    for (const [host, busy] of Object.entries(HOSTS) as [keyof typeof HOSTS, number][]) {
      process.stderr.write(`arrivals: ${host}, run ${i + 1} of ${REPETITIONS}\n`);
      runs[host].push(await rig.run("arrivals", { streams: 4096, rate: 5000, seconds: 5, busy }));
    }
  }
  for (const [host, all] of Object.entries(runs)) part.figures.push(...figuresOf(host, all));
  printPart(part);
} finally {
  await rig.close();
}
