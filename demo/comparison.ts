// SPDX-License-Identifier: MIT
/** The truth beside what the probe measured: figures, bounds, and the table that shows them. Pure. */

/** Figures in the columns of the table. Counts must be equal. */
const COUNTS = ["packets", "lost", "duplicated", "reordered", "checks", "answered"] as const;
/** Figures in milliseconds, each with the difference that is allowed. */
const TIMES = ["jitter", "jitterRfc3550", "roundTrip"] as const;

export type Figure = (typeof COUNTS)[number] | (typeof TIMES)[number];

/** Absent: it does not apply, or it was not measured. */
export type Figures = Partial<Record<Figure, number>>;

export interface Comparison {
  /** What the row is of. */
  subject: string;
  truth: Figures;
  /** Undefined: the probe has not seen it at all. */
  probe: Figures | undefined;
}

/**
 * Milliseconds. The truth's clock is read before a send, the probe's when the packet is at the socket. In between stand a
 * system call and, when the machine is busy, the scheduler; the jitter filter divides that by 16, a mean of a dozen round
 * trips by a dozen.
 */
export const ALLOWED: Record<(typeof TIMES)[number], number> = { jitter: 0.25, jitterRfc3550: 0.25, roundTrip: 0.5 };

const COLUMNS: { figure: Figure; title: string; width: number }[] = [
  { figure: "packets", title: "packets", width: 8 },
  { figure: "lost", title: "lost", width: 6 },
  { figure: "duplicated", title: "dupl.", width: 6 },
  { figure: "reordered", title: "reord.", width: 7 },
  { figure: "jitter", title: "jitter ms", width: 11 },
  { figure: "jitterRfc3550", title: "RFC 3550 ms", width: 13 },
  { figure: "checks", title: "checks", width: 8 },
  { figure: "answered", title: "answered", width: 10 },
  { figure: "roundTrip", title: "RTT ms", width: 10 },
];

const isTime = (figure: Figure): figure is (typeof TIMES)[number] => (TIMES as readonly Figure[]).includes(figure);

function figuresOf(figures: Figures): Figure[] {
  return [...COUNTS, ...TIMES].filter((figure) => figures[figure] !== undefined);
}

/** Probe less truth; undefined where either has no such figure. */
function difference({ truth, probe }: Comparison, figure: Figure): number | undefined {
  const [expected, measured] = [truth[figure], probe?.[figure]];
  return expected === undefined || measured === undefined ? undefined : measured - expected;
}

/** What is not as it must be, one line each. */
export function findDisagreements(comparisons: Comparison[]): string[] {
  return comparisons.flatMap((comparison) => {
    if (!comparison.probe) return [`${comparison.subject}: the probe did not see it`];
    return figuresOf(comparison.truth).flatMap((figure) => {
      const apart = difference(comparison, figure);
      if (apart === undefined) return [`${comparison.subject}: the probe has no ${figure}`];
      const allowed = isTime(figure) ? ALLOWED[figure] : 0;
      if (Math.abs(apart) <= allowed) return [];
      const unit = isTime(figure) ? ` ms, ${allowed} ms are allowed` : "";
      return [`${comparison.subject}: ${figure} is ${isTime(figure) ? apart.toFixed(3) : apart} off${unit}`];
    });
  });
}

function formatCells(label: string, figures: Figures | undefined, sign: boolean): string {
  const cells = COLUMNS.map(({ figure, width }) => {
    const value = figures?.[figure];
    if (value === undefined) return "".padStart(width);
    const text = isTime(figure) ? value.toFixed(3) : String(value);
    return (sign && value > 0 ? `+${text}` : text).padStart(width);
  });
  return (label.padEnd(11) + cells.join("")).trimEnd();
}

function formatComparison(comparison: Comparison, width: number): string[] {
  const { subject, truth, probe } = comparison;
  const apart: Figures = {};
  for (const figure of figuresOf(truth)) {
    const value = difference(comparison, figure);
    if (value !== undefined) apart[figure] = value;
  }
  return [
    subject.padEnd(width) + formatCells("truth", truth, false),
    "".padEnd(width) + formatCells(probe ? "probe" : "not seen", probe, false),
    "".padEnd(width) + formatCells("difference", apart, true),
  ];
}

/** Three lines each: truth, probe, difference. */
export function formatComparisons(comparisons: Comparison[]): string {
  const width = Math.max(...comparisons.map(({ subject }) => subject.length)) + 2;
  const titles = COLUMNS.map((column) => column.title.padStart(column.width)).join("");
  const header = "".padEnd(width + 11) + titles;
  return [header, ...comparisons.flatMap((comparison) => formatComparison(comparison, width))].join("\n");
}
