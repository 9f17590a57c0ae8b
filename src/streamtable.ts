// SPDX-License-Identifier: MIT
/**
 * The streams of one sample, a column per stat. An object per stream and sample is what V8 has to make, move and clear away: of
 * all that a sample costs, the most.
 */
import type { Endpoints, Owner } from "./origin.js";

/** Who a stream is; the same object for as long as nothing of it changes. */
export interface StreamIdentity extends Endpoints, Owner {
  type: "inbound-rtp" | "outbound-rtp";
  ssrc: number;
}

/** NaN is what was not measured. */
export type NumberColumn = Float64Array;
export type TextColumn = (string | undefined)[];

/** Streams in their order, and as columns what is said of them in every sample. */
export class Roster {
  readonly who: readonly StreamIdentity[];
  /** 1: it is sent by this host. */
  readonly isSent: Uint8Array;
  readonly numbers: ReadonlyMap<string, NumberColumn>;
  readonly texts: ReadonlyMap<string, TextColumn>;

  constructor(who: readonly StreamIdentity[]) {
    this.who = who;
    this.isSent = Uint8Array.from(who, ({ type }) => (type === "outbound-rtp" ? 1 : 0));
    this.numbers = new Map([
      ["ssrc", Float64Array.from(who, ({ ssrc }) => ssrc)],
      ["srcPort", Float64Array.from(who, ({ srcPort }) => srcPort)],
      ["dstPort", Float64Array.from(who, ({ dstPort }) => dstPort)],
      ["turnChannel", Float64Array.from(who, ({ turnChannel = Number.NaN }) => turnChannel)],
      ["pid", Float64Array.from(who, ({ pid = Number.NaN }) => pid)],
    ]);
    this.texts = new Map([
      ["type", who.map(({ type }) => type)],
      ["srcAddress", who.map(({ srcAddress }) => srcAddress)],
      ["dstAddress", who.map(({ dstAddress }) => dstAddress)],
      ["turnPeer", who.map(({ turnPeer }) => turnPeer)],
      ["relay", who.map(({ relay }) => relay)],
      ["comm", who.map(({ comm }) => comm)],
      ["cgroup", who.map(({ cgroup }) => cgroup)],
    ]);
  }
}

export class StreamTable {
  /** Of whom row i is: the same as that of the sample before, if it is of the same streams. */
  readonly roster: Roster;
  /** By the names of stats. */
  readonly numbers: Map<string, NumberColumn>;
  readonly texts: Map<string, TextColumn>;

  constructor(roster: Roster, { numbers, texts }: Partial<Columns> = {}) {
    this.roster = roster;
    this.numbers = new Map(numbers);
    this.texts = new Map(texts);
  }

  get length(): number {
    return this.roster.who.length;
  }

  /** The column of that name, which is made if there is none. */
  number(name: string): NumberColumn {
    let column = this.numbers.get(name);
    if (column === undefined) {
      column = new Float64Array(this.length).fill(Number.NaN);
      this.numbers.set(name, column);
    }
    return column;
  }

  text(name: string): TextColumn {
    let column = this.texts.get(name);
    if (column === undefined) {
      column = new Array<string | undefined>(this.length).fill(undefined);
      this.texts.set(name, column);
    }
    return column;
  }

  /** Sets what few streams have. */
  set(i: number, stats: Readonly<Record<string, string | number | undefined>>): void {
    for (const name in stats) {
      const value = stats[name];
      if (typeof value === "number") this.number(name)[i] = value;
      else if (value !== undefined) this.text(name)[i] = value;
    }
  }

  /** Takes back what was said. */
  clear(i: number, name: string): void {
    const column = this.numbers.get(name);
    if (column !== undefined) column[i] = Number.NaN;
    const texts = this.texts.get(name);
    if (texts !== undefined) texts[i] = undefined;
  }

  /** Adds row i to an object, without what was not measured. */
  addTo(row: object, i: number): void {
    addRow(row, this, i);
  }
}

/** Columns by the names of what is in them. */
export interface Columns {
  numbers: ReadonlyMap<string, NumberColumn>;
  texts: ReadonlyMap<string, TextColumn>;
}

function addRow(row: object, { numbers, texts }: Columns, i: number): void {
  const stats = row as Record<string, string | number>;
  for (const [name, column] of numbers) {
    const value = column[i] as number;
    if (!Number.isNaN(value)) stats[name] = value;
  }
  for (const [name, column] of texts) {
    const value = column[i];
    if (value !== undefined) stats[name] = value;
  }
}

/** Who the streams are of whose roster these are the columns. */
export function identitiesOf(roster: Columns, rows: number): StreamIdentity[] {
  return Array.from({ length: rows }, (_, i) => {
    const who = {};
    addRow(who, roster, i);
    return who as StreamIdentity;
  });
}
