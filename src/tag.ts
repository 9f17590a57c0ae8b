// SPDX-License-Identifier: MIT
/** The tags of streams and pairs, made harmless. */
import { type Endpoints, formatEndpoint, type Owner } from "./origin.js";
import type { ReportStats } from "./rtcp.js";
import type { StreamStats } from "./stats.js";

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

/** Of what is the whole host's. */
export function hostTags(host: string): Tags {
  const tags: Tags = {};
  addTag(tags, "host", host);
  return tags;
}

export interface TagOptions {
  /** Value of the tag `host`. */
  host: string;
  /** A series per stream, told apart by `ssrc`; else the streams between two ends are one series. */
  perStream: boolean;
}

/** Types whose source is the far end. */
const FROM_PEER: readonly string[] = ["inbound-rtp", "remote-outbound-rtp", "inbound-rtcp"];

type Stream = Endpoints & Owner & Pick<StreamStats | ReportStats, "type" | "ssrc">;

export function streamTags(stream: Stream, { host, perStream }: TagOptions): Tags {
  const tags = endpointTags(stream, host, FROM_PEER.includes(stream.type) ? stream.srcAddress : stream.dstAddress);
  if (perStream) tags.ssrc = String(stream.ssrc);
  return tags;
}

/** Peers behind one relay have its 5-tuple in common. */
export function pairTags(pair: Endpoints & Owner, host: string): Tags {
  const tags = endpointTags(pair, host, pair.dstAddress);
  addTag(tags, "turnPeer", pair.turnPeer);
  return tags;
}
