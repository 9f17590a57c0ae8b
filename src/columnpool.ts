// SPDX-License-Identifier: MIT
/** Memory of the columns of samples, used again: fresh memory costs more than filling it, and V8 to look for what is free. */

/** NaN is what was not measured. */
export type NumberColumn = Float64Array;

const CELL_BYTES = 8;
const CELLS_PER_CACHE_LINE = 8;
/** Columns of one piece of memory. */
const COLUMNS = 32;
/** Room for streams that come, and how much more than is needed is no waste. */
const ROOM = 1.25;
const WASTE = 4;
/** Samples are with those who write them: so many are on their way at once at the most. */
const MOST_SPARE = 8;

/** Columns begin at an odd multiple of a cache line from each other: the cells of a row would contend for one place of the cache. */
function strideOf(rows: number): number {
  return (Math.ceil(rows / CELLS_PER_CACHE_LINE) | 1) * CELLS_PER_CACHE_LINE;
}

export class ColumnPool {
  #spare: ArrayBuffer[] = [];

  /** So many bytes at least, with anything in them. */
  take(bytes: number): ArrayBuffer {
    this.#spare = this.#spare.filter(({ byteLength }) => byteLength >= bytes && byteLength <= WASTE * bytes);
    return this.#spare.pop() ?? new ArrayBuffer(Math.ceil((ROOM * bytes) / CELL_BYTES) * CELL_BYTES);
  }

  /** Nobody looks at it any more. */
  give(memory: ArrayBuffer): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(memory);
  }
}

/** The columns of one table. */
export class Cells {
  readonly #rows: number;
  readonly #pool: ColumnPool;
  #memories: ArrayBuffer[] = [];
  /** Columns that were made. */
  #made = 0;

  constructor(rows: number, pool = new ColumnPool()) {
    this.#rows = rows;
    this.#pool = pool;
  }

  /** Another column, in which there is nothing. */
  column(): NumberColumn {
    const bytes = strideOf(this.#rows) * CELL_BYTES;
    const at = this.#made++ % COLUMNS;
    if (at === 0) this.#memories.push(this.#pool.take(COLUMNS * bytes));
    const memory = this.#memories.at(-1) as ArrayBuffer;
    return new Float64Array(memory, at * bytes, this.#rows).fill(Number.NaN);
  }

  /** Nobody looks at its columns any more. */
  free(): void {
    for (const memory of this.#memories) this.#pool.give(memory);
    this.#memories = [];
    this.#made = 0;
  }
}
