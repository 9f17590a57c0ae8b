// SPDX-License-Identifier: MIT
/**
 * The streams of one sample, a column per stat. An object per stream and sample is what V8 has to make, move and clear away: of
 * all that a sample costs, the most.
 */
import { Cells, type ColumnPool, type NumberColumn } from "./columnpool.js";
import type { Endpoints, Owner } from "./origin.js";

export type { NumberColumn } from "./columnpool.js";

/** Who a stream is; the same object for as long as nothing of it changes. */
export interface StreamIdentity extends Endpoints, Owner {
  type: "inbound-rtp" | "outbound-rtp";
  ssrc: number;
}

/** Texts of which many rows have the same: a number per row, of a list. */
export class TextColumn {
  /** Where each row's text is in the list; NaN is none. */
  readonly numbers: NumberColumn;
  readonly list: string[] = [];
  readonly #numberOf = new Map<string, number>();
  #latest: string | undefined;
  #latestNumber = Number.NaN;

  constructor(numbers: NumberColumn, list: readonly string[] = []) {
    this.numbers = numbers;
    for (const text of list) this.numberOf(text);
  }

  static from(texts: readonly (string | undefined)[]): TextColumn {
    const column = new TextColumn(new Float64Array(texts.length));
    for (const [i, text] of texts.entries()) column.set(i, text);
    return column;
  }

  at(i: number): string | undefined {
    return this.list[this.numbers[i] as number];
  }

  set(i: number, text: string | undefined): void {
    this.numbers[i] = text === undefined ? Number.NaN : this.numberOf(text);
  }

  /** Where it is in the list, in which it is put if it is not there yet. */
  numberOf(text: string): number {
    if (text === this.#latest) return this.#latestNumber;
    let number = this.#numberOf.get(text);
    if (number === undefined) {
      number = this.list.push(text) - 1;
      this.#numberOf.set(text, number);
    }
    this.#latest = text;
    this.#latestNumber = number;
    return number;
  }
}

/** Streams, and as columns what is said of them in every sample. */
export class Roster {
  readonly who: readonly StreamIdentity[];
  /** The rows in the order in which people are told of them: that of their first packets. */
  readonly order: Uint32Array;
  /** 1: it is sent by this host. */
  readonly isSent: Uint8Array;
  readonly numbers: ReadonlyMap<string, NumberColumn>;
  readonly texts: ReadonlyMap<string, TextColumn>;

  constructor(who: readonly StreamIdentity[], order = Uint32Array.from(who.keys())) {
    this.who = who;
    this.order = order;
    this.isSent = Uint8Array.from(who, ({ type }) => (type === "outbound-rtp" ? 1 : 0));
    this.numbers = new Map([
      ["ssrc", Float64Array.from(who, ({ ssrc }) => ssrc)],
      ["srcPort", Float64Array.from(who, ({ srcPort }) => srcPort)],
      ["dstPort", Float64Array.from(who, ({ dstPort }) => dstPort)],
      ["turnChannel", Float64Array.from(who, ({ turnChannel = Number.NaN }) => turnChannel)],
      ["pid", Float64Array.from(who, ({ pid = Number.NaN }) => pid)],
    ]);
    this.texts = new Map([
      ["type", TextColumn.from(who.map(({ type }) => type))],
      ["srcAddress", TextColumn.from(who.map(({ srcAddress }) => srcAddress))],
      ["dstAddress", TextColumn.from(who.map(({ dstAddress }) => dstAddress))],
      ["turnPeer", TextColumn.from(who.map(({ turnPeer }) => turnPeer))],
      ["relay", TextColumn.from(who.map(({ relay }) => relay))],
      ["comm", TextColumn.from(who.map(({ comm }) => comm))],
      ["cgroup", TextColumn.from(who.map(({ cgroup }) => cgroup))],
    ]);
  }
}

export class StreamTable {
  /** Of whom row i is: the same as that of the sample before, if it is of the same streams. */
  readonly roster: Roster;
  /** By the names of stats. */
  readonly numbers: Map<string, NumberColumn>;
  readonly texts: Map<string, TextColumn>;
  readonly #cells: Cells;
  #holders = 0;

  /** @param pool - gives the memory of its columns, and gets it back when nobody holds the table any more */
  constructor(roster: Roster, { numbers, texts }: Partial<Columns> = {}, pool?: ColumnPool) {
    this.roster = roster;
    this.numbers = new Map(numbers);
    this.texts = new Map(texts);
    this.#cells = new Cells(roster.who.length, pool);
  }

  get length(): number {
    return this.roster.who.length;
  }

  /** Who looks at it later, too, says so first, and releases it in the end. */
  hold(): void {
    this.#holders++;
  }

  /** The last one to do so gives back its memory: there are no stats in it any more. */
  release(): void {
    if (--this.#holders > 0) return;
    this.numbers.clear();
    this.texts.clear();
    this.#cells.free();
  }

  /** The column of that name, which is made if there is none. */
  number(name: string): NumberColumn {
    let column = this.numbers.get(name);
    if (column === undefined) {
      column = this.#cells.column();
      this.numbers.set(name, column);
    }
    return column;
  }

  text(name: string): TextColumn {
    let column = this.texts.get(name);
    if (column === undefined) {
      column = new TextColumn(this.#cells.column());
      this.texts.set(name, column);
    }
    return column;
  }

  /** Sets what few streams have. */
  set(i: number, stats: Readonly<Record<string, string | number | undefined>>): void {
    for (const name in stats) {
      const value = stats[name];
      if (typeof value === "number") this.number(name)[i] = value;
      else if (value !== undefined) this.text(name).set(i, value);
    }
  }

  /** Takes back what was said. */
  clear(i: number, name: string): void {
    const column = this.numbers.get(name) ?? this.texts.get(name)?.numbers;
    if (column !== undefined) column[i] = Number.NaN;
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
    const value = column.at(i);
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
