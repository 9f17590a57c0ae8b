// SPDX-License-Identifier: MIT
/** Where samples go. What one sink does never delays the measurement or another sink. */
import type { Sample } from "./stats.js";

export interface SinkStatus {
  name: string;
  state: "ok" | "failing";
  /** Points, since the sink was opened: stored; waiting; lost for good. */
  written: number;
  queued: number;
  dropped: number;
  /** Of the latest failure, in one line and without secrets; stays after recovery. */
  lastError?: string;
}

export interface Sink {
  readonly name: string;
  /** Takes the sample into a bounded queue, of which the oldest is dropped first. Never throws, never blocks. */
  write(sample: Sample): void;
  status(): SinkStatus;
  /** Writes what is queued, within `deadlineMs` milliseconds; the rest is dropped and counted. Idempotent. */
  close(deadlineMs: number): Promise<void>;
}

/** Points that a sample makes: one per stream, one per pair, one for the datagrams. */
export function countPoints(sample: Sample): number {
  return sample.streams.length + sample.candidatePairs.length + 1;
}
