// SPDX-License-Identifier: MIT
/** The time that samples carry. */
import type { Snapshot } from "./native.js";

/** The wall clock was set if it and the monotonic one differ by so much from one snapshot to the next; no slewing does that. */
const STEP_MS = 500;

/**
 * Time of the samples: the wall clock, but never back, because a point in the past would overwrite or reorder what is
 * stored. After a step back it runs at half speed until the wall clock has caught up.
 */
export class SampleClock {
  #last: { ns: bigint; atMs: number } | undefined;
  #wallMs = Number.NaN;
  #atMs = Number.NaN;
  steps = 0;
  /** How far the latest step was; milliseconds, below 0 when it was back. */
  lastStepMs = 0;

  /** @returns ns since the Unix epoch */
  tick({ epochMs, atMs }: Snapshot): bigint {
    const wholeMs = Math.floor(epochMs);
    const wall = BigInt(wholeMs) * 1_000_000n + BigInt(Math.round((epochMs - wholeMs) * 1e6));
    const stepMs = epochMs - this.#wallMs - (atMs - this.#atMs);
    if (epochMs < this.#wallMs || Math.abs(stepMs) >= STEP_MS) {
      this.steps++;
      this.lastStepMs = stepMs;
    }
    this.#wallMs = epochMs;
    this.#atMs = atMs;
    const half = this.#last && BigInt(Math.max(1, Math.round((atMs - this.#last.atMs) * 5e5)));
    const ns = this.#last && half && wall <= this.#last.ns ? this.#last.ns + half : wall;
    this.#last = { ns, atMs };
    return ns;
  }
}
