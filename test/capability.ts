// SPDX-License-Identifier: MIT
/**
 * What this machine lets a test do. A test that needs more is skipped with `why`; capability.test.ts turns the skip into a
 * failure where everything has been installed and the tests run as root.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Capability {
  ok: boolean;
  /** What is missing; empty when `ok`. */
  why: string;
}

const NAMES = [
  "root",
  "nobody",
  "bpf",
  "netns",
  "packet",
  "influxd",
  "victoriaMetrics",
  "tshark",
  "text2pcap",
  "turnserver",
  "machine",
] as const;
export type CapabilityName = (typeof NAMES)[number];

const OK: Capability = { ok: true, why: "" };
const CAP_NET_RAW = 13n;
/** Debian keeps ip and bpftool where only root's PATH looks. */
const PATH = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

function missing(why: string): Capability {
  return { ok: false, why };
}

/** Can the command be run, and does it succeed? */
function tryCommand(command: string, ...args: string[]): Capability {
  const result = spawnSync(command, args, { encoding: "utf8", timeout: 20_000, env: { ...process.env, PATH } });
  const shown = [command, ...args].join(" ");
  if (result.error) {
    const { code } = result.error as NodeJS.ErrnoException;
    return missing(code === "ENOENT" ? `${command} is not installed` : `${shown}: ${code}`);
  }
  if (result.status === 0) return OK;
  const said = result.stderr.trim().split("\n").at(-1) ?? "";
  return missing(`${shown}: ${said || `exit ${result.status ?? result.signal}`}`);
}

function checkRoot(): Capability {
  return process.geteuid?.() === 0 ? OK : missing("not root");
}

/** A program can be run as another user, with the right to read. */
function checkNobody(): Capability {
  return asNobodyOn(["head", "-c1"], "setpriv is missing, or gives nobody no right to read");
}

/** The bpf system call answers, and there is a cgroup v2 to attach to. That programs load is the tests' own business. */
function checkBpf(): Capability {
  if (!checkRoot().ok) return checkRoot();
  if (!/ - cgroup2 /.test(readFileSync("/proc/self/mountinfo", "utf8"))) return missing("no cgroup v2 is mounted");
  return tryCommand("bpftool", "prog", "list");
}

/** A namespace can be made, and entered. */
function checkNetns(): Capability {
  if (!checkRoot().ok) return checkRoot();
  const name = `rtcprobe-can-${process.pid}`;
  const added = tryCommand("ip", "netns", "add", name);
  if (!added.ok) return added;
  const entered = tryCommand("ip", "-n", name, "link", "set", "lo", "up");
  const deleted = tryCommand("ip", "netns", "delete", name);
  return entered.ok ? deleted : entered;
}

function checkPacket(): Capability {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${effective}`) >> CAP_NET_RAW) & 1n ? OK : missing("no CAP_NET_RAW");
}

/** A virtual machine can be made, and emulated; its kernel is one of Debian's, which apt fetches. */
function checkMachine(): Capability {
  const commands = [
    ["/bin/busybox", "true"],
    ["qemu-system-x86_64", "--version"],
    ["apt-get", "--version"],
  ] as const;
  return commands.map(([command, ...args]) => tryCommand(command, ...args)).find(({ ok }) => !ok) ?? OK;
}

const CHECKS: Record<CapabilityName, () => Capability> = {
  root: checkRoot,
  nobody: checkNobody,
  bpf: checkBpf,
  netns: checkNetns,
  packet: checkPacket,
  influxd: () => tryCommand("influxd", "version"),
  victoriaMetrics: () => tryCommand("victoria-metrics", "-version"),
  tshark: () => tryCommand("tshark", "--version"),
  text2pcap: () => tryCommand("text2pcap", "--version"),
  machine: checkMachine,
  turnserver: () => tryCommand("turnserver", "--version"),
};

/** Each capability is looked at when first asked for, and once: most test files ask for one or none. */
function lookUp(): Record<CapabilityName, Capability> {
  const known = new Map<CapabilityName, Capability>();
  const all = {} as Record<CapabilityName, Capability>;
  for (const name of NAMES) {
    const get = (): Capability => {
      const capability = known.get(name) ?? CHECKS[name]();
      known.set(name, capability);
      return capability;
    };
    Object.defineProperty(all, name, { enumerable: true, get });
  }
  return all;
}

export const can = lookUp();

/** Runs what follows as another user with these rights of root's, and that to read: a checkout may lie in a private directory. */
export function asNobody(...rights: string[]): string[] {
  const added = [...rights, "dac_read_search"].map((right) => `+${right}`).join();
  const caps = [`--inh-caps=${added}`, `--ambient-caps=${added}`];
  return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...caps, "--"];
}

function asNobodyOn(command: string[], why: string): Capability {
  const [setpriv = "", ...rights] = asNobody();
  if (!checkRoot().ok) return checkRoot();
  return tryCommand(setpriv, ...rights, ...command, import.meta.filename).ok ? OK : missing(why);
}

/**
 * With the right to read as well access(2) says that nobody may not, and what runs TypeScript asks it. No capability: a machine that has
 * everything may keep its checkout private.
 */
export const nobodyHasAccess = (): Capability =>
  can.nobody.ok
    ? asNobodyOn(["test", "-r"], "nobody has no access to this checkout: clone it into a public place")
    : can.nobody;
