// SPDX-License-Identifier: MIT
/**
 * What a report holds: both sides of a call side by side. Each section stands for itself, so that another (host events,
 * verdicts) and another form (HTML) are an addition.
 */
import type { RttSource } from "../stats.js";
import type { Call } from "./call.js";
import type { Difference } from "./comparison.js";
import type { Reading } from "./reading.js";
import type { HostFigures, Span } from "./window.js";

/** One line of the timeline. */
export interface TimelineEntry extends Span {
  host?: HostFigures;
  daily?: Reading;
  /** Seconds, and who measured it. */
  roundTripTime?: number;
  rttSource?: RttSource;
}

/** The whole call, as this host measured it. */
export interface HostTotals extends HostFigures {
  /** Seconds: 95 % of the seconds had no more. */
  audioJitterP95?: number;
  videoJitterP95?: number;
}

export interface Report {
  call: Call;
  /** Name of this host. */
  host: string;
  totals?: HostTotals;
  daily: {
    /** Samples of this host's participant, and of the others by participant. */
    samples: number;
    others: Record<string, number>;
    /** Why there are none, or why there may be more. */
    note?: string;
  };
  timeline: TimelineEntry[];
  /** Of Daily's samples: compared; not, for want of the host's side. */
  compared: number;
  uncompared: number;
  differences: Difference[];
  /** What the reader should know of the measurement itself. */
  notes: string[];
  /** For a ticket. */
  summary: string;
}
