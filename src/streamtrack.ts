// SPDX-License-Identifier: MIT
/** The streams as long as they live: what belongs to one from one sample to the next, made once. */
import type { Columns, Origin, Source, StreamRecord } from "./native.js";
import type { Owner } from "./origin.js";
import { pairKey, type RelayBook } from "./relay.js";
import type { Carried } from "./selection.js";
import { literalOf, StreamRecords, StreamRow } from "./streamrow.js";
import { Roster, type StreamIdentity } from "./streamtable.js";
import { Track, Tracked } from "./track.js";

const STREAM_IDLE_MS = 60_000;

/** Who a stream is, as far as is known. */
export function identify(
  ssrc: number,
  origin: Origin,
  owner: Owner,
  { turnPeer, relay }: Pick<StreamIdentity, "turnPeer" | "relay">,
): StreamIdentity {
  const who: StreamIdentity = {
    type: origin.direction === "out" ? "outbound-rtp" : "inbound-rtp",
    ssrc,
    srcAddress: origin.srcAddress,
    srcPort: origin.srcPort,
    dstAddress: origin.dstAddress,
    dstPort: origin.dstPort,
  };
  if (origin.channel !== undefined) who.turnChannel = origin.channel;
  if (turnPeer !== undefined) who.turnPeer = turnPeer;
  if (relay !== undefined) who.relay = relay;
  if (owner.pid !== undefined) who.pid = owner.pid;
  if (owner.comm !== undefined) who.comm = owner.comm;
  if (owner.cgroup !== undefined) who.cgroup = owner.cgroup;
  return who;
}

/** Rows in the order of their first packets. */
function orderOf(firstMs: Float64Array): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(firstMs.keys()).sort((a, b) => (firstMs[a] as number) - (firstMs[b] as number) || a - b);
}

export class TrackedStream extends Tracked {
  /** Where its record lies in the latest snapshot of which a sample was made. */
  sampledRow = -1;
  peakBitsPerSecond = 0;
  #who: StreamIdentity | undefined;
  #namedBy: Owner | undefined;
  #carried: Carried<string> | undefined;
  readonly #track: StreamTrack;

  constructor(id: number, firstMs: number, origin: Origin, track: StreamTrack) {
    super(id, firstMs, origin);
    this.#track = track;
  }

  /** For who looks at few: each is another object. */
  get record(): StreamRecord {
    return new StreamRow(this.#track.columns, this.row);
  }

  /** The same object for as long as nothing of it changes. */
  who(relays: RelayBook): StreamIdentity {
    if (this.#who !== undefined && this.isNamed(relays)) return this.#who;
    const { origin, owner, record } = this;
    this.#who = identify(record.ssrc, origin, owner, relays.label(origin));
    this.#namedBy = owner;
    this.#carried = undefined;
    return this.#who;
  }

  /** Whether `who` is what it was. */
  isNamed(relays: RelayBook): boolean {
    const { turnPeer, relay } = relays.label(this.origin);
    return this.#namedBy === this.owner && this.#who?.turnPeer === turnPeer && this.#who?.relay === relay;
  }

  /** As of `who`. */
  get carried(): Carried<string> {
    const { origin, record } = this;
    const key = () => `${this.owner.pid} ${origin.direction} ${record.ssrc}`;
    this.#carried ??= { key: key(), pair: pairKey(origin, this.#who?.turnPeer), lastMs: 0 };
    this.#carried.lastMs = record.lastMs;
    return this.#carried;
  }
}

export class StreamTrack extends Track<StreamRecord, TrackedStream> {
  #columns: Columns<StreamRecord> | undefined;
  #sampled: Columns<StreamRecord> | undefined;
  #roster = new Roster([]);
  #isNamed = true;
  /** Where the records of the streams in order lie now, and lay at the latest sample. */
  #rows = new Int32Array(0);
  #sampledRows = this.#rows;
  /** What `#rows` is of, and those of them that TURN messages tell who they are. */
  #placed: readonly TrackedStream[] = [];
  #relayed: readonly TrackedStream[] = [];

  constructor() {
    super("stream", STREAM_IDLE_MS);
  }

  protected override open(id: number, firstMs: number, origin: Origin): TrackedStream {
    return new TrackedStream(id, firstMs, origin, this);
  }

  protected override idleMs(): number {
    return STREAM_IDLE_MS;
  }

  /** As they lie in the columns, for what is read in another order is not in the cache. */
  protected override arrange(streams: TrackedStream[]): TrackedStream[] {
    return streams;
  }

  override update(columns: Columns<StreamRecord>, source: Source): TrackedStream[] {
    const added = super.update(columns, source);
    this.#columns = literalOf(columns);
    if (this.ordered === this.#placed) return added;
    this.#placed = this.ordered;
    this.#rows = Int32Array.from(this.ordered, ({ row }) => row);
    this.#relayed = this.ordered.filter(({ origin }) => (origin.channel ?? origin.peerName) !== undefined);
    this.#isNamed = false;
    return added;
  }

  get columns(): Columns<StreamRecord> {
    return this.#columns as Columns<StreamRecord>;
  }

  /** In order. */
  get records(): StreamRecords {
    return new StreamRecords(this.columns, this.#rows);
  }

  /** Of the same streams, those that the latest sample was made of. */
  get sampledRecords(): StreamRecords {
    if (this.#sampled === undefined) return new StreamRecords(this.columns, new Int32Array(this.#rows.length).fill(-1));
    if (this.#rows !== this.#sampledRows) {
      return new StreamRecords(
        this.#sampled,
        Int32Array.from(this.ordered, ({ sampledRow }) => sampledRow),
      );
    }
    return new StreamRecords(this.#sampled, this.#rows);
  }

  /** An owner was found. */
  rename(): void {
    this.#isNamed = false;
  }

  /** Who they are, in order. */
  roster(relays: RelayBook): Roster {
    if (!this.#isNamed || !this.#relayed.every((stream) => stream.isNamed(relays))) {
      this.#roster = new Roster(
        this.ordered.map((stream) => stream.who(relays)),
        orderOf(this.columns.firstMs),
      );
    }
    this.#isNamed = true;
    return this.#roster;
  }

  /** A sample was made of the latest snapshot. */
  remember(): void {
    this.#sampled = this.#columns;
    if (this.#rows === this.#sampledRows) return;
    this.#sampledRows = this.#rows;
    for (const stream of this.ordered) stream.sampledRow = stream.row;
  }
}
