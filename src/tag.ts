// SPDX-License-Identifier: MIT
/** The tags of streams and pairs, made harmless; and remembered, for making them costs as much as the rest of a point. */
import type { Endpoints, Owner } from "./stats.js";

/** The usual names, which need no closer look. */
const PLAIN = /^[\w./:@-]+$/;

/**
 * A tag value that line protocol carries unchanged, or undefined for the empty one, which it cannot carry. The names of
 * processes and cgroups are an attacker's input: a newline would begin a point of his own, a backslash at the end would eat
 * the next comma, and the client doubles one before a quote. Such characters become U+FFFD; other backslashes stay, for
 * systemd escapes the names of units with them.
 */
export function sanitizeTag(text: string): string | undefined {
  if (PLAIN.test(text)) return text;
  const value = text.toWellFormed().replace(/\p{Cc}|\\(?='|$)/gu, "\ufffd");
  return value === "" ? undefined : value;
}

export type Tags = Record<string, string>;

export function addTag(tags: Tags, name: string, text: string | undefined): void {
  const value = text === undefined ? undefined : sanitizeTag(text);
  if (value !== undefined) tags[name] = value;
}

/** "192.0.2.1:5004" or "[2001:db8::1]:5004". */
function formatEndpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function endpointTags(stats: Endpoints & Owner, host: string, peer: string): Tags {
  const tags: Tags = {
    src: formatEndpoint(stats.srcAddress, stats.srcPort),
    dst: formatEndpoint(stats.dstAddress, stats.dstPort),
    peer,
  };
  if (stats.turnChannel !== undefined) tags.turnChannel = String(stats.turnChannel);
  addTag(tags, "host", host);
  addTag(tags, "comm", stats.comm);
  addTag(tags, "cgroup", stats.cgroup);
  return tags;
}

/** A series of points: its tags, and what tells it from others of one host. */
export interface Series {
  key: string;
  tags: Tags;
}

type Named = Endpoints & Owner & { type: string };

/** After so many samples that it is in none of, a stream is forgotten; or after twice as many. */
const MEMORY_SAMPLES = 60;

/** The series that were met lately. The same object each time, so that others can remember what they made of it. */
export class SeriesBook {
  #recent = new Map<string, Series>();
  #older = new Map<string, Series>();
  #samples = 0;

  /** Another sample begins. */
  turn(): void {
    if (++this.#samples % MEMORY_SAMPLES !== 0) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }

  find(stats: Named, ssrc: number | undefined, makeTags: () => Tags): Series {
    const { type, srcAddress, srcPort, dstAddress, dstPort, turnChannel, comm, cgroup } = stats;
    // Names may hold anything, also what stands between them here; their lengths cannot.
    const owner = `${comm?.length} ${cgroup?.length} ${comm}${cgroup}`;
    const name = `${type} ${ssrc} ${srcAddress} ${srcPort} ${dstAddress} ${dstPort} ${turnChannel} ${owner}`;
    let series = this.#recent.get(name);
    if (series === undefined) {
      series = this.#older.get(name) ?? makeSeries(type, makeTags());
      this.#recent.set(name, series);
    }
    return series;
  }
}

/** What a server tells points of one time and host apart by. No tag holds a newline. */
function makeSeries(type: string, tags: Tags): Series {
  const { src, dst, turnChannel, ssrc, comm, cgroup } = tags;
  return { key: `${type}\n${src}\n${dst}\n${turnChannel}\n${ssrc}\n${comm}\n${cgroup}`, tags };
}
