// SPDX-License-Identifier: MIT
/** What the runs of a machine are kept as: build/bench.json. */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Part } from "./figure.js";
import type { Machine } from "./machine.js";
import { ROOT } from "./rig.js";

const FILE = join(ROOT, "build", "bench.json");

/** A part as it is kept. */
export interface Run extends Part {
  /** When it began, ISO 8601, and how long it took. */
  at: string;
  seconds: number;
  /** What else the machine did: load averages before and after. */
  load: [number, number];
  quick: boolean;
}

export interface Result {
  machine: Machine;
  runs: Run[];
}

/** Runs of parts that did not run now stay; `order` is that of the parts. */
export async function keepRuns(order: string[], machine: Machine, runs: Run[]): Promise<Result> {
  const old = existsSync(FILE) ? (JSON.parse(await readFile(FILE, "utf8")) as Result).runs : [];
  const merged = new Map([...old, ...runs].map((run) => [run.part, run]));
  const result = { machine, runs: order.flatMap((name) => merged.get(name) ?? []) };
  await mkdir(join(ROOT, "build"), { recursive: true });
  await writeFile(FILE, `${JSON.stringify(result)}\n`);
  return result;
}
