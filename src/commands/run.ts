// SPDX-License-Identifier: MIT
import { loadConfig } from "../config.js";
import { runDaemon } from "../daemon.js";
import { parseDuration } from "../duration.js";
import { RtcprobeError } from "../errors.js";
import type { Health } from "../health.js";
import type { Sample } from "../stats.js";
import { viewSample } from "../view.js";
import type { CommandContext, Flags } from "./context.js";

export interface RunFlags extends Flags {
  duration?: string;
  live?: boolean;
}

/** Without media for so long, say how to get some; milliseconds. */
const NO_MEDIA_MS = 10_000;
const NO_MEDIA = "no media seen yet: join a call on this host, or run `make demo` in another terminal";

/**
 * A duration given by this flag.
 * @throws RtcprobeError ERR_USAGE
 */
function readDuration(text: string): number {
  try {
    const ms = parseDuration(text);
    if (ms > 0 && ms < 2 ** 31) return ms;
  } catch (error) {
    const { message, hint } = error as RtcprobeError;
    throw new RtcprobeError("ERR_USAGE", `--duration: ${message}`, hint);
  }
  throw new RtcprobeError("ERR_USAGE", `--duration: ${text} is out of range`, "give more than 0 and less than 24d");
}

function describeSource({ source }: Health): string {
  if (source.kind === "ebpf") return `eBPF on cgroup ${source.cgroup}`;
  return `packets of ${source.interface ? `interface ${source.interface}` : "all interfaces"}`;
}

/** Redraws the table with each sample. */
function drawLive({ output, say }: CommandContext): (sample: Sample) => void {
  const start = performance.now();
  let sawMedia = false;
  let told = false;
  return (sample) => {
    sawMedia ||= sample.streams.length > 0;
    const missing = !sawMedia && performance.now() - start >= NO_MEDIA_MS;
    output.draw([...viewSample(sample, output.emphasise), ...(missing && output.isTerminal ? ["", NO_MEDIA] : [])]);
    if (missing && !told) say(NO_MEDIA);
    told ||= missing;
  };
}

/**
 * The daemon, in the foreground, until it is told to stop.
 * @throws RtcprobeError when it cannot begin
 */
export async function runCommand(context: CommandContext, flags: RunFlags): Promise<void> {
  const { output, say, version, env } = context;
  if (flags.json && flags.live) {
    throw new RtcprobeError("ERR_USAGE", "--json and --live exclude each other", "give one of them");
  }
  const duration = flags.duration === undefined ? undefined : readDuration(flags.duration);
  const config = await loadConfig({ flags, env, path: flags.config });
  const show = flags.live ? drawLive(context) : (sample: Sample) => output.line(JSON.stringify(sample));
  await runDaemon({
    config,
    version,
    duration,
    say,
    signal: context.stopSignal(),
    onReady(health) {
      const sinks = health.sinks.map((sink) => sink.name).join(", ");
      say(`watching ${describeSource(health)}; samples go to ${sinks}; control socket ${config.socket}`);
    },
    ...(flags.json || flags.live ? { onSample: show } : {}),
  });
  if (output.leftOut > 0) say(`${output.leftOut} lines were left out, because their reader was too slow`);
}
