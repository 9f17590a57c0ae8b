// SPDX-License-Identifier: MIT
/**
 * One core: a capture through the kernel program (BPF_PROG_TEST_RUN, each packet with the capture's own time) and offline
 * gives equal records. Oracle: each is the other's. The harness prints the kernel's maps in the names of src/native.ts.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DepthRecord, depthAt } from "../src/depthrecord.js";
import { addon, DATAGRAM_OUTCOMES, type PairRecord, rowAt, rowCount, type StreamRecord } from "../src/native.js";
import type { ReportRecord } from "../src/reportrecord.js";
import { can } from "./capability.js";
import { CAPTURES, padCapture } from "./kernel/replayed.js";
import { makeScenario } from "./scenario/scenario.js";

const HARNESS = path.resolve("build/harness");

/** Of test/scenario: among them IPv6, TURN, restarts, and one SSRC on several 5-tuples. RTCPROBE_SEEDS=200 takes so many. */
const SEEDS = Array.from({ length: Number(process.env.RTCPROBE_SEEDS ?? 12) }, (_, i) => i + 1);

interface KernelRecords {
  streams: Omit<StreamRecord, "id">[];
  pairs: Omit<PairRecord, "id" | "firstMs" | "lastMs">[];
  reports: Omit<ReportRecord, "id">[];
  depths: (Omit<DepthRecord, "id"> & { ssrc: number })[];
  datagrams: number[];
}

const textOf = (record: object): string => JSON.stringify(Object.entries(record).sort());

/** By all fields: an SSRC may be in several streams. */
const inOrder = (a: object, b: object): number => (textOf(a) < textOf(b) ? -1 : 1);

/** Typed arrays as the JSON of the harness has them. */
const plain = <Row extends DepthRecord | PairRecord>(record: Row): Row =>
  Object.fromEntries(
    Object.entries(record).map(([field, value]) => [field, typeof value === "number" ? value : [...value]]),
  ) as unknown as Row;

async function readOffline(file: string, local: string): Promise<KernelRecords> {
  const capture = addon.openCapture(file, { local: [local], clockRates: {} });
  await capture.read();
  const { streams, pairs, reports, depths, datagrams } = capture.snapshot();
  capture.close();
  return {
    streams: Array.from({ length: rowCount(streams) }, (_, i) => {
      const { id, ...rest } = rowAt(streams, i);
      return rest;
    }).sort(inOrder),
    pairs: Array.from({ length: rowCount(pairs) }, (_, i) => {
      const { id, firstMs, lastMs, ...rest } = plain(rowAt(pairs, i));
      return rest;
    }),
    reports: Array.from({ length: rowCount(reports) }, (_, i) => {
      const { id, ...rest } = rowAt(reports, i);
      return rest;
    }),
    depths: Array.from(depths.id, (_, i) => {
      const { id, ...rest } = plain(depthAt(depths, i));
      return { ssrc: streams.ssrc[streams.id.indexOf(id)] as number, ...rest };
    }).sort(inOrder),
    datagrams: DATAGRAM_OUTCOMES.map((outcome) => datagrams[outcome]),
  };
}

function runKernel(file: string, local: string): KernelRecords {
  const records = JSON.parse(execFileSync(HARNESS, ["replay", file, local], { encoding: "utf8" })) as KernelRecords;
  records.streams.sort(inOrder);
  records.depths.sort(inOrder);
  return records;
}

/** Pairs and reports have no key among their numbers: order them by all of them. */
const sorted = (records: object[]): string[] => records.map(textOf).sort();

describe.skipIf(!can.bpf.ok)(`kernel program and offline core — ${can.bpf.why || "parity"}`, () => {
  let directory = "";

  beforeAll(() => {
    directory = mkdtempSync(path.join(tmpdir(), "rtcprobe-parity-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function expectParity(name: string, pcap: Buffer, local: string): Promise<void> {
    const padded = path.join(directory, name.replaceAll("/", "-"));
    writeFileSync(padded, padCapture(pcap));
    const offline = await readOffline(padded, local);
    const kernel = runKernel(padded, local);

    expect(kernel.streams.length).toBeGreaterThan(1);
    expect(kernel.streams).toEqual(offline.streams);
    expect(kernel.depths.length).toBe(kernel.streams.length);
    expect(kernel.depths).toEqual(offline.depths);
    expect(kernel.reports.length).toBeGreaterThan(1);
    expect(sorted(kernel.reports)).toEqual(sorted(offline.reports));
    expect(sorted(kernel.pairs)).toEqual(sorted(offline.pairs));
    expect(kernel.datagrams).toEqual(offline.datagrams);
    const [seen = 0, ...outcomes] = kernel.datagrams;
    expect(outcomes.reduce((sum, n) => sum + n, 0)).toBe(seen);
  }

  it.each(CAPTURES)("%s gives equal records", { timeout: 60_000 }, (file, local) =>
    expectParity(file, readFileSync(path.join("test/captures", file)), local),
  );

  it.each(SEEDS)("the capture made from seed %i gives equal records", { timeout: 60_000 }, (seed) => {
    const { capture, local } = makeScenario(seed);
    return expectParity(`seed-${seed}`, capture, local);
  });
});
