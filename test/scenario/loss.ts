// SPDX-License-Identifier: MIT
/**
 * Streams of which packets are lost, late, repeated and restarted in every way, and how their losses lie: from the schedule, and
 * by RFC 3611 section 4.7.2 word for word, on a text of the packets' fates.
 */
import { CaptureWriter } from "../capturewriter.js";
import { ENDS, rtp } from "../packets.js";
import type { Random } from "../random.js";

/** Milliseconds of a packet of PCMU, and RTP ticks. */
const PTIME_MS = 20;
const TICKS = 160;
/** Milliseconds of silence before a restart, and what the numbers at the least, and the ticks leap by. */
const SILENCE_MS = 1000;
const FAR_NUMBERS = 10_000;
const FAR_TICKS = 2 ** 30;
/** Of numbers up to the highest, within which a late packet repays its loss. */
const WINDOW = 512;
/** Nothing happens to the first packets of a run, or it could not be told from a stray. */
export const CALM = 5;

export interface LossyArrival {
  run: number;
  number: number;
  ms: number;
  timestamp: number;
}

/** Which of `count` packets are lost: by chance each, by Gilbert's model, or in long outages. */
function losses(random: Random, count: number): boolean[] {
  const each = random.pick([0, 0, 0.002, 0.02, 0.2]);
  const begins = random.pick([0, 0.002, 0.02]);
  const goesOn = random.pick([0.3, 0.7, 0.9]);
  const outage = random.pick([0, 0, 0.0008]);
  let [inBurst, outageLeft] = [false, 0];
  return Array.from({ length: count }, (_, i) => {
    inBurst = random.happens(inBurst ? goesOn : begins);
    if (outageLeft > 0) outageLeft--;
    else if (random.happens(outage)) outageLeft = random.pick([20, 64, 128, 500, 700, 1500, 4000]);
    return i >= CALM && i < count - 1 && (inBurst || outageLeft > 0 || random.happens(each));
  });
}

function lossyRun(random: Random, run: number, begin: number, fromMs: number): LossyArrival[] {
  const count = random.between(30, 4000);
  const late = random.pick([0, 0.01, 0.05]);
  const isLost = losses(random, count);
  return isLost.flatMap((lost, i): LossyArrival[] => {
    if (lost) return [];
    const ms = fromMs + PTIME_MS * i;
    const arrival = { run, number: begin + i, ms, timestamp: run * FAR_TICKS + TICKS * i };
    const isCalm = i < CALM || i > count - 1000;
    // Half a packet's time, for no two are to arrive at once.
    const after = (packets: number) => ({ ...arrival, ms: ms + PTIME_MS * (packets + 0.5) });
    if (!isCalm && random.happens(late)) return [after(random.between(1, 500))];
    if (!isCalm && random.happens(0.0005)) return [after(random.between(WINDOW + 90, 900))];
    if (random.happens(0.01)) return [arrival, after(random.between(0, 20))];
    return [arrival];
  });
}

export function lossyStream(random: Random): LossyArrival[] {
  const begin = random.happens(0.4) ? 65_536 - random.between(1, 700) : random.between(0, 65_535);
  const first = lossyRun(random, 0, begin, 0);
  const [highest, endMs] = [Math.max(...first.map(({ number }) => number)), Math.max(...first.map(({ ms }) => ms))];
  const leap = random.between(FAR_NUMBERS, 65_536 - FAR_NUMBERS);
  const second = random.happens(0.25) ? lossyRun(random, 1, highest + leap, endMs + SILENCE_MS) : [];
  return [...first, ...second].sort((a, b) => a.ms - b.ms);
}

/** As a capture, all of one stream. */
export function lossyCapture(arrivals: readonly LossyArrival[], ssrc: number): Buffer {
  const writer = new CaptureWriter();
  for (const { number, timestamp, ms } of arrivals) {
    writer.add(ENDS, rtp({ ssrc, payloadType: 0, seq: number, timestamp, payload: 160 }), Math.round(ms * 1e6));
  }
  return Buffer.from(writer.take());
}

/** The packets of a run in the order of their numbers, from the lowest to the highest that arrived: "1", or "0" for one that did not. */
function fatesOf(arrivals: readonly LossyArrival[]): string {
  const arrived = new Set<number>();
  let highest = Number.NEGATIVE_INFINITY;
  for (const { number } of arrivals) {
    if (highest - number >= WINDOW) continue;
    arrived.add(number);
    highest = Math.max(highest, number);
  }
  const lowest = Math.min(...arrived);
  return Array.from({ length: highest - lowest + 1 }, (_, i) => (arrived.has(lowest + i) ? "1" : "0")).join("");
}

export function fates(arrivals: readonly LossyArrival[]): string {
  return [0, 1]
    .map((run) => arrivals.filter((arrival) => arrival.run === run))
    .map((run) => (run.length > 0 ? fatesOf(run) : ""))
    .join("");
}

/** Of a text of fates; in the names of src/depthrecord.ts. */
export function lossTruth(text: string) {
  const runs = text.match(/0+/g) ?? [];
  const enough = "1".repeat(16);
  // What no 16 received lie within, between what is taken to lie before and behind: it begins and ends with a loss.
  const clusters = `${enough}${text}${enough}`.split(/1{16,}/).filter((cluster) => cluster !== "");
  const bursts = clusters.filter((cluster) => cluster.length > 1);
  const burstNumbers = bursts.join("");
  return {
    lossRuns: Array.from({ length: 10 }, (_, i) => {
      return runs.filter(({ length }) => (i < 9 ? length === i + 1 : length >= 10)).length;
    }),
    lossNumbers: text.length,
    lossBursts: bursts.length,
    lossBurstNumbers: burstNumbers.length,
    lossBurstLost: burstNumbers.replaceAll("1", "").length,
    lossGapLost: clusters.length - bursts.length,
  };
}
