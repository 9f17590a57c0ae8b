// SPDX-License-Identifier: MIT
/** What a network makes of packets on their way: the schedule of their arrivals. */
import type { Random } from "../random.js";
import type { SentPacket } from "./sender.js";

export interface Conditions {
  delayMs: number;
  /** Standard deviation; a packet never passes the one before, unless it is reordered. */
  jitterMs: number;
  /** Of packets, 0 to 1: each for itself. */
  loss: number;
  /** Gilbert's model: how often a burst of losses begins, and how often it goes on. */
  burstBegins: number;
  burstGoesOn: number;
  duplicate: number;
  /** Those that others pass. */
  reorder: number;
  /** The first packet comes after the third. */
  lateFirst: boolean;
  /** Packets of another time, put between these. */
  strays: number;
}

export const CLEAN: Conditions = {
  delayMs: 40,
  jitterMs: 0,
  loss: 0,
  burstBegins: 0,
  burstGoesOn: 0,
  duplicate: 0,
  reorder: 0,
  lateFirst: false,
  strays: 0,
};

export function anyConditions(random: Random): Conditions {
  return {
    delayMs: random.between(1, 150),
    jitterMs: random.pick([0, 0.2, 3, 12]),
    loss: random.pick([0, 0, 0.01, 0.08]),
    burstBegins: random.pick([0, 0, 0.005, 0.02]),
    burstGoesOn: random.pick([0.5, 0.8]),
    duplicate: random.pick([0, 0, 0.01, 0.05]),
    reorder: random.pick([0, 0, 0.01, 0.05]),
    lateFirst: random.happens(0.15),
    strays: random.pick([0, 0, 0, 0, 1, 3]),
  };
}

export interface Arrival {
  sent: SentPacket;
  ns: number;
}

export interface Delivery {
  /** In order of time. */
  arrivals: Arrival[];
  lost: SentPacket[];
}

const NS_PER_MS = 1e6;
/** The first packets of a run: nothing happens to them, or nobody could tell the restart (RFC 3550 A.1). */
const CALM = 3;

export function deliver(random: Random, packets: SentPacket[], conditions: Conditions): Delivery {
  const { delayMs, jitterMs, loss, burstBegins, burstGoesOn, duplicate, reorder } = conditions;
  const arrivals: Arrival[] = [];
  const lost: SentPacket[] = [];
  let [inBurst, inRun, before] = [false, 0, -1];
  packets.forEach((sent, i) => {
    inRun = sent.run === packets[i - 1]?.run ? inRun + 1 : 0;
    const isCalm = sent.run > 0 && inRun < CALM;
    inBurst = random.happens(inBurst ? burstGoesOn : burstBegins);
    if (!isCalm && (inBurst || random.happens(loss))) {
      lost.push(sent);
      return;
    }
    const jitter = Math.abs(random.gaussian(jitterMs));
    const ns = Math.max(sent.ns + Math.round((delayMs + jitter) * NS_PER_MS), before + 1000);
    if (!isCalm && random.happens(reorder)) {
      arrivals.push({ sent, ns: ns + random.between(1, 100) * NS_PER_MS });
    } else {
      arrivals.push({ sent, ns });
      before = ns;
    }
    if (!isCalm && random.happens(duplicate)) arrivals.push({ sent, ns: ns + random.between(1, 40_000_000) });
  });
  const [first, , third] = arrivals;
  if (conditions.lateFirst && first && third) first.ns = third.ns + 1;
  arrivals.sort((a, b) => a.ns - b.ns);
  for (let i = 0; i < conditions.strays; i++) goAstray(random, arrivals);
  return { arrivals, lost };
}

/** What nobody takes for a loss: further than RFC 3550 A.1's MAX_DROPOUT. */
const ASTRAY = 10_000;
/** A stream that is in probation would begin anew with it. */
const IN_PROBATION = 8;

/** Puts a packet of another time somewhere, though not where the run's first packets are needed to prove it. */
function goAstray(random: Random, arrivals: Arrival[]): void {
  const at = random.between(IN_PROBATION, arrivals.length - 1);
  const [before, after] = [arrivals[at - 1], arrivals[at]];
  if (before === undefined || after === undefined || after.ns - before.ns < 2) return;
  if (arrivals.slice(at - CALM, at + 1).some(({ sent }) => sent.run !== after.sent.run || sent.isStray)) return;
  const sent: SentPacket = {
    ...before.sent,
    number: before.sent.number + random.between(ASTRAY, 65_536 - ASTRAY),
    timestamp: random.next(),
    isStray: true,
  };
  arrivals.splice(at, 0, { sent, ns: random.between(before.ns + 1, after.ns - 1) });
}
