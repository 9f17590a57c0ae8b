// SPDX-License-Identifier: MIT
/** Where a benchmark ran. */
import { execFileSync } from "node:child_process";
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

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    clang: firstLine("clang", "--version"),
  };
}

/** Machines whose figures may be compared: CPU model, number of cores, kernel's major.minor. */
export function machineClass({ cpu, cores, kernel }: Machine): string {
  const name = cpu.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return `${name.replace(/^-|-$/g, "")}-${cores}-cores-linux-${kernel.split(".").slice(0, 2).join(".")}`;
}

/** What else ran: load average of the last minute. */
export const loadNow = (): number => loadavg()[0] ?? Number.NaN;
