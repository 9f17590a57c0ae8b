// SPDX-License-Identifier: MIT
/**
 * Which pair of an ICE transport carries its media, and how often that changed. A transport is known by its media: the pair that
 * an SSRC moves to is of the transport that the SSRC was of before.
 */

/** A stream as far as this goes. `pair` is that of its ends. */
export interface Carried<Pair> {
  /** Tells one sender's SSRC from that of others: process, direction, SSRC. */
  key: string;
  pair: Pair;
  /** Clock of the records at its latest packet. */
  lastMs: number;
}

interface Transport<Pair> {
  selected: Pair;
  lastMs: number;
  changes: number;
}

export class Selection<Pair> {
  #transports = new Map<string, Transport<Pair>>();

  /** @returns the changes so far of the transport that each pair with media carries now */
  update(streams: readonly Carried<Pair>[]): Map<Pair, number> {
    const latest = new Map<string, Carried<Pair>>();
    for (const stream of streams) {
      const known = latest.get(stream.key);
      if (known === undefined || stream.lastMs > known.lastMs) latest.set(stream.key, stream);
    }
    const byPair = new Map([...this.#transports.values()].map((transport) => [transport.selected, transport]));
    const next = new Map<string, Transport<Pair>>();
    for (const [key, { pair, lastMs }] of latest) {
      const transport = this.#transports.get(key) ?? byPair.get(pair) ?? { selected: pair, lastMs, changes: 0 };
      if (transport.selected !== pair && lastMs > transport.lastMs) {
        transport.selected = pair;
        transport.changes++;
      }
      if (transport.selected === pair) transport.lastMs = Math.max(transport.lastMs, lastMs);
      byPair.set(transport.selected, transport);
      next.set(key, transport);
    }
    this.#transports = next;
    return new Map([...next.values()].map(({ selected, changes }) => [selected, changes]));
  }
}
