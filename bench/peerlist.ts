// SPDX-License-Identifier: MIT
/** The programs that part peers compares, how each is run and where it says what it counted. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Sample } from "../src/stats.js";
import { type Place, RIG } from "./rig.js";

const HERE = import.meta.dirname;
const PYTHON = "/usr/bin/python3"; // Debian's: it has Debian's modules
/** A daemon is compiled in its first seconds, the last of it after eight: not what it costs to stay on. */
const WARM_MS = 10_000;
const RTCPROBE = [process.execPath, join(HERE, "..", "bin", "rtcprobe")];

export interface Peer {
  name: string;
  title: string;
  command: (place: Place & { directory: string }) => string[];
  ready: RegExp;
  settleMs?: number;
  /** What it says that it counted, in its output after it has ended. Absent: it does not count. */
  count?: (output: string) => number;
  /** It says so with each sample of a second, and works on no backlog. */
  sampled?: boolean;
  /** It sees each packet so many times (1). */
  directions?: number;
  /** It runs in the host's own network namespace. */
  outside?: boolean;
  /** What must be there. */
  needs?: { program?: string; module?: string };
  /** Bars for our pair's cost over its. */
  ratio?: { bar: number; stretch?: number };
}

const numberIn = (pattern: RegExp) => (output: string) => Number(pattern.exec(output)?.[1] ?? Number.NaN);
const packetsIn = numberIn(/"packets": (\d+)/);

function daemon(directory: string, ...rest: string[]): string[] {
  const places = ["--journal-directory", join(directory, "journal"), "--calls-directory", join(directory, "calls")];
  const socket = join(directory, "control.sock");
  return [...RTCPROBE, "--config", "/dev/null", "--socket", socket, "run", "--json", ...places, ...rest];
}

/** Of the last sample: one line of JSON each. */
function countSampled(output: string): number {
  const lines = output.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
  return (JSON.parse(lines.at(-1) ?? "") as Sample).datagrams.rtp;
}

/** Sum of the column Pkts of `tshark -z rtp,streams`: after addresses, ports, SSRC and payload. */
function sumStreams(output: string): number {
  const lines = output.split("\n").filter((line) => line.includes("0x"));
  return lines.reduce((sum, line) => sum + Number(/0x[0-9a-fA-F]+\s+.*?\s(\d+)\s+-?\d+ \(/.exec(line)?.[1] ?? 0), 0);
}

/** Debugfs in a mount namespace of its own, if the host has none. */
const BPFTRACE =
  '{ mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug; } && exec bpftrace -e "$0"';

export const PEERS: Peer[] = [
  {
    name: "ebpf",
    title: "rtcprobe run (both directions)",
    command: ({ directory, cgroup }) => daemon(directory, "--source", "ebpf", "--cgroup", cgroup),
    ready: /"streams"/,
    settleMs: WARM_MS,
    count: countSampled,
    sampled: true,
    directions: 2,
    outside: true,
  },
  {
    name: "empty",
    title: "an empty pair in the kernel",
    command: ({ cgroup }) => [RIG, "hold", "--cgroup", cgroup],
    ready: /attached/,
    outside: true,
  },
  {
    name: "floor",
    title: "a clock and a record (both directions)",
    command: ({ cgroup }) => [RIG, "hold", "--cgroup", cgroup, "--floor"],
    ready: /attached/,
    count: packetsIn,
    directions: 2,
    outside: true,
  },
  {
    name: "packet",
    title: "rtcprobe run --source packet",
    command: ({ directory, interface: name }) => daemon(directory, "--source", "packet", "--interface", name),
    ready: /"streams"/,
    settleMs: WARM_MS,
    count: countSampled,
    sampled: true,
    ratio: { bar: 1 },
  },
  {
    name: "bpftrace",
    title: "bpftrace counting",
    command: ({ interface: name }) => [
      "unshare",
      "--mount",
      "sh",
      "-c",
      BPFTRACE,
      `tracepoint:net:netif_receive_skb /str(args->name) == "${name}"/ { @packets = count(); }`,
    ],
    ready: /Attaching/,
    settleMs: 1500,
    count: numberIn(/@packets: (\d+)/),
    needs: { program: "bpftrace" },
  },
  {
    name: "tcpdump",
    title: "tcpdump -w /dev/null",
    command: ({ interface: name }) => ["tcpdump", "-n", "-i", name, "-w", "/dev/null", "udp"],
    ready: /listening on/,
    count: numberIn(/(\d+) packets? captured/),
    needs: { program: "tcpdump" },
    ratio: { bar: 0.6, stretch: 0.4 },
  },
  {
    name: "tcpdump-file",
    title: "tcpdump -w FILE",
    command: ({ directory, interface: name }) => [
      "tcpdump",
      "-n",
      "-Z",
      "root",
      "-i",
      name,
      "-w",
      join(directory, "pcap"),
      "udp",
    ],
    ready: /listening on/,
    count: numberIn(/(\d+) packets? captured/),
    needs: { program: "tcpdump" },
  },
  {
    name: "dumpcap",
    title: "dumpcap -w FILE",
    command: ({ directory, interface: name }) => [
      "dumpcap",
      "-q",
      "-i",
      name,
      "-f",
      "udp",
      "-w",
      join(directory, "pcapng"),
    ],
    ready: /File:/,
    count: numberIn(/received\/dropped on interface[^:]*: (\d+)\//),
    needs: { program: "dumpcap" },
  },
  {
    name: "tshark",
    title: "tshark -q -z rtp,streams",
    command: ({ interface: name }) => [
      "tshark",
      "-n",
      "-q",
      "-i",
      name,
      "-f",
      "udp",
      "-d",
      "udp.port==20000,rtp",
      "-z",
      "rtp,streams",
    ],
    ready: /Capturing on/,
    settleMs: 1500,
    count: sumStreams,
    needs: { program: "tshark" },
    ratio: { bar: 1 / 20 },
  },
  {
    name: "dpkt",
    title: "Python, dpkt on AF_PACKET",
    command: ({ interface: name }) => [PYTHON, join(HERE, "peers", "count_dpkt.py"), name],
    ready: /ready/,
    count: packetsIn,
    needs: { module: "dpkt" },
    ratio: { bar: 1 / 35 },
  },
  {
    name: "scapy",
    title: "Python, Scapy sniff",
    command: ({ interface: name }) => [PYTHON, join(HERE, "peers", "count_scapy.py"), name],
    ready: /ready/,
    count: packetsIn,
    needs: { module: "scapy" },
    ratio: { bar: 1 / 800 },
  },
];

const works = (program: string, ...args: string[]) =>
  promisify(execFile)(program, args, { timeout: 30_000 }).then(
    () => true,
    () => false,
  );

/** Why a peer cannot be run here; undefined if it can. */
export async function reasonToSkip({ needs }: Peer): Promise<string | undefined> {
  const { program, module } = needs ?? {};
  if (program && !(await works("/bin/sh", "-c", `command -v ${program}`))) return `there is no program ${program}`;
  if (module && !(await works(PYTHON, "-c", `import ${module}`))) return `there is no Python module ${module}`;
  return undefined;
}
