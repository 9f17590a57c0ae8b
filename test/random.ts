// SPDX-License-Identifier: MIT
/** Random numbers that are the same in every run. */
import { createCipheriv } from "node:crypto";

/** Mulberry32: 2^32 numbers before it repeats, and any seed will do. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }

  /** From 0 up to 1. */
  fraction(): number {
    return this.next() / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  happens(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)] as T;
  }

  /** Box and Muller. */
  gaussian(deviation: number): number {
    return deviation * Math.sqrt(-2 * Math.log(1 - this.fraction())) * Math.cos(2 * Math.PI * this.fraction());
  }
}

/** Bytes without end, a block at a time: the key stream of AES in counter mode. */
export class RandomBytes {
  readonly #cipher;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(seed: number) {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(seed >>> 0);
    this.#cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  }

  /** The next `size` bytes; they belong to the caller. */
  take(size: number): Buffer {
    if (this.#at + size > this.#block.length) {
      this.#block = this.#cipher.update(Buffer.alloc(Math.max(size, 1 << 16)));
      this.#at = 0;
    }
    this.#at += size;
    return this.#block.subarray(this.#at - size, this.#at);
  }
}
