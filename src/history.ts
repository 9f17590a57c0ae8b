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

type AnyStats = StreamStats | CandidatePairStats | RemoteInboundRtpStats;

function endsKey({ srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, pid }: AnyStats): string {
  return [srcAddress, srcPort, dstAddress, dstPort, turnChannel, turnPeer, pid].join(" ");
}

const STREAM_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "SSRC" },
  ...END_COLUMNS,
  { title: "BEGAN" },
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
  { title: "BEGAN" },
  { title: "LAST SEEN" },
  { title: "RTT", align: "right" },
  { title: "WORST", align: "right" },
];

const REMOTE_COLUMNS: readonly Column[] = [
  { title: "FAR END RECEIVES" },
  ...END_COLUMNS,
  { title: "BEGAN" },
  { title: "LAST SEEN" },
  { title: "LOST", align: "right" },
  { title: "RTT", align: "right" },
  { title: "WORST", align: "right" },
];

const formatTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

const formatWho = (stats: AnyStats): string[] => [...formatEnds(stats), formatOwner(stats)];

function streamRow({ first, latest, spread }: Seen<StreamStats>): string[] {
  const inbound = latest.type === "inbound-rtp" ? latest : undefined;
  const packets = latest.type === "inbound-rtp" ? latest.packetsReceived : latest.packetsSent;
  const lost = inbound?.packetsLost ?? 0;
  return [
    inbound ? "in" : "out",
    formatSsrc(latest.ssrc),
    ...formatWho(latest),
    formatTime(first),
    formatTime(latest.timestamp),
    String(packets),
    inbound ? String(lost) : "-",
    lost > 0 ? formatPercent(lost / (packets - latest.packetsDuplicated + lost)) : "",
    ...spread.format(formatMs),
  ];
}

export class History {
  readonly #streams = new Map<string, Seen<StreamStats>>();
  readonly #pairs = new Map<string, Seen<CandidatePairStats>>();
  readonly #remotes = new Map<string, Seen<RemoteInboundRtpStats>>();
  samples = 0;

  add(sample: Sample): void {
    this.samples++;
    for (const stream of sample.streams) {
      const seen = see(this.#streams, `${stream.type} ${stream.ssrc} ${endsKey(stream)}`, stream);
      if (stream.type === "inbound-rtp") seen.spread.add(stream.jitter);
    }
    for (const pair of sample.candidatePairs) {
      see(this.#pairs, endsKey(pair), pair).spread.add(pair.currentRoundTripTime);
    }
    // A journal may be of a version that had no reports.
    for (const report of sample.reports ?? []) {
      if (report.type !== "remote-inbound-rtp") continue;
      see(this.#remotes, `${report.ssrc} ${endsKey(report)}`, report).spread.add(report.roundTripTime);
    }
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
    const remotes = [...this.#remotes.values()].map(({ first, latest, spread }) => [
      formatSsrc(latest.ssrc),
      ...formatWho(latest),
      formatTime(first),
      formatTime(latest.timestamp),
      String(latest.packetsLost),
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

function see<Stats extends AnyStats>(all: Map<string, Seen<Stats>>, key: string, stats: Stats): Seen<Stats> {
  const seen = all.get(key) ?? { first: stats.timestamp, latest: stats, spread: new Spread() };
  seen.latest = stats;
  all.set(key, seen);
  return seen;
}
