// SPDX-License-Identifier: MIT
/**
 * `make bench`: runs the parts one after the other, each a program of its own, shows and keeps their figures (build/bench.json), and
 * fails on a missed packet and on a regression. PART=a,b runs only these, QUICK=1 only looks whether all works, ACCEPT=1 makes
 * this run the baseline of the machine's class and writes BENCHMARKS.md.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Accepted, isRegression, noiseOf, readBaseline, writeBaseline } from "./baseline.js";
import { type Figure, type Part, quick } from "./figure.js";
import { describeMachine, loadNow, machineClass } from "./machine.js";
import { writeReport } from "./report.js";
import { keepRuns, type Run } from "./result.js";
import { ROOT } from "./rig.js";
import { formatValue } from "./table.js";

/** In the order they run: the quietest first. */
const PARTS = ["kernel", "updates", "arrivals", "peers", "snapshot", "sink", "offline", "readers", "start", "daemon"];

function chosenParts(): string[] {
  const wanted = (process.env.PART ?? "").split(",").filter((name) => name !== "");
  for (const name of wanted) {
    if (!PARTS.includes(name)) throw new Error(`PART=${name}: there are ${PARTS.join(", ")}`);
  }
  const there = PARTS.filter((name) => existsSync(join(import.meta.dirname, `${name}.ts`)));
  return there.filter((name) => wanted.length === 0 || wanted.includes(name));
}

async function runPart(name: string): Promise<Run> {
  const begin = Date.now();
  const before = loadNow();
  const program = [...process.execArgv, join(import.meta.dirname, `${name}.ts`)];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "inherit"], cwd: ROOT });
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  if (code !== 0) throw new Error(`part ${name} failed (${signal ?? code})`);
  const seconds = (Date.now() - begin) / 1000;
  const at = new Date(begin).toISOString();
  return { ...(JSON.parse(output) as Part), at, seconds, load: [before, loadNow()], quick };
}

/** What to say of a guarded figure beside the accepted one. */
function compare(figure: Figure, accepted: Accepted): string {
  const noise = noiseOf(accepted, figure.values);
  const verdict = isRegression(figure, accepted) ? "REGRESSION" : "as accepted";
  const values = `${formatValue(figure.median)}, accepted ${formatValue(accepted.median)} ± ${formatValue(noise)}`;
  return `${verdict}: ${figure.name}: ${values} ${figure.unit}`;
}

if (process.geteuid?.() !== 0) {
  console.error("bench: it makes namespaces and cgroups and loads eBPF; run it as root");
  process.exit(1);
}
const machine = describeMachine();
const name = machineClass(machine);
const baseline = await readBaseline(name);
const runs: Run[] = [];
const failures: string[] = [];
const regressions: string[] = [];
console.log(`${name}: ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, load ${loadNow().toFixed(2)}`);
for (const part of chosenParts()) {
  try {
    const run = await runPart(part);
    runs.push(run);
    console.log(`${part}: ${run.figures.length} figures in ${run.seconds.toFixed(0)} s\n`);
  } catch (error) {
    failures.push((error as Error).message);
  }
}
const figures = runs.flatMap((run) => run.figures);
for (const figure of figures) {
  const accepted = baseline[figure.name];
  if (accepted && figure.guarded) console.log(compare(figure, accepted));
  if (figure.missed) failures.push(`${figure.name}: ${figure.missed} missed, the figure counts for nothing`);
  if (isRegression(figure, accepted)) regressions.push(`${figure.name}: worse than accepted, beyond the noise`);
}
const result = await keepRuns(PARTS, machine, runs);
const overBar = figures.filter((figure) => !figure.ok && !figure.missed).map((figure) => figure.name);
console.log(`\n${figures.length} figures in build/bench.json`);
if (overBar.length > 0) console.log(`bars that do not hold: ${overBar.join(", ")}`);
const accept = process.env.ACCEPT === "1" && !quick && failures.length === 0;
if (accept) {
  console.log(`accepted: ${await writeBaseline(name, baseline, figures)}`);
  await writeReport(result);
} else failures.push(...regressions);
for (const failure of failures) console.error(`bench: ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
