// SPDX-License-Identifier: MIT
/** What the daemon tells of itself: `/v1/health`, and the second half of `rtcprobe check`. */
import type { JournalStatus } from "./journal.js";
import type { Datagrams } from "./native.js";
import type { ProbeState } from "./probes.js";
import type { SinkStatus } from "./sink.js";

/** The conservation law: every datagram seen is counted, or refused for one named reason. */
export interface Conservation {
  seen: number;
  /** Sum of all outcomes. */
  accounted: number;
  holds: boolean;
}

export function checkConservation(datagrams: Datagrams): Conservation {
  const { seen, ...outcomes } = datagrams;
  const accounted = Object.values(outcomes).reduce((sum, n) => sum + n, 0);
  return { seen, accounted, holds: seen === accounted };
}

/** What the measurement costs since the daemon began. */
export interface Cost {
  cpuSeconds: number;
  rssBytes: number;
  /** Of the attached kernel programs; absent unless the kernel keeps it (sysctl kernel.bpf_stats_enabled=1). */
  programRuns?: number;
  programSeconds?: number;
}

export interface SourceHealth {
  kind: "ebpf" | "packet";
  /** What is watched. */
  cgroup?: string;
  interface?: string;
  /** Attached kernel programs. */
  programIds?: number[];
  /** Frames that the kernel dropped before the packet source read them. */
  framesMissed?: number;
}

export interface Health {
  version: string;
  pid: number;
  uptimeSeconds: number;
  intervalSeconds: number;
  source: SourceHealth;
  probes: ProbeState[];
  streams: number;
  candidatePairs: number;
  samples: number;
  sampleFailures: number;
  /** How often the wall clock was set; the samples' time does not go back. */
  clockSteps: number;
  /** Of the latest failure to sample. */
  lastError?: string;
  datagrams: Datagrams;
  conservation: Conservation;
  /** The journal first. */
  sinks: (SinkStatus | JournalStatus)[];
  /** On; and over, with a step for Daily's side still to come. */
  calls?: { active: number; waiting: number };
  cost: Cost;
}
