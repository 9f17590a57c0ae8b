// SPDX-License-Identifier: MIT
/** What the benchmark makes of its measurements. Oracle: arithmetic by hand, and the documented rules. */
import { describe, expect, it } from "vitest";
import { isRegression, noiseOf } from "../bench/baseline.js";
import { deviation, figureOf, median, quantile } from "../bench/figure.js";
import { cpuName, machineClass } from "../bench/machine.js";
import { PEERS } from "../bench/peerlist.js";
import { fillReport } from "../bench/report.js";
import { formatValue } from "../bench/table.js";

const MACHINE = { cpu: "AMD EPYC(TM) 7", cores: 2, memoryGib: 8, kernel: "6.18.4-a", node: "v20", clang: "clang" };

describe("bench: figures", () => {
  it("quantiles lie between order statistics", () => {
    expect(quantile([4, 1, 3, 2], 0.25)).toBeCloseTo(1.75, 12);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBeNaN();
    expect(deviation([1, 1, 2, 2, 4, 6, 9])).toBe(1);
  });

  it("a bar holds by the median, and not with a missed packet", () => {
    expect(figureOf("a", "×", [1.9, 2, 9], { bar: 2 }).ok).toBe(true);
    expect(figureOf("a", "×", [2.1], { bar: 2 }).ok).toBe(false);
    expect(figureOf("a", "packets/s", [2.1], { bar: 2, better: "more" }).ok).toBe(true);
    expect(figureOf("a", "×", [1], { bar: 2, missed: 1 }).ok).toBe(false);
    expect(figureOf("a", "×", [], { bar: 2 }).ok).toBe(false);
  });
});

describe("bench: regressions", () => {
  const accepted = { unit: "×", median: 2, deviation: 0.1 };

  it("noise is 10 % or three deviations of either run, whichever is more", () => {
    expect(noiseOf({ ...accepted, deviation: 0 }, [2, 2])).toBeCloseTo(0.2, 12);
    expect(noiseOf(accepted, [2, 2])).toBeCloseTo(0.3, 12);
    expect(noiseOf(accepted, [1, 2, 3])).toBeCloseTo(3, 12);
  });

  it("only a guarded figure that is worse beyond the noise is one", () => {
    const of = (value: number, terms = {}) => figureOf("a", "×", [value], { guarded: true, ...terms });
    expect(isRegression(of(2.29), accepted)).toBe(false);
    expect(isRegression(of(2.31), accepted)).toBe(true);
    expect(isRegression(of(1), accepted)).toBe(false);
    expect(isRegression(of(1, { better: "more" }), accepted)).toBe(true);
    expect(isRegression(of(9, { guarded: false }), accepted)).toBe(false);
    expect(isRegression(of(9), undefined)).toBe(false);
  });

  it("a class is CPU, cores and kernel, readable", () => {
    expect(machineClass(MACHINE)).toBe("amd-epyc-tm-7-2-cores-linux-6.18");
  });

  it("a CPU is more than its name, where it says more", () => {
    const cpuinfo =
      "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel\t\t: 3\n";
    expect(cpuName(cpuinfo)).toBe("AMD EPYC (family 26, model 2)");
    expect(cpuName("processor\t: 0\nCPU part\t: 0xd0c\n")).toBe("CPU part 0xd0c");
    expect(cpuName("")).toBe("CPU part unknown");
  });
});

describe("bench: what peers say that they counted", () => {
  const count = (name: string, output: string) => PEERS.find((peer) => peer.name === name)?.count?.(output);

  it.each([
    ["tcpdump", "40000 packets captured\n40002 packets received by filter\n0 packets dropped by kernel\n", 40000],
    ["dumpcap", "Packets captured: 39\nPackets received/dropped on interface 'far7': 39/1 (pcap:1/x:0)\n", 39],
    ["bpftrace", "Attaching 1 probe...\n\n@packets: 2000\n", 2000],
    ["dpkt", 'ready\n{"packets": 7}\n', 7],
    ["ebpf", 'warning\n{"datagrams":{"rtp":1}}\n{"datagrams":{"rtp":4}}\n{"datag', 4],
  ])("%s", (name, output, packets) => {
    expect(count(name, output)).toBe(packets);
  });

  it("tshark's table, as version 4.0.17 prints it", () => {
    const output = [
      "========================= RTP Streams ========================",
      "Start time      End time     Src IP addr  Port    Dest IP addr  Port       SSRC          Payload  Pkts         Lost",
      "  0.000000      1.9        192.0.2.1 34567      192.0.2.2 20000 0x00000001 g711U            2500     0 (0.0%)  0.0",
      "  0.000001      1.9        192.0.2.1 34567      192.0.2.2 20000 0x00000002 RTP type 111     2400    -3 (0.1%)  0.0",
    ].join("\n");
    expect(count("tshark", output)).toBe(4900);
  });
});

describe("bench: the report", () => {
  it.each([
    [0, "0"],
    [16, "16"],
    [1234567, "1 234 567"],
    [1234.56, "1 235"],
    [2.345, "2.35"],
    [0.01234, "0.0123"],
    [Number.NaN, "–"],
  ])("%f is written %s", (value, text) => {
    expect(formatValue(value)).toBe(text);
  });

  it("fills the tables of the parts that ran and leaves the rest", () => {
    const figures = [figureOf("updates.lost", "packets", [0, 0], { bar: 0, note: "lost" })];
    const part = { part: "updates", command: "make bench", figures, skipped: [{ name: "scapy", reason: "not there" }] };
    const run = {
      ...part,
      at: "2026-01-02T03:04:05.678Z",
      seconds: 7.2,
      load: [0.1, 0.2] as [number, number],
      quick: false,
    };
    const old = "a\n<!-- part updates -->\nold\n<!-- end -->\nb\n<!-- part sink -->\nkept\n<!-- end -->\n";
    expect(fillReport(old, { machine: MACHINE, runs: [run] })).toBe(
      [
        "a\n<!-- part updates -->\n|  | unit | median (quartiles) |\n| --- | --- | --- |",
        "| lost | packets | **0** (0 to 0); holds ≤ 0 |\n",
        "`make bench`, 2026-01-02 03:04 UTC, 7 s, load average 0.1 to 0.2.",
        "Skipped: scapy, not there.\n<!-- end -->\nb\n<!-- part sink -->\nkept\n<!-- end -->\n",
      ].join("\n"),
    );
  });
});
