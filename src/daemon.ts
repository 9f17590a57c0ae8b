// SPDX-License-Identifier: MIT
/** The loop: a sample each interval, to every sink and to whoever asks on the control socket. */
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { CgroupTree, findCgroupRoot } from "./cgroup.js";
import type { Config } from "./config.js";
import { type Controlled, openControl } from "./control.js";
import { readCost } from "./cost.js";
import { checkConservation, type Health, type SourceHealth } from "./health.js";
import { openInflux } from "./influx.js";
import { openJournal } from "./journal.js";
import { freePath } from "./listener.js";
import type { HookProbe } from "./native.js";
import { ProcessFinder } from "./owner.js";
import { listProbes, type ProbeState } from "./probes.js";
import { Sampler } from "./sampler.js";
import type { Sink } from "./sink.js";
import { type LiveSource, openLive, switchProbes } from "./source.js";
import type { Sample } from "./stats.js";

/** Time the sinks have to write what is queued when the daemon stops; milliseconds. */
const FLUSH_MS = 5000;

export interface DaemonOptions {
  config: Config;
  version: string;
  /** Aborted: a last sample, then the end. */
  signal: AbortSignal;
  /** Milliseconds after which it ends by itself. */
  duration?: number | undefined;
  /** Once everything is open. */
  onReady?(health: Health): void;
  onSample?(sample: Sample): void;
  /** Takes one line for the operator. */
  say(line: string): void;
}

function openSinks({ journal, influx, host = hostname() }: Config, say: (line: string) => void): Sink[] {
  if (influx !== undefined) return [openInflux({ ...influx, host }, say)];
  const { directory, maxBytes, maxAge } = journal;
  return [openJournal({ directory, maxBytes, maxAgeMs: maxAge }, say)];
}

async function makeSampler(live: LiveSource): Promise<Sampler> {
  // Packets tell no socket, so there is nobody to look for.
  if (live.kind === "packet") return new Sampler(live.source, { retireIdle: true });
  const owners = new ProcessFinder(new CgroupTree(await findCgroupRoot()));
  return new Sampler(live.source, { owners, retireIdle: true });
}

class Daemon implements Controlled {
  readonly #live: LiveSource;
  readonly #sampler: Sampler;
  readonly #sinks: readonly Sink[];
  readonly #options: DaemonOptions;
  readonly #startMs = performance.now();
  #latest: Sample;
  #samples = 0;
  #failures = 0;
  #failing = false;
  #lastError: string | undefined;

  constructor(live: LiveSource, sampler: Sampler, first: Sample, sinks: readonly Sink[], options: DaemonOptions) {
    this.#live = live;
    this.#sampler = sampler;
    this.#latest = first;
    this.#sinks = sinks;
    this.#options = options;
  }

  sample(): Sample {
    return this.#latest;
  }

  probes(): ProbeState[] {
    return listProbes(this.#live.source.probes());
  }

  switchProbes(enable: readonly HookProbe[], disable: readonly HookProbe[]): void {
    const wanted = new Set([...this.#live.source.probes(), ...enable]);
    for (const name of disable) wanted.delete(name);
    switchProbes(this.#live, [...wanted]);
  }

  health(): Health {
    const { config, version } = this.#options;
    const { streams, candidatePairs, datagrams } = this.#latest;
    const source = this.#sourceHealth();
    return {
      version,
      pid: process.pid,
      uptimeSeconds: (performance.now() - this.#startMs) / 1000,
      intervalSeconds: config.interval / 1000,
      source,
      probes: this.probes(),
      streams: streams.length,
      candidatePairs: candidatePairs.length,
      samples: this.#samples,
      sampleFailures: this.#failures,
      clockSteps: this.#sampler.clockSteps,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      datagrams,
      conservation: checkConservation(datagrams),
      sinks: this.#sinks.map((sink) => sink.status()),
      cost: readCost(source.programIds ?? []),
    };
  }

  #sourceHealth(): SourceHealth {
    const live = this.#live;
    if (live.kind === "ebpf") return { kind: "ebpf", cgroup: live.cgroup, programIds: live.source.programIds() };
    const chosen = live.interface === undefined ? {} : { interface: live.interface };
    return { kind: "packet", ...chosen, framesMissed: live.source.framesMissed() };
  }

  /** Samples each interval on a fixed grid; a sample that comes late leaves out those it has run over. */
  async run(): Promise<void> {
    const { config, signal, duration } = this.#options;
    const start = performance.now();
    const end = start + (duration ?? Number.POSITIVE_INFINITY);
    for (let tick = start; ; ) {
      tick += config.interval * Math.max(1, Math.ceil((performance.now() - tick) / config.interval));
      const due = Math.min(tick, end);
      await sleep(due - performance.now(), undefined, { signal }).catch(() => undefined);
      await this.#takeSample();
      if (signal.aborted || due === end) return;
    }
  }

  /** A failure does not end the daemon: it is said once, until a sample succeeds again. */
  async #takeSample(): Promise<void> {
    const { say, onSample } = this.#options;
    try {
      this.#latest = await this.#sampler.sample();
    } catch (error) {
      this.#failures++;
      this.#lastError = (error as Error).message;
      if (!this.#failing) say(`cannot take a sample: ${this.#lastError}; trying again each interval`);
      this.#failing = true;
      return;
    }
    this.#failing = false;
    this.#samples++;
    for (const sink of this.#sinks) sink.write(this.#latest);
    onSample?.(this.#latest);
  }
}

/**
 * Runs until the signal is aborted or the duration is over; then takes a last sample, detaches, flushes and leaves no
 * socket behind.
 * @throws RtcprobeError when it cannot begin
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { config, say } = options;
  const closers: (() => void | Promise<void>)[] = [];
  try {
    await freePath(config.socket);
    const sinks = openSinks(config, say);
    closers.push(async () => {
      await Promise.all(sinks.map((sink) => sink.close(FLUSH_MS)));
    });
    const live = await openLive(config, say);
    closers.push(() => live.source.close());
    const sampler = await makeSampler(live);
    const daemon = new Daemon(live, sampler, await sampler.sample(), sinks, options);
    const control = await openControl(config.socket, daemon);
    closers.push(() => control.close());
    options.onReady?.(daemon.health());
    await daemon.run();
  } finally {
    for (const close of closers.reverse()) {
      await Promise.resolve()
        .then(close)
        .catch((error: Error) => say(`could not end cleanly: ${error.message}`));
    }
  }
}
