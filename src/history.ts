// SPDX-License-Identifier: MIT
/** What the samples of a time say of each stream, pair and far end, as a person reads it. */
import type { RemoteInboundRtpStats } from "./rtcp.js";
import type { CandidatePairStats, Sample, StreamStats } from "./stats.js";
import { type Column, renderFurther, renderTable } from "./table.js";
import { END_COLUMNS, formatEnds, formatMs, formatOwner, formatPercent, formatSsrc } from "./view.js";

/** Mean and worst of one figure. */
class Spread {
  #sum = 0;
  #count = 0;
  #most = Number.NEGATIVE_INFINITY;

  add(value: number | undefined): void {
    if (value === undefined) return;
    this.#sum += value;
    this.#count++;
    this.#most = Math.max(this.#most, value);
  }

  /** Mean and most, as text; "-" for what was not measured. */
  format(format: (value: number) => string): [string, string] {
    return this.#count === 0 ? ["-", "-"] : [format(this.#sum / this.#count), format(this.#most)];
  }
}

interface Seen<Stats> {
  first: number;
  latest: Stats;
  /** Jitter of a stream, round trip of a pair. */
  spread: Spread;
}

/** Counted within the time. */
interface Counts {
  packets: number;
  duplicated: number;
  lost: number;
}

interface SeenStream extends Seen<StreamStats> {
  counts: Counts;
  /** It was not there when the time began. */
  isNew: boolean;
}

interface SeenRemote extends Seen<RemoteInboundRtpStats> {
  lost: number;
}

type AnyStats = StreamStats | CandidatePairStats | RemoteInboundRtpStats;

function endsKey({ srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, pid }: AnyStats): string {
  return [srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, pid].join(" ");
}

const STREAM_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "SSRC" },
  ...END_COLUMNS,
  { title: "FIRST SEEN" },
  { title: "LAST SEEN" },
  { title: "PACKETS", align: "right" },
  { title: "LOST", align: "right" },
  { title: "", align: "right" },
  { title: "JITTER", align: "right" },
  { title: "WORST", align: "right" },
];

const PAIR_COLUMNS: readonly Column[] = [
  { title: "PAIR FROM" },
  { title: "TO" },
  { title: "PROCESS" },
  { title: "FIRST SEEN" },
  { title: "LAST SEEN" },
  { title: "RTT", align: "right" },
  { title: "WORST", align: "right" },
];

const REMOTE_COLUMNS: readonly Column[] = [
  { title: "FAR END RECEIVES" },
  ...END_COLUMNS,
  { title: "FIRST SEEN" },
  { title: "LAST SEEN" },
  { title: "LOST", align: "right" },
  { title: "RTT", align: "right" },
  { title: "WORST", align: "right" },
];

const formatTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

const formatWho = (stats: AnyStats): string[] => [...formatEnds(stats), formatOwner(stats)];

const NOTHING: Counts = { packets: 0, duplicated: 0, lost: 0 };

/** Since the stream began, or since the daemon did. */
function countsOf(stream: StreamStats): Counts {
  const { packetsDuplicated: duplicated } = stream;
  return stream.type === "inbound-rtp"
    ? { packets: stream.packetsReceived, duplicated, lost: stream.packetsLost }
    : { packets: stream.packetsSent, duplicated, lost: 0 };
}

const streamKey = (type: string, stats: AnyStats & { ssrc: number }): string =>
  `${type} ${stats.ssrc} ${endsKey(stats)}`;

function streamRow({ first, latest, spread, counts }: SeenStream): string[] {
  const isInbound = latest.type === "inbound-rtp";
  const { packets, duplicated, lost } = counts;
  return [
    isInbound ? "in" : "out",
    formatSsrc(latest.ssrc),
    ...formatWho(latest),
    formatTime(first),
    formatTime(latest.timestamp),
    String(packets),
    isInbound ? String(lost) : "-",
    lost > 0 ? formatPercent(lost / (packets - duplicated + lost)) : "",
    ...spread.format(formatMs),
  ];
}

export class History {
  readonly #streams = new Map<string, SeenStream>();
  readonly #pairs = new Map<string, Seen<CandidatePairStats>>();
  readonly #remotes = new Map<string, SeenRemote>();
  /** The latest sample. */
  #before: Sample | undefined;
  /** Of the sample that is added: another daemon took it, which counts anew. */
  #isRestart = false;
  samples = 0;

  add(sample: Sample): void {
    this.samples++;
    this.#isRestart = this.#before !== undefined && sample.datagrams.seen < this.#before.datagrams.seen;
    for (const stream of sample.streams) this.#addStream(stream);
    for (const pair of sample.candidatePairs) {
      see(this.#pairs, endsKey(pair), pair, {}).spread.add(pair.currentRoundTripTime);
    }
    // A journal may be of a version that had no reports.
    for (const report of sample.reports ?? []) {
      if (report.type === "remote-inbound-rtp") this.#addRemote(report);
    }
    this.#before = sample;
  }

  /** Whether what is counted of it began at 0 after the sample before. */
  #isAnew(latest: AnyStats | undefined): boolean {
    return this.#before !== undefined && (this.#isRestart || latest?.timestamp !== this.#before.timestamp);
  }

  #addStream(stream: StreamStats): void {
    const key = streamKey(stream.type, stream);
    const latest = this.#streams.get(key)?.latest;
    const now = countsOf(stream);
    const isAnew = this.#isAnew(latest);
    const last = latest === undefined ? now : countsOf(latest);
    const base = isAnew || now.packets < last.packets ? NOTHING : last;
    const seen = see(this.#streams, key, stream, { counts: { ...NOTHING }, isNew: isAnew });
    for (const name of ["packets", "duplicated", "lost"] as const) seen.counts[name] += now[name] - base[name];
    if (stream.type === "inbound-rtp") seen.spread.add(stream.jitter);
  }

  /** A far end counts on while the daemon is another, and less when late packets repay a loss. */
  #addRemote(report: RemoteInboundRtpStats): void {
    const key = `${report.ssrc} ${endsKey(report)}`;
    const latest = this.#remotes.get(key)?.latest;
    const isAnew = this.#isAnew(latest) || report.reportsReceived < (latest?.reportsReceived ?? 0);
    const isNew = this.#streams.get(streamKey("outbound-rtp", report))?.isNew === true;
    const last = latest?.packetsLost ?? (isNew ? 0 : report.packetsLost);
    const base = isAnew && report.packetsLost < last ? 0 : last;
    const seen = see(this.#remotes, key, report, { lost: 0 });
    seen.lost += report.packetsLost - base;
    seen.spread.add(report.roundTripTime);
  }

  /** Lines: the streams, the pairs, then the far ends, in the order in which they were seen first. */
  view(emphasise: (title: string) => string): string[] {
    const pairs = [...this.#pairs.values()].map(({ first, latest, spread }) => [
      ...formatWho(latest),
      formatTime(first),
      formatTime(latest.timestamp),
      ...spread.format(formatMs),
    ]);
    const streams = [...this.#streams.values()].map(streamRow);
    const remotes = [...this.#remotes.values()].map(({ first, latest, spread, lost }) => [
      formatSsrc(latest.ssrc),
      ...formatWho(latest),
      formatTime(first),
      formatTime(latest.timestamp),
      String(lost),
      ...spread.format(formatMs),
    ]);
    return [
      ...(streams.length > 0 ? renderTable(STREAM_COLUMNS, streams, emphasise) : ["no streams"]),
      ...renderFurther(PAIR_COLUMNS, pairs, emphasise),
      ...renderFurther(REMOTE_COLUMNS, remotes, emphasise),
      "",
      `${this.samples} samples`,
    ];
  }
}

/** @param rest - what one that was not seen before begins with */
function see<Stats extends AnyStats, More extends object>(
  all: Map<string, Seen<Stats> & More>,
  key: string,
  stats: Stats,
  rest: More,
): Seen<Stats> & More {
  const seen = all.get(key) ?? { first: stats.timestamp, latest: stats, spread: new Spread(), ...rest };
  seen.latest = stats;
  all.set(key, seen);
  return seen;
}
