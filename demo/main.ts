// SPDX-License-Identifier: MIT
/**
 * `make demo`: a call between two network namespaces over a relay of ours that spoils it, watched by rtcprobe. Prints the
 * truth beside what the probe measured; exits 0 if they agree. DEMO_SECONDS (30) and DEMO_SEED (1) change the call.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RtcprobeError } from "../src/errors.js";
import type { Sample } from "../src/stats.js";
import {
  AGENT,
  CALLER,
  type CallPlan,
  checkDatagrams,
  compareCall,
  planCall,
  RELAY_TO_AGENT,
  RELAY_TO_CALLER,
} from "./call.js";
import { createCgroup, removeCgroup } from "./cgroup.js";
import { Child } from "./child.js";
import { findDisagreements, formatComparisons } from "./comparison.js";
import type { EndpointReport, RelayReport } from "./messages.js";
import { Network } from "./namespace.js";

const ROOT = join(import.meta.dirname, "..");
const PROBE = join(ROOT, "bin", "rtcprobe");
const INTERVAL_MS = 500;
const SHOW_EVERY_MS = 5_000;
/** The last datagram is on its way for less than this; then comes one more sample. */
const DRAIN_MS = 1_000;

/** What a run holds, undone in reverse order. */
type Undo = () => unknown;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function readNumber(name: string, fallback: number, lowest: number, highest: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= lowest && value <= highest) return value;
  throw new RtcprobeError(
    "ERR_USAGE",
    `${name}=${text} cannot be used`,
    `give a whole number from ${lowest} to ${highest}`,
  );
}

function checkHost(): void {
  if (process.geteuid?.() !== 0) {
    throw new RtcprobeError("ERR_PERMISSION", "the demo makes network namespaces and loads eBPF", "run it as root");
  }
  if (!existsSync(join(ROOT, "dist", "cli.cjs"))) {
    throw new RtcprobeError("ERR_UNAVAILABLE", "rtcprobe is not built", "run: make build");
  }
}

/** The two ends' namespaces, and between them that of the relay. */
async function layCables(network: Network): Promise<{ caller: string; agent: string; relay: string }> {
  const [caller, agent, relay] = [network.add("caller"), network.add("agent"), network.add("relay")];
  const end = (namespace: string, name: string, address: string) => ({
    namespace,
    interface: name,
    addresses: [`${address}/24`],
  });
  await network.join(end(caller, "net", CALLER.address), end(relay, "caller", RELAY_TO_CALLER.address));
  await network.join(end(agent, "net", AGENT.address), end(relay, "agent", RELAY_TO_AGENT.address));
  return { caller, agent, relay };
}

/** The running probe: its latest sample, and a line of it now and then. */
class Watch {
  readonly child: Child;
  latest: Sample | undefined;
  /** Rejects when the probe ends. */
  readonly ended: Promise<never>;

  constructor(child: Child) {
    this.child = child;
    this.ended = this.#read();
    this.ended.catch(() => {}); // whoever needs the probe races with it
  }

  async #read(): Promise<never> {
    for (;;) this.latest = await this.child.read<Sample>();
  }

  /** Resolves once there is a sample taken at or after `time` (ms since the epoch). */
  async sampleAfter(time: number): Promise<Sample> {
    while (this.latest === undefined || this.latest.timestamp < time) {
      await Promise.race([this.ended, sleep(INTERVAL_MS / 5)]);
    }
    return this.latest;
  }

  describe(): string {
    const { streams = [], candidatePairs = [], datagrams } = this.latest ?? {};
    const inbound = streams.flatMap((stream) => (stream.type === "inbound-rtp" ? [stream] : []));
    const shown = inbound.map((stream) => {
      const jitter =
        stream.jitter === undefined ? "jitter not known yet" : `jitter ${(stream.jitter * 1e3).toFixed(1)} ms`;
      return `PT ${stream.payloadType} to ${stream.dstAddress}: ${jitter}, ${stream.packetsLost} lost`;
    });
    const times = candidatePairs.flatMap(({ currentRoundTripTime: time }) => (time === undefined ? [] : [time]));
    if (times.length > 0) shown.push(`RTT ${times.map((time) => (time * 1e3).toFixed(1)).join(" and ")} ms`);
    return `${datagrams?.seen ?? 0} datagrams, ${streams.length} streams; ${shown.join("; ")}`;
  }
}

async function startProbe(cgroup: string, directory: string, seconds: number, undo: Undo[]): Promise<Watch> {
  const config = join(directory, "config.yaml");
  const kept = ["journal", "calls"].map((kind) => `${kind}:\n  directory: ${join(directory, kind)}\n`);
  await writeFile(config, kept.join(""));
  const options = ["--config", config, "--socket", join(directory, "control.sock"), "--cgroup", cgroup];
  const length = ["--interval", `${INTERVAL_MS}ms`, "--duration", `${seconds + 60}s`];
  const command = [process.execPath, PROBE, "run", "--json", "--source", "ebpf", ...options, ...length];
  const watch = new Watch(new Child({ name: "rtcprobe", command, onStderr: (text) => say(text.trimEnd()) }));
  undo.push(() => watch.child.stop());
  await watch.sampleAfter(0);
  return watch;
}

/** A process of the demo, once it has said that it is ready. */
async function startPart(file: string, plan: unknown, namespace: string, cgroup: string | undefined, undo: Undo[]) {
  const command = [process.execPath, ...process.execArgv, join(import.meta.dirname, file), JSON.stringify(plan)];
  const place = cgroup === undefined ? { namespace } : { namespace, cgroup };
  const child = new Child({ name: file, command, onStderr: (text) => say(text.trimEnd()), ...place });
  undo.push(() => child.stop());
  await child.read();
  return child;
}

/** Runs the call to its end. */
async function makeCall(ends: Child[], watch: Watch, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const start = Date.now();
  const show = setInterval(
    () => say(`${Math.round((Date.now() - start) / 1e3)} s: ${watch.describe()}`),
    SHOW_EVERY_MS,
  );
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    for (const end of ends) end.order("start");
    const over = Promise.all(ends.map((end) => end.read())).then(() => sleep(DRAIN_MS));
    await Promise.race([over, watch.ended, stopped]);
  } finally {
    clearInterval(show);
  }
}

async function askReport<Report>(child: Child): Promise<Report> {
  child.order("report");
  return child.read<Report>();
}

/** True if the probe agreed with the truth. */
async function runDemo(plan: CallPlan, signal: AbortSignal, undo: Undo[]): Promise<boolean> {
  const name = `rtcprobe-demo-${process.pid}`;
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  undo.push(() => rm(directory, { recursive: true, force: true }));
  const network = new Network(name);
  undo.push(() => network.close());
  const { caller, agent, relay } = await layCables(network);
  const cgroup = await createCgroup(name);
  undo.push(() => removeCgroup(cgroup));
  signal.throwIfAborted();

  const watch = await startProbe(cgroup, directory, plan.caller.seconds, undo);
  const between = await startPart("relay.ts", plan.relay, relay, undefined, undo);
  const ends = await Promise.all([
    startPart("endpoint.ts", plan.caller, caller, cgroup, undo),
    startPart("endpoint.ts", plan.agent, agent, cgroup, undo),
  ]);
  say(`a call of ${plan.caller.seconds} s: audio and video to the agent, audio back; rtcprobe watches ${cgroup}`);
  await makeCall(ends, watch, signal);
  const sample = await watch.sampleAfter(Date.now());
  const [toCaller, toAgent] = await askReport<[RelayReport, RelayReport]>(between);
  const callerEnd = { name: "caller", sent: await askReport<EndpointReport>(ends[0]), received: toCaller };
  const agentEnd = { name: "agent", sent: await askReport<EndpointReport>(ends[1]), received: toAgent };

  const comparisons = compareCall(callerEnd, agentEnd, sample);
  const datagrams = checkDatagrams([callerEnd, agentEnd], sample);
  process.stdout.write(`${formatComparisons(comparisons)}\n${datagrams.line}\n`);
  const wrong = findDisagreements(comparisons);
  if (!datagrams.holds) wrong.push("the datagrams do not add up");
  for (const line of wrong) say(`rtcprobe: ${line}`);
  if (wrong.length === 0) process.stdout.write("the probe agrees with the truth\n");
  return wrong.length === 0;
}

async function undoAll(undo: Undo[]): Promise<void> {
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (error) {
      say(`rtcprobe: cleaning up: ${(error as Error).message}`);
    }
  }
}

async function main(): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => stop.abort(new RtcprobeError("ERR_CLOSED", `stopped by ${name}`)));
  }
  const undo: Undo[] = [];
  try {
    const plan = planCall(readNumber("DEMO_SEED", 1, 0, 1e9), readNumber("DEMO_SECONDS", 30, 5, 3600));
    checkHost();
    return (await runDemo(plan, stop.signal, undo)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof RtcprobeError)) throw error;
    say(`rtcprobe: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
    return error.code === "ERR_USAGE" ? 2 : 1;
  } finally {
    await undoAll(undo);
  }
}

process.exitCode = await main();
