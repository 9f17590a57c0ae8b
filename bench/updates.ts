// SPDX-License-Identifier: MIT
/** Part updates: nothing lost with two CPUs on one stream, nothing torn while it is read. */
import { DATAGRAM_OUTCOMES, type DatagramOutcome } from "../src/native.js";
import { figureOf, type Part, quick } from "./figure.js";
import { Rig } from "./rig.js";
import { printPart } from "./table.js";

/** As updates.cc prints it: sent by all threads, packets in all records, and how the datagrams ended. */
interface Updates {
  sent: number;
  packets: number;
  outcomes: number[];
}

/** As torn.cc prints it; `changes` are reads that found another count than the one before. */
interface Torn {
  reads: number;
  torn: number;
  plainReads: number;
  plainTorn: number;
  changes: number;
  packets: number;
}

const REPETITIONS = quick ? 1 : 3;

const rig = await Rig.open();
try {
  const lost: number[] = [];
  const contended: number[] = [];
  const torn: number[] = [];
  const plain: number[] = [];
  const changes: number[] = [];
  for (let i = 0; i < REPETITIONS; i++) {
    process.stderr.write(`updates: run ${i + 1} of ${REPETITIONS}\n`);
    const { sent, packets, outcomes } = await rig.run<Updates>("updates", { cpus: 2, streams: 1, packets: 600000 });
    const count = (outcome: DatagramOutcome) => outcomes[DATAGRAM_OUTCOMES.indexOf(outcome)] ?? 0;
    lost.push(2 * sent - packets - count("contended"));
    contended.push(count("contended"));
    const reads = await rig.run<Torn>("torn", { streams: 1, reads: 2e7 });
    torn.push(reads.torn);
    plain.push(reads.plainTorn);
    changes.push(reads.changes);
  }
  const none = { bar: 0, guarded: true };
  const figures = [
    figureOf("updates.lost", "packets", lost, {
      ...none,
      note: "lost or uncounted, 1.2 million on 2 CPUs, one stream",
    }),
    figureOf("updates.contended", "packets", contended, { note: "refused and counted as contended" }),
    figureOf("updates.torn", "records", torn, { ...none, note: "torn in 20 million reads under full load" }),
    figureOf("updates.torn.plain", "records", plain, {
      note: "torn in as many plain copies: what the version prevents",
    }),
    figureOf("updates.torn.changes", "reads", changes, { better: "more", note: "reads that found a new count" }),
  ];
  printPart({ part: "updates", command: "make bench PART=updates", figures, skipped: [] } satisfies Part);
} finally {
  await rig.close();
}
