// SPDX-License-Identifier: MIT
/** The loop: a sample each interval, to every sink and to whoever asks on the control socket. */
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { CallBook } from "./call/book.js";
import { type CallService, openCalls } from "./callservice.js";
import { CgroupTree, findCgroupRoot } from "./cgroup.js";
import type { Config } from "./config.js";
import { type Controlled, openControl } from "./control.js";
import { readCost } from "./cost.js";
import type { RtcprobeError } from "./errors.js";
import { checkConservation, type Health, type SourceHealth } from "./health.js";
import type { WriteText } from "./linefile.js";
import { freePath } from "./listener.js";
import type { HookProbe } from "./native.js";
import { ProcessFinder } from "./owner.js";
import { HOOK_PROBES, listProbes, type ProbeState } from "./probes.js";
import { Sampler } from "./sampler.js";
import { type LiveSource, openLive, switchProbes } from "./source.js";
import { type ColumnSample, type Sample, toSample } from "./stats.js";
import { type Change, openStore, type Store, type StoreOptions } from "./store.js";

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
  /** Where a sink of type stdout writes. */
  writeText?: WriteText | undefined;
  /** Calls the listener whenever the configuration is to be read anew, which `loadConfig` does. */
  onReload?(listener: () => void): void;
  loadConfig?(): Promise<Config>;
}

/** What a running daemon takes over of a configuration that is read anew, and the settings that need another start. */
function adoptConfig(before: Config, after: Config): { config: Config; fixed: string[] } {
  const { interval, probes, host, sinks, daily, calls } = after;
  const { host: _, daily: __, ...kept } = before;
  const config: Config = {
    ...kept,
    interval,
    probes,
    sinks,
    calls: { ...calls, directory: before.calls.directory },
    ...(host === undefined ? {} : { host }),
    ...(daily === undefined ? {} : { daily }),
  };
  const names = new Set([...Object.keys(before), ...Object.keys(after)] as (keyof Config)[]);
  const fixed = [...names].filter((name) => !isDeepStrictEqual(config[name], after[name]));
  return { config, fixed: fixed.map((name) => (name === "calls" ? "calls.directory" : name)) };
}

function storeOptions({ journal, host = hostname() }: Config, { say, writeText }: DaemonOptions): StoreOptions {
  const { directory, maxBytes, maxAge } = journal;
  return { journal: { directory, maxBytes, maxAgeMs: maxAge }, host, say, writeText };
}

async function makeSampler(live: LiveSource, { codecs }: Config): Promise<Sampler> {
  // Packets tell no socket, so there is nobody to look for.
  if (live.kind === "packet") return new Sampler(live.source, { codecs, retireIdle: true });
  const owners = new ProcessFinder(new CgroupTree(await findCgroupRoot()));
  return new Sampler(live.source, { owners, codecs, retireIdle: true });
}

class Daemon implements Controlled {
  readonly #live: LiveSource;
  readonly #sampler: Sampler;
  readonly #store: Store;
  readonly #callService: CallService;
  readonly #options: DaemonOptions;
  readonly #startMs = performance.now();
  #config: Config;
  #latest: ColumnSample;
  #clockSteps = 0;
  #samples = 0;
  #failures = 0;
  #failing = false;
  #lastError: string | undefined;

  constructor(
    live: LiveSource,
    sampler: Sampler,
    first: ColumnSample,
    outlets: { store: Store; callService: CallService },
    options: DaemonOptions,
  ) {
    this.#live = live;
    this.#sampler = sampler;
    this.#latest = first;
    first.streams.hold();
    this.#store = outlets.store;
    this.#callService = outlets.callService;
    this.#options = options;
    this.#config = options.config;
  }

  get calls(): CallBook {
    return this.#callService.calls;
  }

  sample(): Sample {
    return toSample(this.#latest);
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
    const { version } = this.#options;
    const { streams, candidatePairs, datagrams } = this.#latest;
    const source = this.#sourceHealth();
    return {
      version,
      pid: process.pid,
      uptimeSeconds: (performance.now() - this.#startMs) / 1000,
      intervalSeconds: this.#config.interval / 1000,
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
      sinks: this.#store.status(),
      calls: this.calls.counts(),
      cost: readCost(source.programIds ?? []),
    };
  }

  #sourceHealth(): SourceHealth {
    const live = this.#live;
    if (live.kind === "ebpf") return { kind: "ebpf", cgroup: live.cgroup, programIds: live.source.programIds() };
    const chosen = live.interface === undefined ? {} : { interface: live.interface };
    return { kind: "packet", ...chosen, framesMissed: live.source.framesMissed() };
  }

  /** Takes over what it can of the configuration as it is now, or nothing. The source stays open, so no stream is lost. */
  async reload(load: () => Promise<Config>): Promise<void> {
    const { say } = this.#options;
    try {
      const { config, fixed } = adoptConfig(this.#config, await load());
      await this.#adopt(config);
      say(`the configuration is read anew${fixed.length > 0 ? `; ${fixed.join(", ")}: restart for these` : ""}`);
    } catch (error) {
      const { message, hint } = error as RtcprobeError;
      say(`the configuration cannot be taken over: ${message}${hint === undefined ? "" : `; ${hint}`}`);
    }
  }

  /** @throws RtcprobeError, and then all is as it was */
  async #adopt(config: Config): Promise<void> {
    const changes: Change[] = [];
    try {
      changes.push(await this.#store.prepare(config.sinks, config.host ?? hostname(), FLUSH_MS));
      changes.push(await this.#callService.prepare(config));
      // Last of what can fail: it is done when it does not.
      if (!isDeepStrictEqual(config.probes, this.#config.probes)) {
        const probes = HOOK_PROBES.filter((name) => config.probes.includes(name));
        switchProbes(this.#live, probes);
      }
    } catch (error) {
      for (const change of changes) await change.discard();
      throw error;
    }
    this.#config = config;
    for (const change of changes) await change.apply();
  }

  #noteClock(): void {
    const { clockSteps, lastStepMs } = this.#sampler;
    if (clockSteps === this.#clockSteps) return;
    this.#clockSteps = clockSteps;
    const seconds = (lastStepMs / 1000).toFixed(3);
    this.#options.say(`the system clock was set by ${seconds} s; the time of the samples does not go back`);
  }

  /** Samples each interval on a fixed grid; a sample that comes late leaves out those it has run over. */
  async run(): Promise<void> {
    const { signal, duration } = this.#options;
    const start = performance.now();
    const end = start + (duration ?? Number.POSITIVE_INFINITY);
    for (let tick = start; ; ) {
      const { interval } = this.#config;
      tick += interval * Math.max(1, Math.ceil((performance.now() - tick) / interval));
      // Sums of fractions: the last tick may miss the end by less than anybody can measure.
      const due = tick < end - 1 ? tick : end;
      await sleep(due - performance.now(), undefined, { signal }).catch(() => undefined);
      await this.#takeSample();
      if (signal.aborted || due === end) return;
    }
  }

  /** A failure does not end the daemon: it is said once, until a sample succeeds again. */
  async #takeSample(): Promise<void> {
    const { say, onSample } = this.#options;
    try {
      const next = await this.#sampler.measure();
      next.streams.hold();
      this.#latest.streams.release();
      this.#latest = next;
    } catch (error) {
      this.#failures++;
      this.#lastError = (error as Error).message;
      if (!this.#failing) say(`cannot take a sample: ${this.#lastError}; trying again each interval`);
      this.#failing = true;
      return;
    }
    this.#failing = false;
    this.#samples++;
    this.#store.append(this.#latest);
    this.#noteClock();
    if (onSample === undefined && this.calls.counts().active === 0) return;
    const sample = this.sample();
    this.calls.addSample(sample);
    onSample?.(sample);
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
    const live = await openLive(config, say);
    closers.push(() => live.source.close());
    const store = await openStore(storeOptions(config, options), config.sinks);
    // Closed last: the flush takes time, and the probe is detached by then.
    closers.unshift(() => store.close(FLUSH_MS));
    const sampler = await makeSampler(live, config);
    const callService = await openCalls(config, store, say);
    closers.push(() => callService.close());
    const daemon = new Daemon(live, sampler, await sampler.measure(), { store, callService }, options);
    const control = await openControl(config.socket, daemon, say);
    closers.push(() => control.close());
    const { loadConfig } = options;
    let reloading = Promise.resolve();
    if (loadConfig) {
      options.onReload?.(() => {
        reloading = reloading.then(() => daemon.reload(loadConfig));
      });
    }
    closers.push(() => reloading);
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
