// SPDX-License-Identifier: MIT
/** What the depth probe measured of one stream, as core/depth.h counts it: part of the contract of native.ts. */

/** Totals since the probe first saw the stream, or latest values. */
export interface DepthRecord {
  /** That of the StreamRecord. */
  id: number;
  /** Packets that were measured. */
  packets: number;
  /** Longest time between two packets, in order of arrival; nanoseconds. */
  gapMaxNs: number;
}

/** One typed array per field; an array field of width w has its row i at w × i. */
export type DepthColumns = { readonly [Field in keyof DepthRecord]: Float64Array };

/** Row i. */
export function depthAt(columns: DepthColumns, i: number): DepthRecord {
  const rows = columns.id.length;
  const row: Record<string, number | Float64Array> = {};
  for (const [field, column] of Object.entries(columns)) {
    const width = column.length / rows;
    row[field] = width === 1 ? (column[i] as number) : column.subarray(i * width, (i + 1) * width);
  }
  return row as unknown as DepthRecord;
}
