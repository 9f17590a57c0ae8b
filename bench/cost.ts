// SPDX-License-Identifier: MIT
/** What the attached pair costs: the rounds of `rig cost` (bench/rig/cost.c), and what they mean. */
import { DATAGRAM_OUTCOMES, type DatagramOutcome } from "../src/native.js";
import { median, quantile } from "./figure.js";
import type { Rig, RigOptions } from "./rig.js";

type Direction = "ingress" | "egress";

/** As rig.c prints it; CPU in ns per packet and round, counters in ns per program run. */
interface Rounds {
  sent: number;
  received: number;
  outcomes: number[];
  cpu: Record<"none" | "empty" | "probe", number[]> & { floor?: number[]; elsewhere?: number[] };
  counters: Record<"empty" | "probe", Record<Direction, number[]>>;
}

/** What one kind of pair adds to a packet's way, ns of CPU for both directions. */
export interface Added {
  /** Between the fastest tenths of the rounds with and without it: the code on an undisturbed CPU. */
  quiet: number;
  /** Median of the differences round by round. */
  paired: number;
  /** Quartiles of these. */
  spread: [number, number];
}

export interface Cost {
  /** ns of CPU per packet to send, carry and receive it without any program, in the fastest tenth. */
  none: number;
  empty: Added;
  probe: Added;
  /** A clock and a record: the least of any design that measures. */
  floor?: Added;
  /** Our pair on another cgroup. */
  elsewhere?: Added;
  /** probe / empty, by the quiet figures and by the paired ones. */
  ratio: { quiet: number; paired: number };
  /** ns per run by the kernel's counters, medians; the ratio is of both directions together. */
  counters: Record<"empty" | "probe", Record<Direction, number>> & { ratio: number };
  /** Datagrams that the sender sent and the probe did not count as what they are, both directions. */
  missed: number;
  rounds: number;
}

/** Rounds of one run are cut into so many blocks, whose figures are the repetitions. */
const BLOCKS = 5;

const QUIET = 0.1;

function addedBy(rounds: number[], none: number[]): Added {
  const differences = rounds.map((value, i) => value - (none[i] ?? Number.NaN));
  return {
    quiet: quantile(rounds, QUIET) - quantile(none, QUIET),
    paired: median(differences),
    spread: [quantile(differences, 0.25), quantile(differences, 0.75)],
  };
}

/** What the probe calls each content of rig.c; TCP is not seen at all. */
const OUTCOME_OF: Record<string, DatagramOutcome | undefined> = {
  rtp: "rtp",
  rtcp: "rtcp",
  stun: "stun",
  dtls: "dtls",
  wireguard: "unknown",
  quic: "unknown",
  tcp: undefined,
};

/** Zero-loss gate: the sender's truth less what the probe counted, both directions. */
function missedBy({ sent, outcomes }: Rounds, content: string, off: boolean): number {
  const count = (outcome: DatagramOutcome) => outcomes[DATAGRAM_OUTCOMES.indexOf(outcome)] ?? 0;
  const outcome = off ? "probeOff" : OUTCOME_OF[content];
  if (outcome === undefined) return count("seen");
  return Math.max(Math.abs(2 * sent - count("seen")), Math.abs(2 * sent - count(outcome)));
}

function costOf(rounds: Rounds, missed: number): Cost {
  const { cpu, counters } = rounds;
  const empty = addedBy(cpu.empty, cpu.none);
  const probe = addedBy(cpu.probe, cpu.none);
  const runs = (kind: "empty" | "probe") => ({
    ingress: median(counters[kind].ingress),
    egress: median(counters[kind].egress),
  });
  const both = { empty: runs("empty"), probe: runs("probe") };
  return {
    none: quantile(cpu.none, QUIET),
    empty,
    probe,
    ...(cpu.floor && { floor: addedBy(cpu.floor, cpu.none) }),
    ...(cpu.elsewhere && { elsewhere: addedBy(cpu.elsewhere, cpu.none) }),
    ratio: { quiet: probe.quiet / empty.quiet, paired: probe.paired / empty.paired },
    counters: {
      ...both,
      ratio: (both.probe.ingress + both.probe.egress) / (both.empty.ingress + both.empty.egress),
    },
    missed,
    rounds: cpu.none.length,
  };
}

/** Bits of enum probe_bit (core/config.h). */
export const PROBE = { rtp: 1, stun: 2, rtcp: 4, depth: 8 };

function cut(rounds: Rounds, block: number): Rounds {
  const part = <T>(values: T[]) =>
    values.slice((values.length / BLOCKS) * block, (values.length / BLOCKS) * (block + 1));
  const each = <T extends object>(values: T) =>
    Object.fromEntries(Object.entries(values).map(([kind, all]) => [kind, part(all as number[])])) as T;
  const counters = { empty: each(rounds.counters.empty), probe: each(rounds.counters.probe) };
  return { ...rounds, cpu: each(rounds.cpu), counters };
}

/** @param options of rig.c: streams, rounds, packets, cpus, segments, skewed, content, probes, elsewhere … */
export async function measureCost(rig: Rig, options: RigOptions): Promise<{ cost: Cost; blocks: Cost[] }> {
  const content = String(options.content ?? "rtp");
  const bit = PROBE[content as keyof typeof PROBE];
  const off = bit !== undefined && options.probes !== undefined && !(Number(options.probes) & bit);
  const rounds = await rig.run<Rounds>("cost", options);
  const missed = missedBy(rounds, content, off);
  const blocks = Array.from({ length: BLOCKS }, (_, block) => costOf(cut(rounds, block), missed));
  return { cost: costOf(rounds, missed), blocks };
}
