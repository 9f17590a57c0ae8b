// SPDX-License-Identifier: MIT
/** Snapshots into samples: keeps what belongs to a record from one snapshot to the next. */

import { Annotator } from "./annotation.js";
import { type CodecTable, NO_CODECS } from "./codec.js";
import { ColumnPool } from "./columnpool.js";
import { DepthTrack } from "./depthtrack.js";
import { FeedbackBook } from "./feedback.js";
import { type Origin, PAIR_TRAITS, type PairRecord, type Snapshot, type Source } from "./native.js";
import type { Moment } from "./origin.js";
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
import { Selection } from "./selection.js";
import {
  addStreamStats,
  type ColumnSample,
  type IceServerStats,
  type Owner,
  type Sample,
  type StatsContext,
  toSample,
} from "./stats.js";
import { StreamTable } from "./streamtable.js";
import { StreamTrack } from "./streamtrack.js";
import { RecordTrack, type Tracked, TrackedRecord } from "./track.js";

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

const PAIR_IDLE_MS = 120_000;
/** A TURN allocation and a channel live for ten minutes (RFC 8656), so a client that is alive is heard within them. */
const RELAY_IDLE_MS = 660_000;
/** RFC 3550 section 6.3.5: five report intervals of silence, which are 5 s each or more where few take part. */
const REPORT_IDLE_MS = 60_000;
/** Samples in which an owner that was not found is looked for again. */
const OWNER_TRIES = 3;

class TrackedPair extends TrackedRecord<PairRecord> {
  /** Its round trips so far, and the clock of the records when the latest one came. */
  roundTrips?: { count: number; atMs: number };
}

function pairIdleMs({ origin, record }: TrackedPair): number {
  return origin.peerName !== undefined || record.traits & PAIR_TRAITS.turn ? RELAY_IDLE_MS : PAIR_IDLE_MS;
}

/** Stats of a pair, without a round trip that nothing confirmed for long. */
function currentPairStats(tracked: TrackedPair, context: StatsContext): CandidatePairStats {
  const stats = candidatePairStats(tracked.record, context);
  const { roundTripTimeMeasurements: count } = stats;
  if (tracked.roundTrips?.count !== count) tracked.roundTrips = { count, atMs: context.atMs };
  if (context.atMs - tracked.roundTrips.atMs <= ROUND_TRIP_CURRENT_MS) return stats;
  const { currentRoundTripTime: _, rttSource: __, ...rest } = stats;
  return rest;
}

function contextOf({ origin, owner }: Tracked, { atMs, epochMs, intervalMs }: Moment): StatsContext {
  return { origin, owner, atMs, epochMs, intervalMs };
}

export class Sampler {
  readonly #source: Source;
  readonly #options: SamplerOptions;
  readonly #streams = new StreamTrack();
  readonly #pairs = new RecordTrack<PairRecord, TrackedPair>("pair", PAIR_IDLE_MS, pairIdleMs);
  readonly #reports = new RecordTrack<ReportRecord>("report", REPORT_IDLE_MS);
  /** Whose owner is still to be found. */
  #ownerless: Tracked[] = [];
  readonly #annotator: Annotator;
  readonly #depths = new DepthTrack();
  readonly #selection = new Selection<string>();
  readonly #clock = new SampleClock();
  readonly #pool = new ColumnPool();
  /** The latest snapshot, and the latest that a sample was made of: rates are since then, and streams are read where they lie. */
  #latest: Snapshot | undefined;
  #sampled: Snapshot | undefined;
  /** One that is neither of them. */
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
    this.#spent = undefined;
    const source = this.#source;
    const added = [
      this.#streams.update(snapshot.streams, source),
      this.#pairs.update(snapshot.pairs, source),
      this.#reports.update(snapshot.reports, source),
    ];
    if (this.#options.owners) this.#ownerless = this.#ownerless.concat(...added);
    this.#depths.update(snapshot.depths);
    if (this.#latest !== this.#sampled) this.#spent = this.#latest;
    this.#latest = snapshot;
    return snapshot;
  }

  /** The latest snapshot is that from which the next sample's rates are. */
  #remember(): void {
    this.#streams.remember();
    this.#depths.remember();
    if (this.#sampled !== this.#latest) this.#spent = this.#sampled;
    this.#sampled = this.#latest;
  }

  /** A sample with an object per stream. */
  async sample(): Promise<Sample> {
    return toSample(await this.measure());
  }

  /** Takes a snapshot and tells what it means. Rates and fractions are over the time since the previous one. */
  async measure(): Promise<ColumnSample> {
    const snapshot = this.#take();
    const { atMs, datagrams } = snapshot;
    const intervalMs = this.#lastAtMs === undefined ? 0 : atMs - this.#lastAtMs;
    this.#lastAtMs = atMs;
    await this.#findOwners();

    const timeNs = this.#clock.tick(snapshot);
    const epochMs = Number(timeNs / 1000n) / 1000;
    const moment: Moment = { atMs, epochMs, intervalMs };
    const relays = new RelayBook(this.#pairs.ordered);
    const { ordered: members, records, sampledRecords: previousRecords } = this.#streams;
    const streams = new StreamTable(this.#streams.roster(relays), {}, this.#pool);
    addStreamStats(streams, records, previousRecords, moment);
    this.#depths.addStats(streams, records, previousRecords, intervalMs);
    new FeedbackBook(this.#reports.ordered).addStats(streams, members);
    const { candidatePairs, iceServers } = this.#pairStats(relays, moment);
    this.#annotator.annotate(streams, { members, records, previousRecords }, candidatePairs);
    const reports = this.#reports.ordered.flatMap((t) => {
      const label = relays.label(t.origin);
      return reportStats(t.record, contextOf(t, moment)).map((stats) => Object.assign(stats, label));
    });
    this.#remember();
    if (this.#options.retireIdle) {
      for (const track of [this.#streams, this.#pairs, this.#reports]) track.retireIdle(this.#source, atMs);
    }
    return { timestamp: epochMs, timeNs: String(timeNs), streams, candidatePairs, iceServers, reports, datagrams };
  }

  #pairStats(relays: RelayBook, moment: Moment): Pick<Sample, "candidatePairs" | "iceServers"> {
    const candidatePairs: CandidatePairStats[] = [];
    const iceServers: IceServerStats[] = [];
    if (this.#pairs.ordered.length === 0) return { candidatePairs, iceServers };
    const changes = this.#selection.update(this.#streams.ordered.map(({ carried }) => carried));
    for (const t of this.#pairs.ordered) {
      const label = relays.label(t.origin);
      const type = pairType(t.record, t.origin.peerName !== undefined);
      if (type === "ice-server") iceServers.push({ ...iceServerStats(t.record, contextOf(t, moment)), ...label });
      if (type !== "candidate-pair") continue;
      const selected = changes.get(pairKey(t.origin, label.turnPeer));
      candidatePairs.push({
        ...currentPairStats(t, contextOf(t, moment)),
        ...label,
        ...(selected === undefined ? {} : { selectedCandidatePairChanges: selected }),
      });
    }
    return { candidatePairs, iceServers };
  }

  async #findOwners(): Promise<void> {
    const { owners } = this.#options;
    if (owners === undefined) return;
    const wanted = this.#ownerless;
    if (wanted.length === 0) return;
    const found = await owners.find(wanted.map((t) => t.origin));
    wanted.forEach((tracked, i) => {
      tracked.ownerTries++;
      if (found[i] !== undefined) tracked.owner = found[i];
    });
    this.#streams.rename();
    this.#ownerless = wanted.filter(({ owner, ownerTries }) => owner.pid === undefined && ownerTries < OWNER_TRIES);
  }
}
