// SPDX-License-Identifier: MIT
/** The journal and the sinks over it, as configured, and as configured anew. */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Journal, type JournalOptions, type JournalStatus, openJournal } from "./journal.js";
import type { WriteText } from "./linefile.js";
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

/** Opens one sink. @throws RtcprobeError ERR_CONFIG */
export async function openSink(config: SinkConfig, feed: Feed, options: StoreOptions): Promise<Sink> {
  // InfluxDB's client is memory that a journal does not need.
  const { Delivery, DELIVERY_LIMITS } = await import("./delivery.js");
  const { FileTarget, formatRefused, LineFile, StreamTarget } = await import("./linefile.js");
  const { host, journal, say, writeText } = options;
  const { name, perStream } = config;
  const refused = new LineFile(join(journal.directory, `${name}.refused`), REFUSED_BYTES);
  const delivery = { name, feed, host, perStream, say };
  switch (config.type) {
    case "influxdb": {
      const { openInflux } = await import("./influx.js");
      return openInflux(config.influx, {
        ...delivery,
        quarantine: (lines, reason) => refused.append(formatRefused(lines, reason)).catch(() => undefined),
      });
    }
    case "file":
      return new Delivery({
        ...delivery,
        target: new FileTarget(config.path, config.maxBytes),
        limits: DELIVERY_LIMITS,
      });
    case "stdout":
      return new Delivery({
        ...delivery,
        target: new StreamTarget(writeText ?? (() => Promise.reject(new Error("no standard output")))),
        limits: DELIVERY_LIMITS,
      });
  }
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
   * Closes the sinks that are configured no more or otherwise, and opens those that are new. A sink whose name stays goes on
   * where it stood.
   * @throws RtcprobeError ERR_CONFIG, and then all is as it was but for the sinks that were closed
   */
  async configure(configs: readonly SinkConfig[], host: string, flushMs: number): Promise<void> {
    const sameHost = host === this.#options.host;
    this.#options.host = host;
    const stays = ({ config }: OpenSink) => sameHost && configs.some((wanted) => isDeepStrictEqual(wanted, config));
    const ending = this.#sinks.filter((open) => !stays(open));
    this.#sinks = this.#sinks.filter(stays);
    await Promise.all(ending.map(({ sink }) => sink.close(flushMs)));
    for (const config of configs) {
      if (this.#sinks.some((open) => open.config.name === config.name)) continue;
      const feed = this.#journal.openCursor(config.name);
      try {
        this.#sinks.push({ config, sink: await openSink(config, feed, this.#options) });
      } catch (error) {
        feed.close();
        throw error;
      }
    }
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
    await store.configure(configs, options.host, 0);
  } catch (error) {
    await store.close(0);
    throw error;
  }
  return store;
}
