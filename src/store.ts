// SPDX-License-Identifier: MIT
/** The journal and the sinks over it, as configured, and as configured anew. */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Target } from "./delivery.js";
import { type Journal, type JournalOptions, type JournalStatus, openJournal } from "./journal.js";
import type { WriteText } from "./linefile.js";
import type { Lines } from "./lines.js";
import type { Content, Feed, Sink, SinkStatus } from "./sink.js";
import type { SinkConfig } from "./sinkconfig.js";

export interface StoreOptions {
  journal: JournalOptions;
  /** Value of the tag `host`. */
  host: string;
  say(line: string): void;
  /** Where a sink of type stdout writes. */
  writeText?: WriteText | undefined;
}

/** Bytes of the refused points that are kept for a person to look at, per sink. */
const REFUSED_BYTES = 2 ** 20;

/** What a configuration changes, to be taken over at once: all of it that can fail is done. */
export interface Change {
  /** Never rejects. */
  apply(): Promise<void>;
  /** It is not to be applied. */
  discard(): void | Promise<void>;
}

interface PreparedSink {
  config: SinkConfig;
  open(feed: Feed): Sink;
  /** It is not to be opened. */
  discard(): void;
}

/** @throws RtcprobeError ERR_CONFIG */
async function makeTarget(config: SinkConfig, { writeText }: StoreOptions): Promise<Target> {
  const { FileTarget, StreamTarget } = await import("./linefile.js");
  switch (config.type) {
    case "influxdb": {
      const { makeInfluxTarget } = await import("./influx.js");
      return makeInfluxTarget(config.influx);
    }
    case "file":
      return new FileTarget(config.path, config.maxBytes);
    case "stdout":
      return new StreamTarget(writeText ?? (() => Promise.reject(new Error("no standard output"))));
  }
}

/** @throws RtcprobeError ERR_CONFIG */
async function prepareSink(config: SinkConfig, options: StoreOptions): Promise<PreparedSink> {
  // InfluxDB's client is memory that a journal does not need.
  const { Delivery, DELIVERY_LIMITS } = await import("./delivery.js");
  const { formatRefused, LineFile } = await import("./linefile.js");
  const target = await makeTarget(config, options);
  const { host, journal, say } = options;
  const { name, perStream } = config;
  const refused = new LineFile(join(journal.directory, `${name}.refused`), REFUSED_BYTES);
  const quarantine = (lines: Lines, reason: string): Promise<void> =>
    refused.append(formatRefused(lines, reason)).catch(() => undefined);
  const delivery = { name, host, perStream, say, target, limits: DELIVERY_LIMITS, quarantine };
  return { config, open: (feed) => new Delivery({ ...delivery, feed }), discard: () => target.close() };
}

/** Opens one sink. @throws RtcprobeError ERR_CONFIG */
export async function openSink(config: SinkConfig, feed: Feed, options: StoreOptions): Promise<Sink> {
  return (await prepareSink(config, options)).open(feed);
}

interface OpenSink {
  config: SinkConfig;
  sink: Sink;
}

export class Store {
  readonly #journal: Journal;
  readonly #options: StoreOptions;
  #sinks: OpenSink[] = [];

  constructor(journal: Journal, options: StoreOptions) {
    this.#journal = journal;
    this.#options = options;
  }

  /** To the journal, and by it to every sink. Never throws, never blocks. */
  append(content: Content): void {
    this.#journal.append(content);
  }

  /** As append, and resolves when it is written: the process may be killed then. To false when it cannot be for now. */
  keep(content: Content): Promise<boolean> {
    this.#journal.append(content);
    return this.#journal.settle();
  }

  /** The journal's first. */
  status(): (JournalStatus | SinkStatus)[] {
    return [this.#journal.status(), ...this.#sinks.map(({ sink }) => sink.status())];
  }

  /**
   * Makes the sinks that are new or configured otherwise. Applied, it closes those that are configured no more or otherwise; a sink
   * whose name stays goes on where it stood.
   * @throws RtcprobeError ERR_CONFIG, and then all is as it was
   */
  async prepare(configs: readonly SinkConfig[], host: string, flushMs: number): Promise<Change> {
    const options = { ...this.#options, host };
    const sameHost = host === this.#options.host;
    const stays = ({ config }: OpenSink) => sameHost && configs.some((wanted) => isDeepStrictEqual(wanted, config));
    const staying = this.#sinks.filter(stays);
    const made: PreparedSink[] = [];
    const discard = () => {
      for (const sink of made) sink.discard();
    };
    try {
      for (const config of configs) {
        if (!staying.some((open) => open.config.name === config.name)) made.push(await prepareSink(config, options));
      }
    } catch (error) {
      discard();
      throw error;
    }
    const apply = async () => {
      const ending = this.#sinks.filter((open) => !stays(open));
      await Promise.all(ending.map(({ sink }) => sink.close(flushMs)));
      const opened = made.map(({ config, open }) => ({ config, sink: open(this.#journal.openCursor(config.name)) }));
      this.#sinks = [...staying, ...opened];
      this.#options.host = host;
    };
    return { apply, discard };
  }

  /** Sinks and journal have so many milliseconds each; what is not sent by then stays in the journal. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#sinks.map(({ sink }) => sink.close(deadlineMs)));
    await this.#journal.close(deadlineMs);
  }
}

/** @throws RtcprobeError ERR_JOURNAL, ERR_CONFIG */
export async function openStore(options: StoreOptions, configs: readonly SinkConfig[]): Promise<Store> {
  const store = new Store(await openJournal(options.journal, options.say), options);
  try {
    const change = await store.prepare(configs, options.host, 0);
    await change.apply();
  } catch (error) {
    await store.close(0);
    throw error;
  }
  return store;
}
