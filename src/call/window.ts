// SPDX-License-Identifier: MIT
/** The host's rows added up over any window, as figures that can stand beside Daily's. */
import { type Kind, type Row, type Side, sumSide } from "./traffic.js";

export interface Span {
  /** Milliseconds since the Unix epoch. */
  from: number;
  to: number;
}

/** What this host measured within a window; absent: not measured. */
export interface HostFigures {
  /** Share of the window that rows cover, 0 to 1. */
  coverage: number;
  packetsReceived: number;
  packetsSent: number;
  /** May be negative within a window: a late packet repays an earlier loss. */
  packetsLost: number;
  /** RTP payload. */
  receivedBitsPerSecond: number;
  sentBitsPerSecond: number;
  /** The same with RTP, UDP and IP headers: what Daily counts is not documented. */
  receivedWireBitsPerSecond: number;
  sentWireBitsPerSecond: number;
  /** 0 to 1. */
  loss?: number;
  videoLoss?: number;
  videoPackets: number;
  /** Seconds: the median within the window. */
  audioJitter?: number;
  videoJitter?: number;
  /** Seconds: mean and extremes of what STUN measured within the window. */
  roundTripTime?: number;
  minRoundTripTime?: number;
  maxRoundTripTime?: number;
}

/** UDP and IPv6, the larger of the two. */
const HEADER_BYTES = 48;

export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** A quantile of values, 0 to 1. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function share(lost: number, received: number): number | undefined {
  return received + lost > 0 ? Math.max(0, lost) / (received + lost) : undefined;
}

function jitterOf(rows: readonly Row[], kind: Kind): number | undefined {
  const values = rows.map(({ received }) => received[kind]?.jitter).filter((value) => value !== undefined);
  return median(values);
}

/** Undefined when no row is in the window. A row that is in it in part counts in part. */
export function measureWindow(rows: readonly Row[], { from, to }: Span): HostFigures | undefined {
  const within = rows
    .map((row) => {
      const overlap = Math.min(row.at, to) - Math.max(row.at - row.span, from);
      return { row, overlap, part: row.span > 0 ? overlap / row.span : 0 };
    })
    .filter(({ overlap }) => overlap > 0);
  if (within.length === 0) return undefined;
  const covered = within.reduce((sum, { overlap }) => sum + overlap, 0);
  const total = (pick: (row: Row) => Side, of: (sum: ReturnType<typeof sumSide>) => number): number =>
    within.reduce((sum, { row, part }) => sum + part * of(sumSide(pick(row))), 0);
  const video = ({ received }: Row): Side => (received.video === undefined ? {} : { video: received.video });
  const rate = (bytes: number): number => (bytes * 8000) / covered;
  const wire = ({ bytes, headerBytes, packets }: ReturnType<typeof sumSide>): number =>
    bytes + headerBytes + packets * HEADER_BYTES;

  const packetsReceived = total(
    (row) => row.received,
    (sum) => sum.packets,
  );
  const packetsLost = total(
    (row) => row.received,
    (sum) => sum.lost,
  );
  const videoPackets = total(video, (sum) => sum.packets);
  const trips = within.map(({ row }) => row.roundTripTime).filter((value) => value !== undefined);
  const loss = share(packetsLost, packetsReceived);
  const videoLoss = share(
    total(video, (sum) => sum.lost),
    videoPackets,
  );
  const [audioJitter, videoJitter] = (["audio", "video"] as const).map((kind) =>
    jitterOf(
      within.map((w) => w.row),
      kind,
    ),
  );
  return {
    coverage: Math.min(1, covered / (to - from)),
    packetsReceived,
    packetsSent: total(
      (row) => row.sent,
      (sum) => sum.packets,
    ),
    packetsLost,
    receivedBitsPerSecond: rate(
      total(
        (row) => row.received,
        (sum) => sum.bytes,
      ),
    ),
    sentBitsPerSecond: rate(
      total(
        (row) => row.sent,
        (sum) => sum.bytes,
      ),
    ),
    receivedWireBitsPerSecond: rate(total((row) => row.received, wire)),
    sentWireBitsPerSecond: rate(total((row) => row.sent, wire)),
    ...(loss === undefined ? {} : { loss }),
    ...(videoLoss === undefined ? {} : { videoLoss }),
    videoPackets,
    ...(audioJitter === undefined ? {} : { audioJitter }),
    ...(videoJitter === undefined ? {} : { videoJitter }),
    ...(trips.length === 0
      ? {}
      : {
          roundTripTime: trips.reduce((sum, value) => sum + value, 0) / trips.length,
          minRoundTripTime: Math.min(...trips),
          maxRoundTripTime: Math.max(...trips),
        }),
  };
}
