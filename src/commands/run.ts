// SPDX-License-Identifier: MIT
import { loadConfig } from "../config.js";
import { runDaemon } from "../daemon.js";
import { RtcprobeError } from "../errors.js";
import type { Health } from "../health.js";
import type { Sample } from "../stats.js";
import { viewSample } from "../view.js";
import type { CommandContext, Flags } from "./context.js";
import { readDurationFlag } from "./flag.js";

export interface RunFlags extends Flags {
  duration?: string;
  live?: boolean;
}

/** Without media for so long, say how to get some; milliseconds. */
const NO_MEDIA_MS = 10_000;
const NO_MEDIA = "no media seen yet: join a call on this host, or run `make demo` in another terminal";

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
  const duration = readDurationFlag("--duration", flags.duration, "1ms");
  const load = () => loadConfig({ flags, env, path: flags.config });
  let config = await load();
  if ((flags.json || flags.live) && config.sinks.some(({ type }) => type === "stdout")) {
    const hint = "leave out --json and --live, or the sink of type stdout";
    throw new RtcprobeError("ERR_USAGE", "two things would be written to standard output", hint);
  }
  const show = flags.live ? drawLive(context) : (sample: Sample) => output.line(JSON.stringify(sample));
  const stop = context.stopSignal();
  const lost = new AbortController();
  if (!flags.json && !flags.live) {
    context.onOutputLoss(() => {
      if (config.sinks.every(({ type }) => type === "stdout") && !stop.aborted) lost.abort();
    });
  }
  await runDaemon({
    config,
    version,
    duration,
    say,
    signal: AbortSignal.any([stop, lost.signal]),
    writeText: (text) => output.text(text),
    onReload: (listener) => context.onHangup(listener),
    loadConfig: async () => {
      config = await load();
      return config;
    },
    onReady(health) {
      const sinks = health.sinks.map((sink) => sink.name).join(", ");
      say(`watching ${describeSource(health)}; samples go to ${sinks}; control socket ${config.socket}`);
    },
    ...(flags.json || flags.live ? { onSample: show } : {}),
  });
  if (lost.signal.aborted) {
    const hint = "start the daemon again with a reader";
    throw new RtcprobeError("ERR_SINK", "the only sink, standard output, cannot be written any more", hint);
  }
}
