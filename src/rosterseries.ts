// SPDX-License-Identifier: MIT
/** The series of the streams of a roster, as their lines begin with them: the same in sample after sample. */
import type { Series } from "./series.js";
import type { NumberColumn, Roster, StreamTable } from "./streamtable.js";

export class RosterSeries {
  readonly roster: Roster;
  readonly texts: readonly string[];
  /** One behind the other, and where they end. */
  readonly bytes: Buffer;
  readonly ends: Float64Array;
  /** Rows that have one series between them. */
  readonly #shared: readonly (readonly number[])[];

  constructor(roster: Roster, series: readonly Series[]) {
    this.roster = roster;
    this.texts = series.map(({ text }) => text);
    this.bytes = Buffer.from(this.texts.join(""));
    this.ends = new Float64Array(series.length);
    let end = 0;
    for (const [i, text] of this.texts.entries()) this.ends[i] = end += Buffer.byteLength(text);
    const rows = new Map<Series, number[]>();
    for (const [i, one] of series.entries()) {
      const before = rows.get(one);
      if (before === undefined) rows.set(one, [i]);
      else before.push(i);
    }
    this.#shared = [...rows.values()].filter(({ length }) => length > 1);
  }

  /**
   * 1 for a row of which no line is made. A socket opened anew on the same ports is another record with the same tags, and the
   * server would mix their fields: the record that changed last stays.
   */
  outdated({ roster, numbers }: StreamTable): Uint8Array {
    const outdated = new Uint8Array(roster.who.length);
    for (const rows of this.#shared) {
      const changedMs = (i: number): number => {
        const name = roster.isSent[i] === 1 ? "lastPacketSentTimestamp" : "lastPacketReceivedTimestamp";
        return (numbers.get(name) as NumberColumn)[i] as number;
      };
      const latest = rows.reduce((best, i) => (changedMs(i) >= changedMs(best) ? i : best));
      for (const i of rows) if (i !== latest) outdated[i] = 1;
    }
    return outdated;
  }
}
