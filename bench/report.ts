// SPDX-License-Identifier: MIT
/**
 * Puts the figures of a run into BENCHMARKS.md: whatever stands between `<!-- part NAME -->` and `<!-- end -->` is a table of
 * that part, `<!-- part machine -->` says where and when. The words around are written by hand and hold no figures.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Figure } from "./figure.js";
import type { Result, Run } from "./result.js";
import { ROOT } from "./rig.js";
import { formatValue } from "./table.js";

const REPORT = join(ROOT, "BENCHMARKS.md");
const PLACE = /(<!-- part (\w+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Parts whose figures are named PART.CASE.COLUMN make a row of each case, with its name before the note in those of programs. */
const COLUMNS: Record<string, Record<string, string>> = {
  kernel: {
    none: "no program",
    empty: "empty pair",
    floor: "floor",
    probe: "our pair",
    ratio: "ours / empty",
    "over-floor": "ours / floor",
    paired: "paired",
    counters: "by counters",
    elsewhere: "on another cgroup",
  },
  peers: {
    total: "% of a core per 10 000 packets/s",
    own: "own",
    path: "on the path",
    missed: "missed",
    ratio: "our pair / it",
    daemon: "with our daemon",
  },
  sink: { cpu: "CPU", rate: "rate", beside: "ours / npm influx" },
  offline: { rate: "ours", cpu: "CPU of both its threads", dd: "ours / dd", tcpdump: "tcpdump -r / ours" },
  readers: { cost: "cost", ratio: "its time / ours", memory: "peak memory" },
  daemon: { cpu: "CPU", memory: "memory", late: "samples that came late or not at all" },
  snapshot: { 1000: "1 000 streams", 10000: "10 000 streams", 100000: "100 000 streams" },
  arrivals: { p50: "p50", p99: "p99", p999: "p99.9", max: "max" },
};

const NAMED = ["peers", "arrivals"];

/** Median, quartiles where there are repetitions, and the bar. */
function cell(figure: Figure | undefined): string {
  if (!figure) return "";
  const { median, spread, values, bar, stretch, better, ok, missed } = figure;
  if (missed) return `void: missed ${missed}`;
  const sign = better === "less" ? "≤" : "≥";
  const range = values.length > 1 ? ` (${spread.map(formatValue).join(" to ")})` : "";
  const bars = [bar, stretch].filter((value) => value !== undefined).map(formatValue);
  const held = bar === undefined ? "" : `; ${ok ? "holds" : "**does not hold**"} ${sign} ${bars.join(", wanted ")}`;
  const value = formatValue(median);
  return `${bar !== undefined ? `**${value}**` : value}${range}${held}`;
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** One row per case: the name without its part and its column. */
function pivot(run: Run, columns: Record<string, string>): string {
  const cases = new Map<string, Map<string, Figure>>();
  for (const figure of run.figures) {
    const words = figure.name.split(".");
    const column = words.at(-1) ?? "";
    const row = words.slice(1, -1).join(" ");
    cases.set(row, (cases.get(row) ?? new Map()).set(column, figure));
  }
  const units = (column: string) => [...cases.values()].find((row) => row.has(column))?.get(column)?.unit;
  const used = Object.entries(columns).filter(([column]) => units(column) !== undefined);
  const head = ["", ...used.map(([column, title]) => (units(column) === title ? title : `${title}, ${units(column)}`))];
  const rows = [...cases].map(([name, row]) => {
    const title = [...row.values()][0]?.note;
    const label = NAMED.includes(run.part) ? `${name.split(" ")[0]}: ${title}` : (title ?? name);
    return [label, ...used.map(([column]) => cell(row.get(column)))];
  });
  return table(head, rows);
}

function list(run: Run): string {
  const rows = run.figures.map((figure) => [figure.note ?? figure.name, figure.unit, cell(figure)]);
  return table(["", "unit", "median (quartiles)"], rows);
}

function describeRun(run: Run): string {
  const load = run.load.map((value) => value.toFixed(1)).join(" to ");
  const skipped = run.skipped.map(({ name, reason }) => `\nSkipped: ${name}, ${reason}.`).join("");
  const columns = COLUMNS[run.part];
  const when = `${run.at.slice(0, 16).replace("T", " ")} UTC`;
  const facts = `\`${run.command}\`, ${when}, ${run.seconds.toFixed(0)} s, load average ${load}.`;
  return `${columns ? pivot(run, columns) : list(run)}\n\n${facts}${skipped}\n`;
}

function describeMachine({ machine }: Result): string {
  const { cpu, cores, memoryGib, kernel, node, clang } = machine;
  return `${cpu}, ${cores} CPUs, ${memoryGib} GiB; Linux ${kernel}; Node.js ${node}; ${clang}.\n`;
}

/** The text with the tables of the parts that ran replaced; the others stay. */
export function fillReport(old: string, result: Result): string {
  const runs = new Map(result.runs.filter((run) => !run.quick).map((run) => [run.part, run]));
  return old.replace(PLACE, (whole, begin: string, part: string, end: string) => {
    const run = runs.get(part);
    if (part === "machine") return `${begin}${describeMachine(result)}${end}`;
    return run ? `${begin}${describeRun(run)}${end}` : whole;
  });
}

export async function writeReport(result: Result): Promise<void> {
  await writeFile(REPORT, fillReport(await readFile(REPORT, "utf8"), result));
}
