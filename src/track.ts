// SPDX-License-Identifier: MIT
/** The records of one kind, each as long as it lives. */
import { type Columns, type Origin, type RecordKind, rowAt, type Source } from "./native.js";
import type { Owner } from "./origin.js";

/** What records of every kind have. */
interface Basic {
  id: number;
  firstMs: number;
  lastMs: number;
}

/** One record from its first snapshot to its last. */
export class Tracked {
  readonly id: number;
  readonly firstMs: number;
  readonly origin: Origin;
  /** Where it lies in the latest snapshot, and the number of that one. */
  row = 0;
  seenIn = 0;
  owner: Owner = {};
  ownerTries = 0;

  constructor(id: number, firstMs: number, origin: Origin) {
    this.id = id;
    this.firstMs = firstMs;
    this.origin = origin;
  }
}

const NOTHING: Columns<Basic> = {
  id: new Float64Array(0),
  firstMs: new Float64Array(0),
  lastMs: new Float64Array(0),
};

function isSame(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function isAnyBefore(timesMs: Float64Array, ms: number): boolean {
  for (let i = 0; i < timesMs.length; i++) if ((timesMs[i] as number) < ms) return true;
  return false;
}

export abstract class Track<Row extends Basic, Kept extends Tracked> {
  readonly #kind: RecordKind;
  readonly #shortestIdleMs: number;
  readonly #byId = new Map<number, Kept>();
  #columns = NOTHING;
  #ordered: readonly Kept[] = [];
  #snapshots = 0;

  /** @param shortestIdleMs - the least that `idleMs` says */
  constructor(kind: RecordKind, shortestIdleMs: number) {
    this.#kind = kind;
    this.#shortestIdleMs = shortestIdleMs;
  }

  protected abstract open(id: number, firstMs: number, origin: Origin): Kept;
  /** Milliseconds of silence after which it is retired. */
  protected abstract idleMs(kept: Kept): number;

  /** Those of a snapshot, in the order of its rows, in the order in which they are to be told. */
  protected arrange(kept: Kept[]): Kept[] {
    return kept.sort((a, b) => a.firstMs - b.firstMs);
  }

  /** Another array whenever a record came, went or lies elsewhere. */
  get ordered(): readonly Kept[] {
    return this.#ordered;
  }

  /** Takes over the rows of a snapshot. @returns those that are new */
  update(columns: Columns<Row>, source: Source): Kept[] {
    const before = this.#columns;
    this.#columns = columns as unknown as Columns<Basic>;
    const { id: ids, firstMs } = this.#columns;
    // From one second to the next there are mostly the same, at the same places.
    if (isSame(ids, before.id) && isSame(firstMs, before.firstMs)) return [];
    const added: Kept[] = [];
    const inRows: Kept[] = [];
    this.#snapshots++;
    for (const [row, id] of ids.entries()) {
      let kept = this.#byId.get(id);
      // The source uses the id of a retired record again: the first packet tells them apart.
      if (kept === undefined || kept.firstMs !== firstMs[row]) {
        kept = this.open(id, firstMs[row] as number, source.origin(this.#kind, id));
        this.#byId.set(id, kept);
        added.push(kept);
      }
      kept.row = row;
      kept.seenIn = this.#snapshots;
      inRows.push(kept);
    }
    for (const [id, { seenIn }] of this.#byId) if (seenIn !== this.#snapshots) this.#byId.delete(id);
    this.#ordered = this.arrange(inRows);
    return added;
  }

  retireIdle(source: Source, atMs: number): void {
    const { lastMs } = this.#columns;
    if (!isAnyBefore(lastMs, atMs - this.#shortestIdleMs)) return;
    const idle = this.#ordered.filter((kept) => atMs - (lastMs[kept.row] as number) > this.idleMs(kept));
    if (idle.length === 0) return;
    source.retire(
      this.#kind,
      Float64Array.from(idle, ({ id }) => id),
    );
  }
}

/** With the record itself, as of the latest snapshot. */
export class TrackedRecord<Row> extends Tracked {
  record!: Row;
}

/** Of a kind of which there are few: as objects. */
export class RecordTrack<Row extends Basic, Kept extends TrackedRecord<Row> = TrackedRecord<Row>> extends Track<
  Row,
  Kept
> {
  readonly #idleMs: (kept: Kept) => number;

  constructor(kind: RecordKind, shortestIdleMs: number, idleMs: (kept: Kept) => number = () => shortestIdleMs) {
    super(kind, shortestIdleMs);
    this.#idleMs = idleMs;
  }

  protected override open(id: number, firstMs: number, origin: Origin): Kept {
    return new TrackedRecord<Row>(id, firstMs, origin) as Kept;
  }

  protected override idleMs(kept: Kept): number {
    return this.#idleMs(kept);
  }

  override update(columns: Columns<Row>, source: Source): Kept[] {
    const added = super.update(columns, source);
    for (const kept of this.ordered) kept.record = rowAt(columns, kept.row);
    return added;
  }
}
