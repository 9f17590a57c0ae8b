// SPDX-License-Identifier: MIT
/** Runs bin/rtcprobe as a user would, from the built checkout. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
export const PROGRAM = join(ROOT, "bin", "rtcprobe");
const PATIENCE_MS = 20_000;

function newest(directory: string, ending: string): number {
  const files = readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" });
  return Math.max(...files.filter((f) => f.endsWith(ending)).map((f) => statSync(join(ROOT, directory, f)).mtimeMs));
}

/** Yesterday's build would pass or fail yesterday's tests. */
export function checkBuild(): void {
  if (newest("src", ".ts") > newest("dist", ".cjs")) throw new Error("dist is older than src: run npm run build");
}

export interface RunOptions {
  env?: Record<string, string>;
  /** A command that runs the program, such as setpriv. */
  through?: string[];
  /** Descriptor that becomes standard output, in place of a pipe. */
  stdout?: number;
  /** Called with each line of standard output. */
  onLine?: (line: string, child: ChildProcess) => void;
}

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Lines of standard error. */
  said: string[];
}

/** Settings of this machine are none of the test's. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RTCPROBE_")));
}

/** Starts the program. */
export function startProgram(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const [command = "", ...rest] = [...(options.through ?? []), process.execPath, PROGRAM, ...args];
  return spawn(command, rest, {
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ["ignore", options.stdout ?? "pipe", "pipe"],
  });
}

/** Runs it to its end. */
export function runProgram(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = startProgram(args, options);
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    let [stdout, stderr, rest] = ["", "", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.onLine?.(line, child);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, said: stderr.split("\n").filter((line) => line !== "") });
    });
  });
}
