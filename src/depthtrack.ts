// SPDX-License-Identifier: MIT
/** What the depth probe tells of the streams, from one sample to the next. */
import { type DepthContext, type DepthStats, depthStats } from "./depth.js";
import { type DepthColumns, type DepthRecord, depthAt } from "./depthrecord.js";
import type { StreamRecord } from "./native.js";
import type { StreamRecords } from "./streamrow.js";
import type { StreamTable } from "./streamtable.js";

export class DepthTrack {
  #records = new Map<number, DepthRecord>();
  #before = new Map<number, DepthRecord>();

  /** Takes over the rows of a snapshot. */
  update(columns: DepthColumns): void {
    this.#records = new Map(Array.from(columns.id, (id, i) => [id, depthAt(columns, i)]));
  }

  /** Nothing where the probe is off. */
  addStats(table: StreamTable, records: StreamRecords, previousRecords: StreamRecords, intervalMs: number): void {
    if (this.#records.size === 0) return;
    for (let i = 0; i < table.length; i++) {
      const direction = table.roster.isSent[i] === 1 ? "out" : "in";
      const record = records.at(i) as StreamRecord;
      table.set(i, { ...this.#stats(direction, record, previousRecords.at(i), intervalMs) });
    }
  }

  #stats(
    direction: DepthContext["direction"],
    record: StreamRecord,
    previous: StreamRecord | undefined,
    intervalMs: number,
  ): DepthStats {
    const depth = this.#records.get(record.id);
    if (depth === undefined) return {};
    // Fewer packets than before: the probe was off meanwhile, and began anew.
    const known = previous && this.#before.get(record.id);
    const before = known && known.packets <= depth.packets ? known : undefined;
    const { clockRate, packets, bytes } = record;
    const context = { direction, clockRate, intervalMs };
    if (before && previous) {
      const counted = { packets: packets - previous.packets, bytes: bytes - previous.bytes };
      return depthStats(depth, before, { ...context, ...counted });
    }
    return depthStats(depth, undefined, packets === depth.packets ? { ...context, packets, bytes } : context);
  }

  /** A sample was made of what it knows. */
  remember(): void {
    this.#before = this.#records;
  }
}
