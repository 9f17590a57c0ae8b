// SPDX-License-Identifier: MIT
/** What the lines of one stream or pair have in common, remembered: making it costs as much as the rest of a line. */
import { formatSeries } from "./line.js";
import type { Endpoints, Owner } from "./stats.js";
import type { Tags } from "./tag.js";

export interface Series {
  /** Measurement and tags. */
  readonly text: string;
}

type Named = Partial<Endpoints & Owner>;

interface Entry {
  of: Named;
  series: Series;
}

/** By measurement, and by a number that few share. */
type Shelf = Map<string, Map<number, Entry[]>>;

/** After so many samples that it is in none of, a stream is forgotten; or after twice as many. */
const MEMORY_SAMPLES = 60;

function isSame(a: Named, b: Named): boolean {
  return (
    a.srcPort === b.srcPort &&
    a.dstPort === b.dstPort &&
    a.srcAddress === b.srcAddress &&
    a.dstAddress === b.dstAddress &&
    a.turnChannel === b.turnChannel &&
    a.turnPeer === b.turnPeer &&
    a.comm === b.comm &&
    a.cgroup === b.cgroup
  );
}

function entriesOf(shelf: Shelf, measurement: string, number: number): Entry[] {
  const byNumber = shelf.get(measurement) ?? new Map<number, Entry[]>();
  const entries = byNumber.get(number);
  if (entries !== undefined) return entries;
  const added: Entry[] = [];
  shelf.set(measurement, byNumber.set(number, added));
  return added;
}

function makeSeries(measurement: string, tags: Tags): Series {
  return { text: formatSeries({ measurement, tags }) };
}

export class SeriesBook {
  #recent: Shelf = new Map();
  #older: Shelf = new Map();
  #samples = 0;

  /** Another sample begins. */
  turn(): void {
    if (++this.#samples % MEMORY_SAMPLES > 0) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }

  /** @param number - what tells the most of them apart, and is in the tags that `makeTags` gives: SSRC or port */
  find(measurement: string, number: number, of: Named, makeTags: () => Tags): Series {
    const entries = entriesOf(this.#recent, measurement, number);
    for (const entry of entries) if (isSame(entry.of, of)) return entry.series;
    const older = this.#older.get(measurement)?.get(number) ?? [];
    const known = older.find((entry) => isSame(entry.of, of));
    let series = known?.series ?? makeSeries(measurement, makeTags());
    // Names that differ may be the same once they are harmless: then they are one series.
    const { text } = series;
    series = [...entries, ...older].find((entry) => entry.series.text === text)?.series ?? series;
    const { srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, comm, cgroup } = of;
    entries.push({
      of: { srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, comm, cgroup } as Named,
      series,
    });
    return series;
  }
}
