// SPDX-License-Identifier: MIT
/** Daily's round trips where this host has none, and nowhere else. */
import type { Reading } from "./reading.js";
import type { Row } from "./traffic.js";

/** Consent to send expires without an answer in so long (RFC 7675): checks that are nearer belong to one stretch. */
const STRETCH_GAP_MS = 30_000;

interface Stretch {
  from: number;
  to: number;
}

/** Stretches of a call in which this host measured round trips. One that is only shown still is no measurement. */
export function findStretches(rows: readonly Row[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { at, span, roundTripTime } of rows) {
    if (roundTripTime === undefined) continue;
    const last = stretches.at(-1);
    if (last !== undefined && at - span - last.to <= STRETCH_GAP_MS) last.to = at;
    else stretches.push({ from: at - span, to: at });
  }
  return stretches;
}

/** The readings that fill a gap: no part of their window is within a stretch of the host's own. */
export function chooseFallback(readings: readonly Reading[], rows: readonly Row[]): Reading[] {
  const stretches = findStretches(rows);
  return readings.filter(
    ({ at, span, roundTripTime }) =>
      roundTripTime !== undefined && stretches.every(({ from, to }) => at <= from || at - span >= to),
  );
}
