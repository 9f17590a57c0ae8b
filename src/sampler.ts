// SPDX-License-Identifier: MIT
/** Snapshots into samples: keeps what belongs to a record from one snapshot to the next. */

import { Annotator } from "./annotation.js";
import { type CodecTable, NO_CODECS } from "./codec.js";
import { DepthTrack } from "./depthtrack.js";
import { FeedbackBook } from "./feedback.js";
import {
  type Columns,
  type Origin,
  PAIR_TRAITS,
  type PairRecord,
  type RecordKind,
  rowAt,
  rowCount,
  type Snapshot,
  type Source,
  type StreamRecord,
  streamAt,
} from "./native.js";
import {
  type CandidatePairStats,
  candidatePairStats,
  iceServerStats,
  pairType,
  ROUND_TRIP_CURRENT_MS,
} from "./pairstats.js";
import { pairKey, RelayBook } from "./relay.js";
import type { ReportRecord } from "./reportrecord.js";
import { reportStats } from "./rtcp.js";
import { SampleClock } from "./sampleclock.js";
import { type Carried, Selection } from "./selection.js";
import { type IceServerStats, type Owner, type Sample, type StatsContext, streamStats } from "./stats.js";

/** Finds the processes behind sockets; the answers are in the order of the questions. */
export interface OwnerFinder {
  find(origins: readonly Origin[]): Promise<(Owner | undefined)[]>;
}

export interface SamplerOptions {
  /** Absent where there are no sockets to look behind (capture, packets). */
  owners?: OwnerFinder;
  /** What payload types mean, as far as somebody said. */
  codecs?: CodecTable;
  /** Set free the records that fell silent: the live sources' tables are finite. */
  retireIdle: boolean;
}

const STREAM_IDLE_MS = 60_000;
const PAIR_IDLE_MS = 120_000;
/** A TURN allocation and a channel live for ten minutes (RFC 8656), so a client that is alive is heard within them. */
const RELAY_IDLE_MS = 660_000;
/** RFC 3550 section 6.3.5: five report intervals of silence, which are 5 s each or more where few take part. */
const REPORT_IDLE_MS = 60_000;
/** Samples in which an owner that was not found is looked for again. */
const OWNER_TRIES = 3;

/** One record as long as it lives. */
interface Tracked<Row> {
  origin: Origin;
  owner: Owner;
  ownerTries: number;
  record: Row;
  /** That of the latest sample. */
  previous?: Row;
  /** Of a pair: its round trips so far, and the clock of the records when the latest one came. */
  roundTrips?: { count: number; atMs: number };
  /** Number of the latest snapshot that held it. */
  seenIn: number;
}

/** The records of one kind, in the order of their first packets. */
class Track<Row extends StreamRecord | PairRecord | ReportRecord> {
  readonly #byId = new Map<number, Tracked<Row>>();
  #ordered: Tracked<Row>[] = [];

  constructor(
    readonly kind: RecordKind,
    readonly idleMs: (tracked: Tracked<Row>) => number,
    readonly rowOf: (columns: Columns<Row>, i: number) => Row,
  ) {}

  get ordered(): readonly Tracked<Row>[] {
    return this.#ordered;
  }

  /** Takes over the rows of a snapshot. */
  update(columns: Columns<Row>, source: Source, snapshotNumber: number): void {
    const rows = rowCount(columns);
    let added = false;
    for (let i = 0; i < rows; i++) {
      const record = this.rowOf(columns, i);
      const known = this.#byId.get(record.id);
      // The source uses the id of a retired record again: the first packet tells them apart.
      if (known !== undefined && known.record.firstMs === record.firstMs) {
        known.record = record;
        known.seenIn = snapshotNumber;
        continue;
      }
      const origin = source.origin(this.kind, record.id);
      this.#byId.set(record.id, { origin, owner: {}, ownerTries: 0, record, seenIn: snapshotNumber });
      added = true;
    }
    if (added || rows !== this.#ordered.length) this.#sort(snapshotNumber);
  }

  #sort(snapshotNumber: number): void {
    for (const [id, { seenIn }] of this.#byId) if (seenIn !== snapshotNumber) this.#byId.delete(id);
    this.#ordered = [...this.#byId.values()].sort((a, b) => a.record.firstMs - b.record.firstMs);
  }

  retireIdle(source: Source, atMs: number): void {
    const idle = this.#ordered.filter((tracked) => atMs - tracked.record.lastMs > this.idleMs(tracked));
    if (idle.length > 0) {
      source.retire(
        this.kind,
        Float64Array.from(idle, ({ record }) => record.id),
      );
    }
  }
}

function pairIdleMs({ origin, record }: Tracked<PairRecord>): number {
  return origin.peerName !== undefined || record.traits & PAIR_TRAITS.turn ? RELAY_IDLE_MS : PAIR_IDLE_MS;
}

/** Stats of a pair, without a round trip that nothing confirmed for long. */
function currentPairStats(tracked: Tracked<PairRecord>, context: StatsContext): CandidatePairStats {
  const stats = candidatePairStats(tracked.record, context);
  const { roundTripTimeMeasurements: count } = stats;
  if (tracked.roundTrips?.count !== count) tracked.roundTrips = { count, atMs: context.atMs };
  if (context.atMs - tracked.roundTrips.atMs <= ROUND_TRIP_CURRENT_MS) return stats;
  const { currentRoundTripTime: _, rttSource: __, ...rest } = stats;
  return rest;
}

export class Sampler {
  readonly #source: Source;
  readonly #options: SamplerOptions;
  readonly #streams = new Track<StreamRecord>("stream", () => STREAM_IDLE_MS, streamAt);
  readonly #pairs = new Track<PairRecord>("pair", pairIdleMs, rowAt<PairRecord>);
  readonly #reports = new Track<ReportRecord>("report", () => REPORT_IDLE_MS, rowAt<ReportRecord>);
  readonly #annotator: Annotator;
  readonly #depths = new DepthTrack();
  readonly #selection = new Selection<string>();
  readonly #clock = new SampleClock();
  #snapshots = 0;
  /** The latest one: #update() copies what is kept of it. */
  #spent: Snapshot | undefined;
  #lastAtMs: number | undefined;

  constructor(source: Source, options: SamplerOptions) {
    this.#source = source;
    this.#options = options;
    this.#annotator = new Annotator(options.codecs ?? NO_CODECS);
  }

  /** How often the wall clock was set, and how far the latest time; milliseconds. */
  get clockSteps(): number {
    return this.#clock.steps;
  }

  get lastStepMs(): number {
    return this.#clock.lastStepMs;
  }

  /** Takes a snapshot only to see how the streams go on: a capture that is told once has more to show of them on its way. */
  look(): void {
    this.#take();
    this.#annotator.look(this.#streams.ordered);
  }

  #take(): Snapshot {
    const snapshot = this.#source.snapshot(this.#spent);
    this.#spent = snapshot;
    this.#update(snapshot);
    return snapshot;
  }

  #update(snapshot: Snapshot): void {
    this.#snapshots++;
    this.#streams.update(snapshot.streams, this.#source, this.#snapshots);
    this.#pairs.update(snapshot.pairs, this.#source, this.#snapshots);
    this.#reports.update(snapshot.reports, this.#source, this.#snapshots);
    this.#depths.update(snapshot.depths);
  }

  /** Takes a snapshot and tells what it means. Rates and fractions are over the time since the previous one. */
  async sample(): Promise<Sample> {
    const snapshot = this.#take();
    const { atMs } = snapshot;
    const intervalMs = this.#lastAtMs === undefined ? 0 : atMs - this.#lastAtMs;
    this.#lastAtMs = atMs;
    await this.#findOwners();

    const timeNs = this.#clock.tick(snapshot);
    const epochMs = Number(timeNs / 1000n) / 1000;
    const context = ({ origin, owner }: { origin: Origin; owner: Owner }): StatsContext => {
      return { origin, owner, atMs, epochMs, intervalMs };
    };
    const relays = new RelayBook(this.#pairs.ordered);
    const feedback = new FeedbackBook(this.#reports.ordered);
    const sample: Sample = {
      timestamp: epochMs,
      timeNs: String(timeNs),
      streams: this.#streams.ordered.map((t) =>
        Object.assign(
          streamStats(t.record, t.previous, context(t)),
          this.#depths.stats(t, intervalMs),
          relays.label(t.origin),
          feedback.stats(t.origin, t.record.ssrc),
        ),
      ),
      ...this.#pairStats(relays, context),
      reports: this.#reports.ordered.flatMap((t) => {
        const label = relays.label(t.origin);
        return reportStats(t.record, context(t)).map((stats) => Object.assign(stats, label));
      }),
      datagrams: snapshot.datagrams,
    };
    this.#annotator.annotate(this.#streams.ordered, sample.streams, sample.candidatePairs);
    for (const tracked of this.#streams.ordered) tracked.previous = tracked.record;
    this.#depths.remember();
    if (this.#options.retireIdle) {
      this.#streams.retireIdle(this.#source, atMs);
      this.#pairs.retireIdle(this.#source, atMs);
      this.#reports.retireIdle(this.#source, atMs);
    }
    return sample;
  }

  #pairStats(
    relays: RelayBook,
    context: (tracked: Tracked<PairRecord>) => StatsContext,
  ): Pick<Sample, "candidatePairs" | "iceServers"> {
    const candidatePairs: CandidatePairStats[] = [];
    const iceServers: IceServerStats[] = [];
    const carried = this.#streams.ordered.map((t): Carried<string> => {
      const { direction } = t.origin;
      const key = `${t.owner.pid} ${direction} ${t.record.ssrc}`;
      return { key, pair: pairKey(t.origin, relays.label(t.origin).turnPeer), lastMs: t.record.lastMs };
    });
    const changes = this.#selection.update(carried);
    for (const t of this.#pairs.ordered) {
      const label = relays.label(t.origin);
      const type = pairType(t.record, t.origin.peerName !== undefined);
      if (type === "ice-server") iceServers.push({ ...iceServerStats(t.record, context(t)), ...label });
      if (type !== "candidate-pair") continue;
      const selected = changes.get(pairKey(t.origin, label.turnPeer));
      candidatePairs.push({
        ...currentPairStats(t, context(t)),
        ...label,
        ...(selected === undefined ? {} : { selectedCandidatePairChanges: selected }),
      });
    }
    return { candidatePairs, iceServers };
  }

  async #findOwners(): Promise<void> {
    const { owners } = this.#options;
    if (owners === undefined) return;
    const isWanted = (t: Tracked<unknown>): boolean => t.owner.pid === undefined && t.ownerTries < OWNER_TRIES;
    const wanted = [
      ...this.#streams.ordered.filter(isWanted),
      ...this.#pairs.ordered.filter(isWanted),
      ...this.#reports.ordered.filter(isWanted),
    ];
    if (wanted.length === 0) return;
    const found = await owners.find(wanted.map((t) => t.origin));
    wanted.forEach((tracked, i) => {
      tracked.ownerTries++;
      tracked.owner = found[i] ?? tracked.owner;
    });
  }
}
