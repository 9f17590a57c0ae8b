// SPDX-License-Identifier: MIT
/** What this host offers to a probe, told as a list of findings. */
import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { findCgroupRoot } from "./cgroup.js";
import type { Config } from "./config.js";
import { openDaily } from "./dailyconfig.js";
import { RtcprobeError } from "./errors.js";
import { type LiveSource, openEbpf, openPackets } from "./source.js";

/** Milliseconds for Daily's answer. */
const DAILY_MS = 5_000;

export interface Finding {
  name: string;
  ok: boolean;
  message: string;
  hint?: string;
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
async function trySource(name: string, open: () => LiveSource | Promise<LiveSource>): Promise<Finding> {
  try {
    const live = await open();
    const programs = live.kind === "ebpf" ? live.source.programIds().length : 0;
    live.source.close();
    if (live.kind === "packet") return finding(name, true, "a packet socket can be opened");
    return finding(name, true, `${programs} programs loaded and attached to ${live.cgroup}`);
  } catch (error) {
    if (!(error instanceof RtcprobeError)) throw error;
    return failed(name, error);
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

/** Tries everything that `rtcprobe run` would need. */
export async function checkHost(config: Config): Promise<Finding[]> {
  const small = { ...config, maxStreams: 16, maxPairs: 16 };
  return [
    checkKernel(release()),
    checkCapabilities(await readFile("/proc/self/status", "utf8")),
    await checkCgroupRoot(),
    await trySource("ebpf", () => openEbpf(small)),
    await trySource("packet", () => openPackets(small)),
    ...(await checkInfluxdb(config)),
    ...(await checkDaily(config)),
  ];
}

/** Whether the configured source can be opened, going by the findings. */
export function canRun(findings: readonly Finding[], source: Config["source"]): boolean {
  const names = source === "auto" ? ["ebpf", "packet"] : [source];
  return findings.some(({ name, ok }) => ok && names.includes(name));
}
