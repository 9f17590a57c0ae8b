// SPDX-License-Identifier: MIT
/** Where samples go. What one sink does never delays the measurement or another sink. */
import type { IPoint } from "influx";
import type { ColumnSample, Sample } from "./stats.js";

/** Under it the journal stands beside the sinks in what the daemon says of itself. */
export const JOURNAL_NAME = "journal";

export interface SinkStatus {
  name: string;
  state: "ok" | "failing";
  /** Points, since the sink was opened: stored; waiting; lost for good. */
  written: number;
  queued: number;
  dropped: number;
  /** The dropped ones by reason. */
  droppedBy: Record<string, number>;
  /** Of the latest failure, in one line and without secrets; stays after recovery. */
  lastError?: string;
}

export interface Sink {
  readonly name: string;
  status(): SinkStatus;
  /** Writes what waits, within `deadlineMs` milliseconds; the rest stays in the journal. Idempotent. */
  close(deadlineMs: number): Promise<void>;
}

/** Points that were made elsewhere, each with its own time. */
export interface PointSet {
  /** When they were made; milliseconds since the Unix epoch. */
  timestamp: number;
  points: IPoint[];
}

/** What a journal holds. */
export type Content = Sample | ColumnSample | PointSet;

export function isSample(content: Content): content is Sample | ColumnSample {
  return "timeNs" in content;
}

export function isColumnSample(content: Content): content is ColumnSample {
  return isSample(content) && !Array.isArray(content.streams);
}

/** Who looks at it later, too, says so first, and releases it in the end: then its memory is another sample's. */
export function hold(content: Content): void {
  if (isColumnSample(content)) content.streams.hold();
}

export function release(content: Content): void {
  if (isColumnSample(content)) content.streams.release();
}

/** What the journal says of a sample. */
export interface FrameHead {
  /** Number of the sample in its journal: 0, 1, … over all restarts, never used twice. */
  number: number;
  /** Points that all samples before it make, since the journal began; and points of this one. */
  pointsBefore: number;
  points: number;
  /** Time of the sample; milliseconds since the Unix epoch. */
  timestamp: number;
}

/** A sample, or points, with the place in the journal. */
export interface Entry extends FrameHead {
  content: Content;
}

/** Where a sink gets its samples: in order, each until it is committed. */
export interface Feed {
  /** The next entry; undefined while there is none. Its content is there until another one is taken, or the feed is closed. */
  take(): Promise<Entry | undefined>;
  /** All up to this entry is done. What was taken and not committed comes again after a restart. */
  commit(entry: Entry): void;
  /** Points that are not committed yet. */
  readonly queued: number;
  /** Points that were lost before they could be taken, by reason. */
  readonly lost: Readonly<Record<string, number>>;
  /** Resolves when there may be an entry, or `wake` is called. */
  wait(): Promise<void>;
  wake(): void;
  /** Nobody takes from it any more. */
  close(): void;
}

/** Points that it makes: of a sample one per stream, one per pair, one for the datagrams. */
export function countPoints(content: Content): number {
  if (!isSample(content)) return content.points.length;
  return content.streams.length + content.candidatePairs.length + 1;
}
