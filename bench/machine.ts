// SPDX-License-Identifier: MIT
/** Where a benchmark ran. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  cpu: string;
  cores: number;
  memoryGib: number;
  kernel: string;
  node: string;
  clang: string;
}

function firstLine(program: string, ...args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0] ?? "";
  } catch {
    return "none";
  }
}

/**
 * What /proc/cpuinfo says of the first CPU. The name alone is not enough: a virtual machine may say "AMD EPYC" on any
 * generation of them, and an empty program pair costs twice as much on one as on another.
 */
export function cpuName(cpuinfo: string): string {
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1]?.trim();
  const name = field("model name") ?? `CPU part ${field("CPU part") ?? "unknown"}`;
  const [family, model] = [field("cpu family"), field("model")];
  return family && model ? `${name} (family ${family}, model ${model})` : name;
}

export function describeMachine(): Machine {
  return {
    cpu: cpuName(readFileSync("/proc/cpuinfo", "utf8")),
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    clang: firstLine("clang", "--version"),
  };
}

/** Machines whose figures may be compared: CPU, number of cores, kernel's major.minor. */
export function machineClass({ cpu, cores, kernel }: Machine): string {
  const name = cpu.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return `${name.replace(/^-|-$/g, "")}-${cores}-cores-linux-${kernel.split(".").slice(0, 2).join(".")}`;
}

/** What else ran: load average of the last minute. */
export const loadNow = (): number => loadavg()[0] ?? Number.NaN;
