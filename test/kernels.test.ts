// SPDX-License-Identifier: MIT
/**
 * The probe on other kernels than this host's, in virtual machines. Oracles: captures give the records that they give on this
 * host's kernel, which parity.test.ts holds to the core; live traffic is what test/traffic/ says that it sent.
 * RTCPROBE_KERNELS names suites of Debian, space between them.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { can } from "./capability.js";
import { CAPTURES, padCapture } from "./kernel/replayed.js";
import { boot, fetchKernel, makeRoot, type Report } from "./kernels/machine.js";
import type { Received, Streams, Truth } from "./traffic/lab.js";
import { expectedStreams, foundStreams, sumOfOutcomes } from "./traffic/truth.js";

/** That of Debian 12, for which this is made. */
const SUITES = (process.env.RTCPROBE_KERNELS ?? "bookworm").split(" ");
const PATIENCE_MS = 420_000;
const why = [can.bpf, can.machine].find((capability) => !capability.ok)?.why ?? "";

/** Before it, atomic operations of eBPF cannot compare and exchange: the packet source stands in. */
const OLDEST = [5, 12] as const;

const BAD = "--loss 30 --duplicate 20 --reorder 30";
const PORTS = { srcPort: 40_000, dstPort: 50_000 };

interface Case {
  name: string;
  ssrc: number;
  address: string;
  send: string;
  receive?: string;
}

const CASES: Case[] = [
  { name: "ipv4", ssrc: 1000, address: "127.0.0.1", send: "--streams 2 --packets 600" },
  { name: "ipv6-options", ssrc: 2000, address: "::1", send: "--streams 2 --packets 600 --ip-options" },
  { name: "segments", ssrc: 3000, address: "127.0.0.1", send: "--streams 2 --packets 600 --gso 10", receive: "--gro" },
  { name: "depth", ssrc: 4000, address: "127.0.0.1", send: "--streams 2 --packets 600" },
];

function commands({ ssrc, address, send, receive = "" }: Case): [send: string, receive: string] {
  const path = `--source ${address} --source-port ${PORTS.srcPort} --to ${address} --port ${PORTS.dstPort}`;
  const sender = `${path} --ssrc ${ssrc} --seed ${ssrc} --pace 500 ${BAD} ${send}`;
  return [sender, `--source ${address} --source-port ${PORTS.dstPort} ${receive}`];
}

/** For the shell of `guest`: a line that plays each case, and the last as variables, for something comes before it. */
function script(): string {
  const lines = CASES.slice(0, -1).map((one) => {
    const [send, receive] = commands(one);
    return `traffic "${send}" "${receive}" ${one.name}`;
  });
  const [send, receive] = commands(CASES.at(-1) as Case);
  return `${lines.join("\n")}\nLAST="${send}"\nLAST_RECEIVER="${receive}"\n`;
}

const nameOf = (file: string): string => file.replaceAll("/", "-").replace(/\.pcap$/, "");

/** Captures with what this host's kernel makes of them, and what else `guest` wants. */
function files(directory: string): Map<string, string | Buffer> {
  const all = new Map<string, string | Buffer>();
  for (const [file, local] of CAPTURES) {
    const padded = padCapture(readFileSync(join("test/captures", file)));
    const path = join(directory, `${nameOf(file)}.pcap`);
    writeFileSync(path, padded);
    all.set(`${nameOf(file)}.pcap`, padded);
    all.set(`${nameOf(file)}.local`, local);
    all.set(`${nameOf(file)}.json`, execFileSync(resolve("build/harness"), ["replay", path, local]));
  }
  all.set("cases", script());
  all.set("config.yaml", "journal:\n  directory: /tmp/journal\n");
  return all;
}

const isOld = (kernel: string): boolean => {
  const [major = 0, minor = 0] = kernel.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
};

describe.skipIf(why !== "")(`other kernels — ${why || "qemu"}`, () => {
  let directory = "";
  let root = "";

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "rtcprobe-kernels-"));
    root = makeRoot(directory, files(directory));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  describe.each(SUITES)("that of %s", (suite) => {
    let report: Report;
    const said = (name: string): string => {
      const [text] = report.said.get(name) ?? [];
      if (text === undefined) throw new Error(`the machine did not say ${name}: ${report.console.slice(-4000)}`);
      return text;
    };

    beforeAll(async () => {
      report = await boot(fetchKernel(suite), root, PATIENCE_MS);
    }, 2 * PATIENCE_MS);

    it("gives the same records as this host's", () => {
      if (isOld(said("kernel"))) return expect(said("harness")).toMatch(/load/);
      expect(report.said.get("parity")?.sort()).toEqual(CAPTURES.map(([file]) => `${nameOf(file)} equal`).sort());
    });

    it.each(CASES)("counts what was sent: $name", ({ name, ssrc, address }) => {
      const truth = JSON.parse(said(`truth-${name}`)) as Truth;
      const received = JSON.parse(said(`received-${name}`)) as Received;
      const { streams, datagrams } = JSON.parse(said(`streams-${name}`)) as Streams;

      expect(received.datagrams, "all arrived").toBe(truth.datagrams);
      const where = { srcAddress: address, dstAddress: address, ...PORTS };
      expect(foundStreams(streams, ssrc)).toEqual(expectedStreams(truth, where));
      expect(sumOfOutcomes(datagrams)).toBe(datagrams.seen);
      const [stream] = streams.filter((one) => one.ssrc === ssrc && one.type === "inbound-rtp");
      if (name === "depth") expect(stream?.maxInterarrivalTime).toBeGreaterThan(0);
    });

    it("runs with eBPF where the kernel can, and goes in peace", () => {
      expect(said("exit")).toBe("0");
      if (isOld(said("kernel"))) expect(said("daemon")).toMatch(/going on with packets/);
      else expect(said("daemon")).not.toMatch(/going on with packets/);
    });
  });
});
