// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from "node:fs";
import { cpuUsage, memoryUsage } from "node:process";
import type { Cost } from "./health.js";

interface ProgramCost {
  programRuns: number;
  programSeconds: number;
}

function readField(fdinfo: string, field: string): number | undefined {
  const [, digits] = new RegExp(`^${field}:\\s*(\\d+)$`, "m").exec(fdinfo) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** The descriptor of a program tells its run time, where the kernel keeps it. */
function readProgramCost(programIds: readonly number[]): ProgramCost | undefined {
  try {
    if (readFileSync("/proc/sys/kernel/bpf_stats_enabled", "utf8").trim() !== "1") return undefined;
    const cost = new Map<number, ProgramCost>();
    for (const fd of readdirSync("/proc/self/fdinfo")) {
      const fdinfo = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
      const id = readField(fdinfo, "prog_id");
      const [runs, ns] = [readField(fdinfo, "run_cnt"), readField(fdinfo, "run_time_ns")];
      if (id === undefined || runs === undefined || ns === undefined || !programIds.includes(id)) continue;
      cost.set(id, { programRuns: runs, programSeconds: ns / 1e9 });
    }
    if (cost.size === 0) return undefined;
    return [...cost.values()].reduce((sum, one) => ({
      programRuns: sum.programRuns + one.programRuns,
      programSeconds: sum.programSeconds + one.programSeconds,
    }));
  } catch {
    return undefined; // a descriptor was closed meanwhile, or procfs is not to be read: not measured
  }
}

/** CPU, memory and, if the kernel keeps it, the run time of these programs. */
export function readCost(programIds: readonly number[]): Cost {
  const { user, system } = cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, rssBytes: memoryUsage.rss(), ...readProgramCost(programIds) };
}
