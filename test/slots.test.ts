// SPDX-License-Identifier: MIT
/**
 * Where records lie in a table: by chance, whatever the numbers of streams have in common. Oracle: of records that fill half of a table,
 * four are in eight slots on average, by Poisson's law more than eight with 2.1 %, and 0.8 % of all are too many; each of their
 * sixteen other slots is taken with less than a half, so that fewer than 0.008 × 2⁻¹⁶ = 1 in 8 million find none: of all that are tried
 * here two or three, and two in one table by a chance of 1 in 1000.
 */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const SEEDS = 500;
const FEW = 1;

it.each([
  [1000, 2048],
  [8192, 16_384],
  [20_000, 65_536],
])("%i SSRCs or ports in a row find a slot among %i, by any keys", (streams, slots) => {
  const printed = execFileSync("build/harness", ["slots", String(streams), String(slots), String(SEEDS)], {
    encoding: "utf8",
  });
  expect((JSON.parse(printed) as { worst: number }).worst).toBeLessThanOrEqual(FEW);
});
