// SPDX-License-Identifier: MIT
/** A capture file through the addon and src/stats.ts, for the tests of both. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  addon,
  type CaptureOptions,
  type Columns,
  type Datagrams,
  type Origin,
  type PairRecord,
  rowAt,
  rowCount,
  type StreamRecord,
} from "../src/native.js";
import { candidatePairStats } from "../src/pairstats.js";
import type { CandidatePairStats, StreamStats } from "../src/stats.js";
import { streamStats } from "./records.js";

export interface Analysis {
  streams: { record: StreamRecord; origin: Origin; stats: StreamStats }[];
  pairs: { record: PairRecord; origin: Origin; stats: CandidatePairStats }[];
  datagrams: Datagrams;
  frames: { total: number; other: number; truncatedFile: boolean };
  atMs: number;
}

function rows<Row extends StreamRecord | PairRecord>(columns: Columns<Row>): Row[] {
  return Array.from({ length: rowCount(columns as Columns<StreamRecord>) }, (_, i) => rowAt(columns, i));
}

/** Read a whole file. */
export async function analyzeFile(path: string, options: Partial<CaptureOptions> = {}): Promise<Analysis> {
  const capture = addon.openCapture(path, { local: [], clockRates: {}, ...options });
  try {
    while (await capture.read());
    const { atMs, epochMs, streams, pairs, datagrams } = capture.snapshot();
    const context = { owner: {}, atMs, epochMs, intervalMs: 0 };
    return {
      streams: rows(streams).map((record) => {
        const origin = capture.origin("stream", record.id);
        return { record, origin, stats: streamStats(record, undefined, { origin, ...context }) };
      }),
      pairs: rows(pairs).map((record) => {
        const origin = capture.origin("pair", record.id);
        return { record, origin, stats: candidatePairStats(record, { origin, ...context }) };
      }),
      datagrams,
      frames: capture.frames(),
      atMs,
    };
  } finally {
    capture.close();
  }
}

/** Calls body with the path of a file of these bytes. */
export async function withFile<T>(bytes: Uint8Array, body: (path: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "rtcprobe-test-"));
  try {
    const path = join(directory, "capture");
    writeFileSync(path, bytes);
    return await body(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Analyze a file of these bytes. */
export function analyzeBytes(bytes: Uint8Array, options: Partial<CaptureOptions> = {}): Promise<Analysis> {
  return withFile(bytes, (path) => analyzeFile(path, options));
}

/** Everything that was seen but for `seen` itself: the conservation law wants it to be equal. */
export function outcomesSum(datagrams: Datagrams): number {
  const { seen, ...outcomes } = datagrams;
  void seen;
  return Object.values(outcomes).reduce((sum, n) => sum + n, 0);
}
