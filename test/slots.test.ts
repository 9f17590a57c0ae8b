// SPDX-License-Identifier: MIT
/**
 * Where records lie in a table: by chance, whatever the numbers of streams have in common. Oracle: eight places in a row are taken at
 * random with a probability of 2⁻¹⁶ in a table a quarter full, so of some thousand streams none or a few find no slot.
 */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const SEEDS = 500;

it.each([
  [1000, 4096],
  [4000, 16_384],
  [10_000, 65_536],
])("%i SSRCs or ports in a row find a slot among %i, by any keys", (streams, slots) => {
  const printed = execFileSync("build/harness", ["slots", String(streams), String(slots), String(SEEDS)], {
    encoding: "utf8",
  });
  expect((JSON.parse(printed) as { worst: number }).worst).toBeLessThanOrEqual(streams / 250);
});
