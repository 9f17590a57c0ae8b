// SPDX-License-Identifier: MIT
/**
 * The table of `rtcprobe history`. Oracle: the schedule that the samples are made of, 45 packets each second of which 5 are lost
 * and one comes twice, counted within the time from the first sample to the last.
 */
import { describe, expect, it } from "vitest";
import { History } from "../src/history.js";
import type { RtcpStats } from "../src/rtcp.js";
import type { Sample } from "../src/stats.js";
import { inboundStream, makeSample, outboundStream, remoteInbound } from "./samples.js";

const RATE = { packetsReceived: 45, packetsLost: 5, packetsDuplicated: 1 };
const START_MS = Date.UTC(2025, 9, 9, 8);

/** The sample of a second: streams and reports as they are then, of a source that has seen so many seconds of datagrams. */
function sampleAt(second: number, seconds: number, parts: Pick<Sample, "streams"> & Partial<Sample>): Sample {
  const timestamp = START_MS + second * 1000;
  const sample = makeSample({ candidatePairs: [], reports: [], ...parts });
  const stamp = <Stats extends Sample["streams"][number] | RtcpStats>(stats: Stats) => ({ ...stats, timestamp });
  const datagrams = { ...sample.datagrams, seen: seconds * 50 };
  return {
    ...sample,
    timestamp,
    datagrams,
    streams: sample.streams.map(stamp),
    reports: sample.reports.map((report) => ({ ...report, timestamp })),
  };
}

/** The stream so many seconds after the source began to count it. */
const inboundAfter = (seconds: number) =>
  inboundStream({
    packetsReceived: RATE.packetsReceived * seconds,
    packetsLost: RATE.packetsLost * seconds,
    packetsDuplicated: RATE.packetsDuplicated * seconds,
  });

/** Cells of the rows that begin with this. */
function rowsOf(samples: readonly Sample[], begin: RegExp): string[][] {
  const history = new History();
  for (const sample of samples) history.add(sample);
  const lines = history.view((title) => title);
  return lines.filter((line) => begin.test(line)).map((line) => line.trim().split(/ {2,}/));
}

/** Packets, lost and share of the only inbound stream. */
function countsOf(samples: readonly Sample[]): string[] {
  const rows = rowsOf(samples, /^in /);
  expect(rows).toHaveLength(1);
  return (rows[0] as string[]).slice(-5, -2);
}

/** Samples of these seconds, of a source that began at `start`; the stream is there all the time. */
const run = (from: number, to: number, start: number): Sample[] =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    sampleAt(from + i, from + i - start, { streams: [inboundAfter(from + i - start)] }),
  );

describe("history: counts of the time", () => {
  it("a stream that was there before: from the first sample on", () => {
    expect(countsOf(run(3, 5, 0))).toEqual(["90", "10", "10.2 %"]);
  });

  it("a stream that began within the time: from its first packet on", () => {
    const before = sampleAt(0, 1, { streams: [] });
    const after = [1, 2].map((second) => sampleAt(second, second + 1, { streams: [inboundAfter(second)] }));
    expect(countsOf([before, ...after])).toEqual(["90", "10", "10.2 %"]);
  });

  it("daemons one after another: the sum of what each counted", () => {
    // 3 s, 2 s and 4 s, with a second between them in which nobody counted.
    expect(countsOf([...run(0, 3, 0), ...run(5, 6, 4), ...run(8, 11, 7)])).toEqual(["405", "45", "10.2 %"]);
  });

  it("a daemon that counted more until its first sample than the one before it in all", () => {
    const datagrams = (seconds: number, second: number, counted: number) =>
      sampleAt(second, seconds, { streams: [inboundAfter(counted)] });
    expect(countsOf([datagrams(9, 0, 0), datagrams(10, 1, 1), datagrams(2, 4, 2)])).toEqual(["135", "15", "10.2 %"]);
  });

  it("a stream that fell silent, was given up and began again", () => {
    const silent = sampleAt(3, 3, { streams: [] });
    expect(countsOf([...run(0, 2, 0), silent, sampleAt(8, 8, { streams: [inboundAfter(4)] })])).toEqual([
      "270",
      "30",
      "10.2 %",
    ]);
  });

  it("a stream of the same name whose counters fall", () => {
    expect(countsOf([...run(0, 2, 0), sampleAt(3, 3, { streams: [inboundAfter(1)] })])).toEqual([
      "135",
      "15",
      "10.2 %",
    ]);
  });

  it("an outbound stream: packets, and no loss", () => {
    const samples = [2, 3, 4].map((second) =>
      sampleAt(second, second, { streams: [outboundStream({ packetsSent: 50 * second })] }),
    );
    expect(rowsOf(samples, /^out /)[0]?.slice(-4)).toEqual(["100", "-", "-", "-"]);
  });

  it("one sample is no time", () => {
    expect(countsOf(run(3, 3, 0)).slice(-2)).toEqual(["0", "0"]);
  });
});

describe("history: what a far end lost in the time", () => {
  const sent = (second: number) => outboundStream({ packetsSent: 50 * second });
  const lostBetween = (samples: readonly Sample[]): string | undefined => rowsOf(samples, /^0x00000011 /)[0]?.at(-3);
  const told = (second: number, packetsLost: number, reportsReceived: number, seconds = second) =>
    sampleAt(second, seconds, {
      streams: [sent(seconds)],
      reports: [remoteInbound({ packetsLost, reportsReceived })],
    });

  it("it lost some before: what was added since", () => {
    expect(lostBetween([told(5, 40, 5), told(6, 42, 6), told(7, 47, 7)])).toBe("7");
  });

  it("late packets repay", () => {
    expect(lostBetween([told(5, 40, 5), told(6, 46, 6), told(7, 44, 7)])).toBe("4");
  });

  it("it counts on while the daemon is another", () => {
    expect(lostBetween([told(5, 40, 5), told(6, 42, 6), told(9, 45, 1, 2), told(10, 46, 2, 3)])).toBe("6");
  });

  it("the stream began within the time: all of it", () => {
    const [none, silent] = [sampleAt(0, 1, { streams: [] }), sampleAt(1, 2, { streams: [sent(1)] })];
    expect(lostBetween([none, silent, told(2, 3, 1, 3)])).toBe("3");
  });

  it("the stream was there before its first report: what was added since that", () => {
    expect(lostBetween([sampleAt(1, 1, { streams: [sent(1)] }), told(2, 30, 1), told(3, 32, 2)])).toBe("2");
  });

  it("another receiver of the same name: from 0", () => {
    expect(lostBetween([told(5, 40, 5), told(6, 42, 6), told(7, 1, 1)])).toBe("3");
  });
});
