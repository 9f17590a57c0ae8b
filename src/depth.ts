// SPDX-License-Identifier: MIT
/**
 * What the depth probe measured, in names and seconds. Pure. Beside the names that say W3C, all are ours. What was not
 * measured is absent.
 */
import type { DepthRecord } from "./depthrecord.js";

export interface DepthStats {
  /** Longest time between two packets since the probe first saw the stream; seconds. */
  maxInterarrivalTime?: number;
}

/** Stats of one stream's depth. */
export function depthStats(record: DepthRecord): DepthStats {
  return record.packets < 2 ? {} : { maxInterarrivalTime: record.gapMaxNs / 1e9 };
}
