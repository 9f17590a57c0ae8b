// SPDX-License-Identifier: MIT
/** The fields of daily-python's get_network_stats(), from this host's own measurements. What it cannot see is null. */
import { lossScore, type Threshold, thresholdOf } from "../quality.js";
import { type Row, type Side, sumSide } from "./traffic.js";

/** Names, with their irregularities, are daily-python's. Loss is 0 to 1. */
export interface NetworkStats {
  threshold: Threshold;
  previousThreshold: Threshold;
  /** 100 without loss, 0 at the loss from which the threshold is veryLow. */
  quality: number;
  stats: {
    latest: {
      /** Milliseconds since the Unix epoch. */
      timestamp: number;
      receiveBitsPerSecond: number;
      sendBitsPerSecond: number;
      totalRecvPacketLoss: number | null;
      /** What is lost on its way from here only the other end knows. */
      totalSendPacketLoss: null;
      videoRecvBitsPerSecond: number;
      videoRecvPacketLoss: number | null;
      videoSendBitsPerSecond: number;
      videoSendPacketLoss: null;
    };
    worstVideoReceivePacketLoss: number | null;
    worstVideoSendPacketLoss: null;
  };
}

/** As daily-core has it: how often the figures are new. */
const REFRESH_MS = 2_000;

function lossOf({ lost, packets }: { lost?: number; packets: number }): number | null {
  const missing = Math.max(0, lost ?? 0);
  return packets + missing > 0 ? missing / (packets + missing) : null;
}

interface Sums {
  span: number;
  received: ReturnType<typeof sumSide>;
  sent: ReturnType<typeof sumSide>;
  video: { received: ReturnType<typeof sumSide>; sent: ReturnType<typeof sumSide> };
}

/** Rows of a call added up; a window with nothing in it has a span of 0. */
function addUp(rows: readonly Row[]): Sums {
  const total = (pick: (row: Row) => Side): ReturnType<typeof sumSide> =>
    rows.map(pick).reduce<ReturnType<typeof sumSide>>(
      (sum, side) => {
        const { packets, bytes, headerBytes, lost } = sumSide(side);
        return {
          packets: sum.packets + packets,
          bytes: sum.bytes + bytes,
          headerBytes: sum.headerBytes + headerBytes,
          lost: sum.lost + lost,
        };
      },
      { packets: 0, bytes: 0, headerBytes: 0, lost: 0 },
    );
  const video = (side: Side): Side => (side.video === undefined ? {} : { video: side.video });
  return {
    span: rows.reduce((sum, { span }) => sum + span, 0),
    received: total((row) => row.received),
    sent: total((row) => row.sent),
    video: { received: total((row) => video(row.received)), sent: total((row) => video(row.sent)) },
  };
}

export class NetworkMonitor {
  #rows: Row[] = [];
  #latest: NetworkStats | undefined;
  #worstVideo: number | null = null;

  /** Undefined until a whole refresh interval was measured. */
  get latest(): NetworkStats | undefined {
    return this.#latest;
  }

  add(row: Row): void {
    this.#rows.push(row);
    const sums = addUp(this.#rows);
    if (sums.span < REFRESH_MS) return;
    this.#rows = [];
    const perSecond = (bytes: number): number => (bytes * 8000) / sums.span;
    const videoLoss = lossOf(sums.video.received);
    const loss = lossOf(sums.received);
    if (videoLoss !== null) this.#worstVideo = Math.max(this.#worstVideo ?? 0, videoLoss);
    const worst = Math.max(loss ?? 0, videoLoss ?? 0);
    const threshold = thresholdOf(worst);
    const before = this.#latest;
    this.#latest = {
      threshold,
      previousThreshold: before?.threshold ?? threshold,
      quality: lossScore(worst),
      stats: {
        latest: {
          timestamp: row.at,
          receiveBitsPerSecond: perSecond(sums.received.bytes),
          sendBitsPerSecond: perSecond(sums.sent.bytes),
          totalRecvPacketLoss: loss,
          totalSendPacketLoss: null,
          videoRecvBitsPerSecond: perSecond(sums.video.received.bytes),
          videoRecvPacketLoss: videoLoss,
          videoSendBitsPerSecond: perSecond(sums.video.sent.bytes),
          videoSendPacketLoss: null,
        },
        worstVideoReceivePacketLoss: this.#worstVideo,
        worstVideoSendPacketLoss: null,
      },
    };
  }
}
