// SPDX-License-Identifier: MIT
/** What this host offers to a probe, told as a list of findings. */
import { constants } from "node:fs";
import { access, lstat, readFile } from "node:fs/promises";
import { release } from "node:os";
import { dirname, resolve } from "node:path";
import { HINTS } from "./archive.js";
import { findCgroupRoot } from "./cgroup.js";
import type { Config } from "./config.js";
import { openDaily } from "./dailyconfig.js";
import { errnoName, RtcprobeError } from "./errors.js";
import { isMistake, type LiveSource, openEbpf, openPackets } from "./source.js";

/** Milliseconds for Daily's answer. */
const DAILY_MS = 5_000;

export interface Finding {
  name: string;
  ok: boolean;
  message: string;
  hint?: string;
  /** Nothing makes up for it: `rtcprobe run` would end. */
  isFinal?: true;
}

/** Bits of the capability sets (linux/capability.h). */
const CAPABILITIES = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const;
/** cgroup_skb with all that the program calls is there from this release on. */
const LEAST_KERNEL = [5, 10] as const;

function finding(name: string, ok: boolean, message: string, hint?: string): Finding {
  return { name, ok, message, ...(hint === undefined || ok ? {} : { hint }) };
}

function failed(name: string, error: unknown): Finding {
  const { message, hint } = error as RtcprobeError;
  return finding(name, false, message, hint);
}

export function checkKernel(text: string): Finding {
  const [major = 0, minor = 0] = text.split(".", 2).map((part) => Number.parseInt(part, 10));
  const [least, leastMinor] = LEAST_KERNEL;
  const ok = major > least || (major === least && minor >= leastMinor);
  return finding("kernel", ok, `Linux ${text}`, `the eBPF source needs Linux ${LEAST_KERNEL.join(".")} or later`);
}

/** The effective capabilities in a text of /proc/PID/status. */
export function checkCapabilities(status: string): Finding {
  const [, hex = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const held = BigInt(`0x${hex}`);
  const missing = Object.entries(CAPABILITIES)
    .filter(([, bit]) => ((held >> bit) & 1n) === 0n)
    .map(([name]) => name);
  const message = missing.length === 0 ? "all that is needed" : `missing: ${missing.join(", ")}`;
  return finding("capabilities", missing.length === 0, message, "run as root, or give these capabilities");
}

async function checkCgroupRoot(): Promise<Finding> {
  try {
    return finding("cgroup v2", true, await findCgroupRoot());
  } catch (error) {
    return failed("cgroup v2", error);
  }
}

/** Opens the source for a moment, with tables that cost nothing. */
async function trySource(
  name: string,
  config: Config,
  open: (config: Config) => LiveSource | Promise<LiveSource>,
): Promise<Finding> {
  try {
    const live = await open({ ...config, maxStreams: 16, maxPairs: 16 });
    const programs = live.kind === "ebpf" ? live.source.programIds().length : 0;
    live.source.close();
    if (live.kind === "packet") return finding(name, true, "a packet socket can be opened");
    return finding(name, true, `${programs} programs loaded and attached to ${live.cgroup}`);
  } catch (error) {
    if (!(error instanceof RtcprobeError)) throw error;
    return { ...failed(name, error), ...(isMistake(error, config) ? { isFinal: true } : {}) };
  }
}

/** Whether the directory can be written, or be made where it is missing. Throws the system's error; makes nothing. */
async function tryDirectory(path: string): Promise<void> {
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      await access(`${at}/.`, constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      if (errnoName(error) !== "ENOENT") throw error;
    }
  }
}

async function checkJournal({ journal: { directory } }: Config): Promise<Finding> {
  try {
    await tryDirectory(directory);
    return finding("journal", true, `samples can be kept in ${directory}`);
  } catch (error) {
    const name = errnoName(error) ?? "";
    const hint = HINTS[name] ?? "choose a directory as journal.directory";
    const found = finding("journal", false, `cannot keep a journal in ${directory}: ${name}`, hint);
    // A journal that is there and read-only for now is waited for, in memory.
    const isThere = await access(directory).then(
      () => true,
      () => false,
    );
    return name === "EROFS" && isThere ? found : { ...found, isFinal: true };
  }
}

/** Only a call needs its directory to be written: `rtcprobe run` goes on without. */
async function checkCalls({ calls: { directory } }: Config): Promise<Finding> {
  const hint = "give a directory of this user's as --calls-directory";
  try {
    await tryDirectory(directory);
    return finding("calls", true, `calls can be kept in ${directory}`);
  } catch (error) {
    const found = finding("calls", false, `cannot keep calls in ${directory}: ${errnoName(error)}`, hint);
    return errnoName(error) === "ENOTDIR" ? { ...found, isFinal: true } : found;
  }
}

async function checkSocket({ socket }: Config): Promise<Finding> {
  const hint = "give another path by --socket";
  const failing = (message: string): Finding => ({ ...finding("socket", false, message, hint), isFinal: true });
  try {
    await tryDirectory(dirname(socket));
    const found = await lstat(socket).catch((error) => {
      if (errnoName(error) !== "ENOENT") throw error;
    });
    if (found && !found.isSocket()) return failing(`${socket} exists and is no socket`);
    return finding("socket", true, `${socket} can be made`);
  } catch (error) {
    return failing(`cannot make the control socket ${socket}: ${errnoName(error)}`);
  }
}

async function checkInfluxdb({ sinks }: Config): Promise<Finding[]> {
  const { checkInflux } = await import("./influx.js");
  const found = sinks.map(async (sink) => {
    if (sink.type !== "influxdb") return [];
    const { ok, message } = await checkInflux(sink.influx);
    const name = sink.name === "influxdb" ? "InfluxDB" : `InfluxDB ${sink.name}`;
    return [finding(name, ok, message, "samples wait in the journal while it cannot be reached")];
  });
  return (await Promise.all(found)).flat();
}

/** Asks for the one thing that any key may see. */
async function checkDaily(config: Config): Promise<Finding[]> {
  try {
    const daily = await openDaily(config, { attempts: 1, attemptMs: DAILY_MS });
    const present = await daily?.presence();
    if (present === undefined) return [];
    return [finding("Daily", true, `the key is good; ${present.length} participants are in the domain's rooms now`)];
  } catch (error) {
    if (!(error instanceof RtcprobeError)) throw error;
    return [failed("Daily", error)];
  }
}

/** Tries everything that `rtcprobe run` would need, and leaves nothing behind. */
export async function checkHost(config: Config): Promise<Finding[]> {
  return [
    checkKernel(release()),
    checkCapabilities(await readFile("/proc/self/status", "utf8")),
    await checkCgroupRoot(),
    await trySource("ebpf", config, openEbpf),
    await trySource("packet", config, openPackets),
    await checkJournal(config),
    await checkCalls(config),
    await checkSocket(config),
    ...(await checkInfluxdb(config)),
    ...(await checkDaily(config)),
  ];
}

/** Whether the configured source can be opened, and nothing else is in the way, going by the findings. */
export function canRun(findings: readonly Finding[], source: Config["source"]): boolean {
  if (findings.some(({ isFinal }) => isFinal)) return false;
  const names = source === "auto" ? ["ebpf", "packet"] : [source];
  return findings.some(({ name, ok }) => ok && names.includes(name));
}
