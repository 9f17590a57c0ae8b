// SPDX-License-Identifier: MIT
/**
 * The contract of everything native, and the only importer of the addon. The addon moves integers across in the units of
 * the core; names and seconds are made in stats.ts.
 */
import { createRequire } from "node:module";
import type { DepthColumns } from "./depthrecord.js";
import type { PairRecord } from "./pairrecord.js";
import type { ReportRecord } from "./reportrecord.js";

export { PAIR_TRAITS, type PairRecord } from "./pairrecord.js";

/** One stream as the core counted it. Every field is a total since the stream began, or a latest value. */
export interface StreamRecord {
  /** Number of the stream within its source: stable while it lives, used again after `retire`. */
  id: number;
  ssrc: number;
  /** RTP packets, duplicates and those of probation included. */
  packets: number;
  /** RTP payload bytes. */
  bytes: number;
  /** Bytes of RTP headers, CSRCs and extensions. */
  headerBytes: number;
  /** Lowest and highest extended sequence number of the present run. */
  baseSeq: number;
  maxSeq: number;
  /** Sequence numbers that the runs before spanned (the sender restarted). */
  expectedBefore: number;
  duplicated: number;
  /** Unique packets that arrived behind the highest sequence number. */
  reordered: number;
  /** Packets beyond the sequence window: neither unique nor duplicate is known. */
  stray: number;
  /** Packets that found the record locked; in no other figure. */
  contended: number;
  /** Latest payload type. */
  payloadType: number;
  /** Hz; 0 = not known yet, then both jitters mean nothing. */
  clockRate: number;
  /** 0 unknown, 1 static (RFC 3551), 2 configured, 3 inferred. */
  clockSource: number;
  /** Interarrival jitter over in-order packets whose timestamp changed; nanoseconds × 256. */
  jitterNsQ8: number;
  /** RFC 3550 A.8 over every packet; nanoseconds × 256. */
  jitterRfc3550NsQ8: number;
  /** RTP timestamp of the last packet. */
  lastTimestamp: number;
  /** Arrival of the first and the last packet, milliseconds on the snapshot's clock. */
  firstMs: number;
  lastMs: number;
}

/** One typed array per field: row i is the i-th element of each; of a field that is an array of width w, those from w × i on. */
export type Columns<Row> = { readonly [Field in keyof Row]: Float64Array };

/** What became of the datagrams: `seen` is the sum of all the others. Names are those of core/outcome.h. */
export const DATAGRAM_OUTCOMES = [
  "seen",
  "rtp",
  "rtcp",
  "srtcp",
  "stun",
  "unconfirmed",
  "dtls",
  "turn",
  "unknown",
  "empty",
  "truncated",
  "fragment",
  "segments",
  "probeOff",
  "tableFull",
  "contended",
] as const;
export type DatagramOutcome = (typeof DATAGRAM_OUTCOMES)[number];
export type Datagrams = Record<DatagramOutcome, number>;

/** Everything a source knows at one moment. */
export interface Snapshot {
  /** The moment, on the clock of the records (live: monotonic; capture: the capture's own), milliseconds. */
  atMs: number;
  /** The same moment on the wall clock, milliseconds since the Unix epoch. */
  epochMs: number;
  streams: Columns<StreamRecord>;
  pairs: Columns<PairRecord>;
  reports: Columns<ReportRecord>;
  /** Empty while the depth probe is off. */
  depths: DepthColumns;
  datagrams: Datagrams;
}

/** Who a stream, pair or report is: written once, asked for once. */
export interface Origin {
  srcAddress: string;
  srcPort: number;
  dstAddress: string;
  dstPort: number;
  direction: "in" | "out" | "unknown";
  /** TURN channel the datagrams came in; absent outside of TURN, and where it is known who is behind the relay. */
  channel?: number;
  /** What stands for the peer behind the relay among the records of the same ends: of what came in Send and Data indications. */
  peerName?: number;
  /** Of a pair: who that is (XOR-PEER-ADDRESS). */
  peerAddress?: string;
  peerPort?: number;
  /** Id of the socket's cgroup (inode of its directory), decimal; absent where there is no socket. */
  cgroupId?: string;
  /** Process that created the socket; absent if that happened before the probe was attached. */
  pid?: number;
}

export type RecordKind = "stream" | "pair" | "report";

/** Where records come from: the kernel program, an AF_PACKET socket, or a capture file. */
export interface Source {
  /**
   * @param spent - a snapshot of this source at which nobody looks any more, nor at parts of its columns: the new one is
   *   written into its memory, where that is large enough. Fresh memory costs more than all else.
   */
  snapshot(spent?: Snapshot): Snapshot;
  /** Throws ERR_CLOSED after close; a RangeError for an id that no record has. */
  origin(kind: RecordKind, id: number): Origin;
  /** Set free the records of these ids. A record that changed since the last snapshot is left alone. */
  retire(kind: RecordKind, ids: Float64Array): void;
  /** Idempotent. */
  close(): void;
}

export type HookProbe = "rtp" | "stun" | "rtcp" | "depth";

export interface ProbeOptions {
  /** Directory of the cgroup v2 to attach to. */
  cgroup: string;
  /** Streams at one time; one in some millions finds no place before there are as many. */
  maxStreams: number;
  /** Candidate pairs and servers, likewise. */
  maxPairs: number;
  /** Payload type → clock rate in Hz, over RFC 3551 and inference. */
  clockRates: Record<number, number>;
  probes: HookProbe[];
}

/** The eBPF program on the UDP socket hooks of one cgroup. */
export interface Probe extends Source {
  /** Attach what these probes need, detach what they do not; records stay. */
  setProbes(probes: HookProbe[]): void;
  probes(): HookProbe[];
  /** Ids of the attached kernel programs; empty when all probes are off. */
  programIds(): number[];
}

export interface PacketOptions {
  /** Interface name; all when absent. */
  interface?: string;
  maxStreams: number;
  maxPairs: number;
  clockRates: Record<number, number>;
  probes: HookProbe[];
}

/** An AF_PACKET socket (CAP_NET_RAW) through the same core, for hosts that refuse eBPF. */
export interface PacketSource extends Source {
  setProbes(probes: HookProbe[]): void;
  probes(): HookProbe[];
  /** Frames the kernel dropped because we read too slowly: what this source missed. */
  framesMissed(): number;
}

export interface CaptureOptions {
  /** Addresses of our end: their traffic is outbound. */
  local: string[];
  clockRates: Record<number, number>;
  /** All when absent. */
  probes?: HookProbe[];
  /** Keep every RTP packet for `packets`. */
  packets?: boolean;
}

/** One RTP packet, and its stream as it left it. */
export interface PacketRow {
  /** Id of the StreamRecord. */
  stream: number;
  ssrc: number;
  /** Arrival since the Unix epoch: whole seconds and the rest. */
  seconds: number;
  nanoseconds: number;
  payloadType: number;
  sequence: number;
  timestamp: number;
  marker: number;
  /** 1: no packet of the stream before it. */
  isFirst: number;
  /** Since the packet before, in order of arrival; nanoseconds. */
  gapNs: number;
  /** Numbers between the highest before and this one. */
  lostBefore: number;
  /** Hz; 0 = not known yet, then both jitters mean nothing. */
  clockRate: number;
  jitterNsQ8: number;
  jitterRfc3550NsQ8: number;
}

/** A pcap, pcapng or rtpdump file, or a log of packets as browsers write it, through the same core. */
export interface Capture extends Source {
  /**
   * Read on, off the main thread, until the next packet is at or after `untilMs` of the capture's clock (or to the end,
   * if absent). Resolves to true while there is more. Rejects with ERR_PCAP_FORMAT on a corrupt file; what was read before
   * the fault stays in the snapshot.
   */
  read(untilMs?: number): Promise<boolean>;
  /**
   * The packets of confirmed streams since the last call, if the options asked for them. Then a read ends early, and
   * resolves to true, whenever a batch of them waits to be taken.
   */
  packets(): Columns<PacketRow>;
  /**
   * Frames read, and those that were no UDP over IP. `nextMs` is the time of the packet that the last read stopped before,
   * on the capture's clock; it means nothing unless that read resolved to true.
   */
  frames(): { total: number; other: number; truncatedFile: boolean; nextMs: number };
}

/** A field of lines, as it is in all of them: the value of row i is `values[i]`, and NaN is none. */
export interface LineField {
  /** What is before the value, with a comma: ",jitter=". */
  name: string;
  values: Float64Array;
  /** Written with the mark of integers; a row with a number that is none is refused. */
  isInteger: boolean;
  /** What the values are the numbers of, each as it is written. */
  texts?: readonly string[];
}

/** Rows that become lines: series, fields, tail. */
export interface LineTable {
  /** Each row's series, one behind the other, and where they end. */
  series: Uint8Array;
  seriesEnds: Float64Array;
  /** Which of the two lists of fields a row has, 0 or 1. */
  kinds: Uint8Array;
  fields: readonly [readonly LineField[], readonly LineField[]];
  /** 1: no line is made of the row. */
  skipped: Uint8Array;
  tail: string;
}

/** How far lines are written: `writeLines` goes on from here. */
export interface LinePlace {
  bytes: Uint8Array;
  /** Where each line begins in the bytes; room for one per row. */
  starts: Float64Array;
  /** The next row, the next line, and where it is to begin. */
  row: number;
  line: number;
  at: number;
}

/** A column of a journal: numbers, or texts as their numbers in a list; NaN is none. */
export interface WrittenColumn {
  name: string;
  values: Float64Array;
  texts?: readonly string[];
}

/** What the addon exports. Errors carry `code`, `errno` and `syscall`, and `log` when the verifier spoke. */
export interface Addon {
  /** The least nanoseconds of each bucket of a histogram, and where the last one would end. */
  readonly histogramNs: Float64Array;
  openProbe(options: ProbeOptions): Probe;
  openPacketSource(options: PacketOptions): PacketSource;
  openCapture(path: string, options: CaptureOptions): Capture;
  /**
   * Writes the lines of the rows from `place` on, numbers as JavaScript writes them, and moves `place` behind what it wrote: to the end,
   * to a row for which there is no room, or to one of which InfluxDB would refuse a field. Returns the number of that field.
   */
  writeLines(table: LineTable, place: LinePlace): number | undefined;
  /** The columns in which there is something, in the bytes that src/tablebytes.ts reads. */
  writeColumns(table: { rows: number; columns: readonly WrittenColumn[] }): Buffer;
}

/** Row i of the columns, as an object with the fields of the record. */
export function rowAt<Row>(columns: Columns<Row>, i: number): Row {
  const { length } = (columns as unknown as Columns<{ id: number }>).id;
  const row: Record<string, number | Float64Array> = {};
  for (const field in columns) {
    const column = columns[field];
    const width = column.length / length;
    row[field] = width === 1 ? (column[i] as number) : column.slice(i * width, (i + 1) * width);
  }
  return row as Row;
}

/** Number of rows. */
export function rowCount(columns: { readonly id: Float64Array }): number {
  return columns.id.length;
}

export const addon = createRequire(import.meta.url)("../build/Release/rtcprobe.node") as Addon;
