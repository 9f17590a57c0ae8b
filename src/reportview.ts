// SPDX-License-Identifier: MIT
/** A report as a person reads it. */
import type { Difference } from "./call/comparison.js";
import type { Report, TimelineEntry } from "./call/sides.js";
import { type Column, makePrintable, renderTable } from "./table.js";
import { formatBitRate, formatMs, formatPercent } from "./view.js";

const ABSENT = "-";

function show(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? ABSENT : format(value);
}

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

const right = (title: string): Column => ({ title, align: "right" });
const TIMELINE_COLUMNS: readonly Column[] = [
  { title: "UNTIL" },
  right("RECEIVED"),
  right("DAILY"),
  right("SENT"),
  right("DAILY"),
  right("LOST"),
  right("VIDEO LOSS"),
  right("DAILY"),
  right("AUDIO JITTER"),
  right("VIDEO JITTER"),
  right("DAILY"),
  right("RTT"),
  { title: "SOURCE" },
];

function timelineRow({ to, host, daily, roundTripTime, rttSource }: TimelineEntry): string[] {
  return [
    clock(to),
    show(host?.receivedBitsPerSecond, formatBitRate),
    show(daily?.receivedBitsPerSecond, formatBitRate),
    show(host?.sentBitsPerSecond, formatBitRate),
    show(daily?.sentBitsPerSecond, formatBitRate),
    show(host?.loss, formatPercent),
    show(host?.videoLoss, formatPercent),
    show(daily?.videoLoss, formatPercent),
    show(host?.audioJitter, formatMs),
    show(host?.videoJitter, formatMs),
    show(daily?.jitter, formatMs),
    show(roundTripTime, formatMs),
    rttSource ?? ABSENT,
  ];
}

function formatMeasure(measure: Difference["measure"], value: number): string {
  if (measure === "received" || measure === "sent") return formatBitRate(value);
  return measure === "video loss" ? formatPercent(value) : formatMs(value);
}

function differenceRow({ to, measure, host, daily, meaning }: Difference): string[] {
  const bounds = `${formatMeasure(measure, host.least)} to ${formatMeasure(measure, host.most)}`;
  return [clock(to), measure, bounds, formatMeasure(measure, daily), meaning];
}

const DIFFERENCE_COLUMNS = ["UNTIL", "MEASURE", "THE HOST ALLOWS", "DAILY SAYS", "WHAT IT MEANS"].map((title) => ({
  title,
}));

/** Lines: the timeline, the differences, the paragraph. */
export function viewReport(report: Report, emphasise?: (title: string) => string): string[] {
  const { timeline, differences, summary, compared } = report;
  const agreement =
    compared === 0 ? "no sample of Daily's to compare with" : "no differences beyond what sampling explains";
  return [
    ...renderTable(TIMELINE_COLUMNS, timeline.map(timelineRow), emphasise),
    "",
    ...(differences.length === 0
      ? [agreement]
      : renderTable(DIFFERENCE_COLUMNS, differences.map(differenceRow), emphasise)),
    "",
    makePrintable(summary),
  ];
}
