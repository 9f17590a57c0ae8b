// SPDX-License-Identifier: MIT
/** A process of ours, in a network namespace and a cgroup from its first instruction on, that speaks JSON lines. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { RtcprobeError } from "../src/errors.js";

const STOP_PATIENCE_MS = 3_000;
const STDERR_KEPT = 4_000;

export interface ChildOptions {
  /** For messages. */
  name: string;
  command: string[];
  namespace?: string;
  /** Directory of the cgroup to join. A socket belongs to the cgroup that its process is in when it is made. */
  cgroup?: string;
  /** Called with what the process writes to standard error. */
  onStderr?: (text: string) => void;
}

function placedCommand({ command, namespace, cgroup }: ChildOptions): string[] {
  // nsenter and not `ip netns exec`: that one hides the cgroup tree behind a /sys of its own.
  const inside = namespace === undefined ? command : ["nsenter", `--net=/run/netns/${namespace}`, "--", ...command];
  if (cgroup === undefined) return inside;
  return ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', cgroup, ...inside];
}

/** Settings of the operator's own rtcprobe are none of ours. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RTCPROBE_")));
}

export class Child {
  readonly #name: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #stderr = "";

  constructor(options: ChildOptions) {
    const [program = "", ...args] = placedCommand(options);
    this.#name = options.name;
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: cleanEnvironment() });
    this.#closed = once(this.#process, "close").catch(() => undefined); // an error is said at the next read
    this.#process.on("error", (error) => this.#say(`${error.message}\n`));
    this.#process.stdin.on("error", () => {}); // it may end before it has read our order
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#say(text);
      options.onStderr?.(text);
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What it wrote to standard error so far, the end of it. */
  get stderr(): string {
    return this.#stderr;
  }

  #say(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
  }

  order(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /**
   * The next line of its output, parsed.
   * @throws RtcprobeError ERR_UNAVAILABLE if it ended instead
   */
  async read<Message>(): Promise<Message> {
    const { value, done } = await this.#lines.next();
    if (!done) return JSON.parse(value) as Message;
    await this.#closed;
    const { exitCode, signalCode } = this.#process;
    const said = this.#stderr.trim().split("\n").at(-1);
    throw new RtcprobeError(
      "ERR_UNAVAILABLE",
      `${this.#name} ended (${signalCode ?? exitCode})`,
      said || "it said nothing",
    );
  }

  /** Ask it to end, and make it end if it does not. Resolves to its exit code, null if a signal ended it. Idempotent. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#process.kill(signal);
    const patience = new AbortController();
    const gone = this.#closed.then(() => patience.abort());
    await sleep(STOP_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    if (!patience.signal.aborted) this.#process.kill("SIGKILL");
    await gone;
    return this.#process.exitCode;
  }

  /** Wait for it to end by itself. Resolves to its exit code, null if a signal ended it. */
  async end(): Promise<number | null> {
    await this.#closed;
    return this.#process.exitCode;
  }
}
