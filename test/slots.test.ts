// SPDX-License-Identifier: MIT
/**
 * Where records lie in a table: by chance, whatever the numbers of streams have in common. Oracle: of records that fill half of a table,
 * four are in eight slots on average, by Poisson's law more than eight with 2.1 %, and 0.8 % of all are too many; each of their eight
 * other slots is taken with less than a half, so that fewer than 0.008 × 2⁻⁸ = 1 in 30 000 find none, and of some thousand none or a
 * few.
 */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const SEEDS = 500;
/** Of one table: more than five of a Poisson law of 8192 / 30 000 are one in two million. */
const FEW = 5;

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
