// SPDX-License-Identifier: MIT

/** Nanoseconds of CLOCK_MONOTONIC: one clock for all processes of the demo, and for the probe's kernel program. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

/** Resolves at `at`, milliseconds of the monotonic clock; a timer may be a millisecond late. */
export function sleepUntil(at: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, at - monotonicNs() / 1e6)));
}
