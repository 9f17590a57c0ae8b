// SPDX-License-Identifier: MIT
/**
 * Which stream repairs which: RTX (RFC 4588) and FEC (RFC 5109). Their timestamps are those of the media, and the start of
 * a timestamp is a random 32-bit number: a stream of another payload type on the same 5-tuple whose timestamps lie on the
 * timeline of a media stream is its repair, but for a chance of 2.1 s × 90 kHz / 2³² = 4·10⁻⁵. FlexFEC (RFC 8627) has a
 * random start of its own, and cannot be told so. Simulcast layers share the payload type and are never paired.
 * What is said of payload types and SSRCs is over all this.
 */
import { type CodecTable, findCodec, NO_CODECS, type RepairRole } from "./codec.js";
import type { Origin, StreamRecord } from "./native.js";

/** `repair`: either of the two, for its timestamps never lagged. */
export type RepairKind = RepairRole | "repair";

/** What a stream that is no media of its own repairs. */
export interface Repair {
  kind: RepairKind;
  /** The media stream; absent where several would fit. */
  media?: Member;
}

/** A stream as long as it lives; the latest record of it. */
export interface Member {
  readonly origin: Origin;
  readonly record: StreamRecord;
  /** Highest bit rate that a sample told. */
  peakBitsPerSecond?: number;
}

/** Of a stream: what it is to others, and they to it. */
export interface RepairStats {
  /** Ours: the stream is no media, but repairs some; `repair` where it may be either. */
  repairKind?: RepairKind;
  /** Ours: the SSRC that it repairs, where that is sure. */
  repairedSsrc?: number;
  /** W3C: the SSRC that this stream is retransmitted on. */
  rtxSsrc?: number;
}

/** Of an inbound stream: what came on the SSRCs that repair it, padding included (W3C, as endpoints count it). */
export interface InboundRepairStats {
  retransmittedPacketsReceived?: number;
  retransmittedBytesReceived?: number;
  fecSsrc?: number;
  fecPacketsReceived?: number;
  fecBytesReceived?: number;
}

/** Seconds that a repair's timestamp may be behind the media's, and before it, beside four times the jitter. */
const MOST_BEHIND = 2;
const MOST_AHEAD = 0.1;
/** Two clocks drift apart by so much at the most. */
const DRIFT = 1e-4;
/** Seconds: FEC is sent with what it protects, a retransmission a round trip later. */
const LAG = 0.05;
/** A media stream that pauses for longer than this may have stopped its clock; milliseconds. */
const PAUSE_MS = 10_000;
/** enum clock_source of the core. */
const STATIC = 1;
const CONFIGURED = 2;
/** Looks after which a question is settled. */
const ENOUGH = 8;

/** What was seen of one stream beside one media stream. */
interface Evidence {
  hits: number;
  misses: number;
  lagged: boolean;
}

interface Suspect {
  /** Packets at the last look: without new ones there is nothing new to see. */
  packets: number;
  looks: number;
  evidence: Map<Member, Evidence>;
}

/** Whether the one can be a repair of the other at all. */
function mayRepair(suspect: StreamRecord, media: StreamRecord): boolean {
  if (media.clockRate === 0 || media.payloadType === suspect.payloadType) return false;
  // A clock that was inferred of a repair is that of its media; of two media streams the repair is the smaller.
  return suspect.clockRate === 0 || (suspect.clockRate === media.clockRate && suspect.packets < media.packets);
}

/** Seconds that the suspect's last packet is behind the media's timeline; undefined where that was at rest. */
export function lagBehind(suspect: StreamRecord, media: StreamRecord): number | undefined {
  const sinceMs = suspect.lastMs - media.lastMs;
  if (sinceMs > PAUSE_MS || suspect.lastMs < media.firstMs - PAUSE_MS) return undefined;
  const due = media.lastTimestamp + (sinceMs / 1000) * media.clockRate;
  const ticks = (due - suspect.lastTimestamp) % 2 ** 32;
  const nearest = ticks >= 2 ** 31 ? ticks - 2 ** 32 : ticks < -(2 ** 31) ? ticks + 2 ** 32 : ticks;
  return nearest / media.clockRate;
}

function look(suspect: StreamRecord, media: StreamRecord, evidence: Evidence): boolean {
  const lag = lagBehind(suspect, media);
  if (lag === undefined) return false;
  const drift = (Math.abs(suspect.lastMs - media.lastMs) / 1000) * DRIFT;
  const late = (4 * media.jitterNsQ8) / 256 / 1e9; // as the media's last packet may be
  if (lag < -MOST_AHEAD - drift - late || lag > MOST_BEHIND + drift) {
    evidence.misses++;
    return true;
  }
  evidence.hits++;
  evidence.lagged ||= lag > LAG + drift + late;
  return true;
}

/** @param role - what it is by its codec */
function conclude({ evidence }: Suspect, role: RepairRole | undefined): Repair | undefined {
  const found = [...evidence].filter(([, { hits, misses }]) => hits > misses);
  const [first] = found;
  const kind = role ?? (found.some(([, { lagged }]) => lagged) ? "rtx" : "repair");
  if (first === undefined) return role && { kind };
  return found.length === 1 ? { kind, media: first[0] } : { kind };
}

function bundleKey({ origin }: Member): string {
  const { srcAddress, srcPort, dstAddress, dstPort, direction, channel, cgroupId, pid } = origin;
  return `${srcAddress} ${srcPort} ${dstAddress} ${dstPort} ${direction} ${channel} ${cgroupId} ${pid}`;
}

/** The streams of one 5-tuple and direction. */
interface Bundle {
  key: string;
  members: Member[];
  /** Those that it is to have. */
  next: Member[];
  /** Those of which something is still to be found out. */
  open: Member[];
}

/** What is known so far; grows with every snapshot. Deterministic: the same snapshots give the same pairs. */
export class Pairing {
  #members: readonly Member[] = [];
  readonly #bundles = new Map<string, Bundle>();
  readonly #bundleOfMember = new WeakMap<Member, Bundle>();
  /** Those that have an open question. */
  readonly #open = new Set<Bundle>();
  #suspects = new Map<Member, Suspect>();
  readonly #repairs = new Map<Member, Repair>();
  readonly #codecs: CodecTable;

  constructor(codecs: CodecTable = NO_CODECS) {
    this.#codecs = codecs;
  }

  /** Looks at the streams of a snapshot. The array is another one whenever a stream came or went. */
  update(members: readonly Member[]): void {
    if (members !== this.#members) this.#regroup(members);
    for (const bundle of this.#open) {
      bundle.open = bundle.open.filter((member) => this.#examine(member, bundle.members));
      if (bundle.open.length === 0) this.#open.delete(bundle);
    }
  }

  /** Undefined for a media stream, and for one that nothing is known of. */
  repairOf(member: Member): Repair | undefined {
    return this.#repairs.get(member);
  }

  /** Those that are no media, as far as is known. */
  get repairs(): ReadonlyMap<Member, Repair> {
    return this.#repairs;
  }

  #regroup(members: readonly Member[]): void {
    for (const member of members) this.#bundleOf(member).next.push(member);
    if (this.#suspects.size > 0) this.#forget(new Set(members));
    for (const bundle of this.#bundles.values()) {
      const { next } = bundle;
      const isSame = next.length === bundle.members.length && next.every((member, i) => member === bundle.members[i]);
      if (!isSame) this.#reopen(bundle);
      if (next.length === 0) this.#bundles.delete(bundle.key);
      bundle.next = [];
    }
    this.#members = members;
  }

  #bundleOf(member: Member): Bundle {
    const known = this.#bundleOfMember.get(member);
    if (known !== undefined && this.#bundles.get(known.key) === known) return known;
    const key = bundleKey(member);
    const bundle = this.#bundles.get(key) ?? { key, members: [], next: [], open: [] };
    this.#bundles.set(key, bundle);
    this.#bundleOfMember.set(member, bundle);
    return bundle;
  }

  #forget(alive: ReadonlySet<Member>): void {
    for (const [member, { evidence }] of this.#suspects) {
      if (!alive.has(member)) {
        this.#suspects.delete(member);
        this.#repairs.delete(member);
      }
      for (const media of evidence.keys()) if (!alive.has(media)) evidence.delete(media);
    }
  }

  /** Somebody new may be what another one repairs. */
  #reopen(bundle: Bundle): void {
    bundle.members = bundle.next;
    bundle.open = [...bundle.next];
    for (const member of bundle.members) {
      const suspect = this.#suspects.get(member);
      if (suspect) suspect.looks = 0;
    }
    if (bundle.open.length > 0) this.#open.add(bundle);
    else this.#open.delete(bundle);
  }

  /** What a stream is by its codec or its clock; undefined where nobody said. */
  #roleOf({ payloadType, ssrc, clockSource }: StreamRecord): RepairRole | "media" | undefined {
    const codec = findCodec(this.#codecs, payloadType, ssrc);
    if (codec !== undefined) return codec.repair ?? "media";
    return clockSource === STATIC || clockSource === CONFIGURED ? "media" : undefined;
  }

  /** False once there is nothing more to find out. */
  #examine(member: Member, bundle: readonly Member[]): boolean {
    const { record } = member;
    const role = this.#roleOf(record);
    if (role === "media") return false;
    let suspect = this.#suspects.get(member);
    if (suspect === undefined) {
      suspect = { packets: 0, looks: 0, evidence: new Map() };
      this.#suspects.set(member, suspect);
    }
    if (suspect.packets === record.packets) return true;
    const said = this.#codecs.repairs[record.ssrc];
    if (said !== undefined) {
      const media = bundle.find(({ record: { ssrc } }) => ssrc === said.ssrc);
      this.#repairs.set(member, { kind: said.kind, ...(media === undefined ? {} : { media }) });
      return false;
    }
    const looked = this.#compare(member, bundle, suspect);
    const repair = conclude(suspect, role);
    if (repair === undefined) this.#repairs.delete(member);
    else this.#repairs.set(member, repair);
    // Nothing to compare with: it waits for a clock, its own or the media's.
    if (!looked && record.clockRate === 0) return true;
    suspect.packets = record.packets;
    // A retransmission may lag at last.
    suspect.looks = repair?.kind === "repair" ? 0 : suspect.looks + 1;
    return suspect.looks < ENOUGH;
  }

  /** False if there was nothing to compare with. */
  #compare(member: Member, bundle: readonly Member[], suspect: Suspect): boolean {
    const { record: own } = member;
    let looked = false;
    for (const media of bundle) {
      const { record } = media;
      if (media === member || !mayRepair(own, record)) continue;
      if (this.repairOf(media) || (this.#roleOf(record) ?? "media") !== "media") continue;
      const evidence = suspect.evidence.get(media) ?? { hits: 0, misses: 0, lagged: false };
      suspect.evidence.set(media, evidence);
      looked = look(own, record, evidence) || looked;
    }
    return looked;
  }
}
