// SPDX-License-Identifier: MIT
/** A stream's record read where it lies: an object of 20 numbers per stream and snapshot would cost more than all that is done with it. */
import type { Columns, StreamRecord } from "./native.js";

const cell = (column: Float64Array, i: number): number => column[i] as number;

/** The same columns as a literal, which V8 reads fast: an object that the addon gave more than twelve fields is a hash table. */
export function literalOf({
  id,
  ssrc,
  packets,
  bytes,
  headerBytes,
  baseSeq,
  maxSeq,
  expectedBefore,
  duplicated,
  reordered,
  stray,
  contended,
  payloadType,
  clockRate,
  clockSource,
  jitterNsQ8,
  jitterRfc3550NsQ8,
  lastTimestamp,
  firstMs,
  lastMs,
}: Columns<StreamRecord>): Columns<StreamRecord> {
  return {
    id,
    ssrc,
    packets,
    bytes,
    headerBytes,
    baseSeq,
    maxSeq,
    expectedBefore,
    duplicated,
    reordered,
    stray,
    contended,
    payloadType,
    clockRate,
    clockSource,
    jitterNsQ8,
    jitterRfc3550NsQ8,
    lastTimestamp,
    firstMs,
    lastMs,
  };
}

/** Row `i` of the columns of a snapshot. */
export class StreamRow implements StreamRecord {
  readonly #columns: Columns<StreamRecord>;
  #i: number;

  constructor(columns: Columns<StreamRecord>, i: number) {
    this.#columns = columns;
    this.#i = i;
  }

  /** From now on another row of the same. */
  aim(i: number): void {
    this.#i = i;
  }

  get id(): number {
    return cell(this.#columns.id, this.#i);
  }

  get ssrc(): number {
    return cell(this.#columns.ssrc, this.#i);
  }

  get packets(): number {
    return cell(this.#columns.packets, this.#i);
  }

  get bytes(): number {
    return cell(this.#columns.bytes, this.#i);
  }

  get headerBytes(): number {
    return cell(this.#columns.headerBytes, this.#i);
  }

  get baseSeq(): number {
    return cell(this.#columns.baseSeq, this.#i);
  }

  get maxSeq(): number {
    return cell(this.#columns.maxSeq, this.#i);
  }

  get expectedBefore(): number {
    return cell(this.#columns.expectedBefore, this.#i);
  }

  get duplicated(): number {
    return cell(this.#columns.duplicated, this.#i);
  }

  get reordered(): number {
    return cell(this.#columns.reordered, this.#i);
  }

  get stray(): number {
    return cell(this.#columns.stray, this.#i);
  }

  get contended(): number {
    return cell(this.#columns.contended, this.#i);
  }

  get payloadType(): number {
    return cell(this.#columns.payloadType, this.#i);
  }

  get clockRate(): number {
    return cell(this.#columns.clockRate, this.#i);
  }

  get clockSource(): number {
    return cell(this.#columns.clockSource, this.#i);
  }

  get jitterNsQ8(): number {
    return cell(this.#columns.jitterNsQ8, this.#i);
  }

  get jitterRfc3550NsQ8(): number {
    return cell(this.#columns.jitterRfc3550NsQ8, this.#i);
  }

  get lastTimestamp(): number {
    return cell(this.#columns.lastTimestamp, this.#i);
  }

  get firstMs(): number {
    return cell(this.#columns.firstMs, this.#i);
  }

  get lastMs(): number {
    return cell(this.#columns.lastMs, this.#i);
  }
}

/** Records of one snapshot in an order of their own. */
export class StreamRecords {
  readonly columns: Columns<StreamRecord>;
  /** Where each lies in the columns; -1 where there is no record. */
  readonly rows: Int32Array;
  readonly #record: StreamRow;

  constructor(columns: Columns<StreamRecord>, rows: Int32Array) {
    this.columns = columns;
    this.rows = rows;
    this.#record = new StreamRow(columns, 0);
  }

  /** Always the same object: it is of this record until another one is asked for. */
  at(i: number): StreamRecord | undefined {
    const row = this.rows[i] as number;
    if (row < 0) return undefined;
    this.#record.aim(row);
    return this.#record;
  }
}
