// SPDX-License-Identifier: MIT
/** A feed that holds what it is given, in place of a journal's cursor; and a sink with such a feed. */

import type { DeliveryOptions } from "../src/delivery.js";
import { type InfluxLimits, type InfluxOptions, openInflux } from "../src/influx.js";
import { type Content, countPoints, type Entry, type Feed, type Sink } from "../src/sink.js";

export class MemoryFeed implements Feed {
  readonly lost: Record<string, number> = {};
  readonly entries: Entry[] = [];
  #points = 0;
  #taken = 0;
  #committed = 0;
  #wake = (): void => {};

  write(content: Content): void {
    const points = countPoints(content);
    const number = this.entries.length;
    this.entries.push({ number, pointsBefore: this.#points, points, timestamp: content.timestamp, content });
    this.#points += points;
    this.wake();
  }

  get queued(): number {
    return this.entries.slice(this.#committed).reduce((sum, { points }) => sum + points, 0);
  }

  async take(): Promise<Entry | undefined> {
    const entry = this.entries[this.#taken];
    if (entry !== undefined) this.#taken++;
    return entry;
  }

  commit(entry: Entry): void {
    this.#committed = entry.number + 1;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }

  close(): void {
    this.wake();
  }
}

export interface FedSink extends Sink {
  write(content: Content): void;
}

/** An InfluxDB sink over a feed of its own. */
export function feedInflux(
  options: InfluxOptions,
  say: (line: string) => void,
  limits: Partial<InfluxLimits> = {},
  changes: Partial<DeliveryOptions> = {},
): FedSink {
  const feed = new MemoryFeed();
  const delivery = { name: "influxdb", feed, host: "h1", perStream: true, say, ...changes };
  const sink = openInflux(options, delivery, { batchMs: 0, ...limits });
  return {
    name: sink.name,
    status: () => sink.status(),
    close: (deadlineMs) => sink.close(deadlineMs),
    write: (content) => feed.write(content),
  };
}
