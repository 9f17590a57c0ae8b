// SPDX-License-Identifier: MIT
/** A program that watches a load, in a cgroup of its own, so that the CPU time of all its processes is known to the µs. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";

const START_PATIENCE_MS = 15_000;
const STOP_PATIENCE_MS = 60_000;
const PAUSE_MS = 50;

export interface WatcherOptions {
  command: string[];
  /** Path of the network namespace it runs in; absent: ours. */
  namespace?: string;
  /** It is at work once it has written this. */
  ready: RegExp;
  /** And this long after. */
  settleMs?: number;
  /** Where its output goes. */
  directory: string;
}

export class Watcher {
  readonly #process: ChildProcess;
  readonly #cgroup: string;
  readonly #output: string;

  private constructor(process: ChildProcess, cgroup: string, output: string) {
    this.#process = process;
    this.#cgroup = cgroup;
    this.#output = output;
  }

  /** Resolves when it is at work. */
  static async start({ command, namespace, ready, settleMs = 300, directory }: WatcherOptions): Promise<Watcher> {
    const cgroup = await createCgroup(`rtcprobe-bench-${process.pid}-watcher-${counter++}`);
    const output = join(directory, `output-${counter}`);
    const file = openSync(output, "w");
    const inside = namespace ? ["nsenter", `--net=${namespace}`, "--", ...command] : command;
    const join_ = ["-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', cgroup, ...inside];
    const child = spawn("/bin/sh", join_, { stdio: ["ignore", file, file] });
    closeSync(file);
    const watcher = new Watcher(child, cgroup, output);
    for (let waited = 0; !ready.test(await watcher.output()); waited += PAUSE_MS) {
      if (waited < START_PATIENCE_MS && child.exitCode === null) await sleep(PAUSE_MS);
      else {
        await watcher.stop("SIGKILL");
        throw new Error(`${command[0]}: did not start: ${(await watcher.output()).trim().split("\n").at(-1)}`);
      }
    }
    await sleep(settleMs);
    return watcher;
  }

  output(): Promise<string> {
    return readFile(this.#output, "utf8");
  }

  /** CPU time of all its processes so far, those that have ended included, ns. */
  async cpuNs(): Promise<number> {
    const stat = await readFile(join(this.#cgroup, "cpu.stat"), "utf8");
    return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) * 1e3;
  }

  /** Ends it; resolves to the CPU time of its life, ns. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const killer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_PATIENCE_MS);
      const gone = once(this.#process, "exit");
      this.#process.kill(signal);
      await gone;
      clearTimeout(killer);
    }
    const cpu = await this.cpuNs();
    await removeCgroup(this.#cgroup);
    return cpu;
  }
}

let counter = 0;
