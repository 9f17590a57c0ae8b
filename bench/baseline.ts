// SPDX-License-Identifier: MIT
/**
 * The accepted figures of a machine class, bench/baselines/CLASS.json, and what counts as a regression against them: a
 * guarded figure whose median is worse than the accepted one by more than the larger of 10 % of that and three times the
 * median absolute deviation of either run.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deviation, type Figure } from "./figure.js";

const DIRECTORY = join(import.meta.dirname, "baselines");
const TOLERANCE = 0.1;
const DEVIATIONS = 3;

export interface Accepted {
  unit: string;
  median: number;
  deviation: number;
}

export type Baseline = Record<string, Accepted>;

const fileOf = (machineClass: string) => join(DIRECTORY, `${machineClass}.json`);

/** Empty where this class has none yet. */
export async function readBaseline(machineClass: string): Promise<Baseline> {
  try {
    return JSON.parse(await readFile(fileOf(machineClass), "utf8")) as Baseline;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** Figures of parts that did not run stay as they were. */
export async function writeBaseline(machineClass: string, old: Baseline, figures: Figure[]): Promise<string> {
  const guarded = figures.filter((figure) => figure.guarded);
  const accepted = guarded.map(({ name, unit, median, values }): [string, Accepted] => [
    name,
    { unit, median, deviation: deviation(values) },
  ]);
  const all = Object.entries({ ...old, ...Object.fromEntries(accepted) }).sort(([a], [b]) => (a < b ? -1 : 1));
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(fileOf(machineClass), `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
  return fileOf(machineClass);
}

/** How far a median may be from the accepted one. */
export function noiseOf(accepted: Accepted, values: readonly number[]): number {
  const noise = DEVIATIONS * Math.max(accepted.deviation, deviation(values));
  return Math.max(TOLERANCE * Math.abs(accepted.median), noise);
}

/** True if the figure is worse than accepted, beyond the noise. */
export function isRegression(figure: Figure, accepted: Accepted | undefined): boolean {
  if (!figure.guarded || !accepted) return false;
  const worse = figure.better === "less" ? figure.median - accepted.median : accepted.median - figure.median;
  return worse > noiseOf(accepted, figure.values);
}
