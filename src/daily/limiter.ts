// SPDX-License-Identifier: MIT
/** Daily's rate limits, kept as the server sees them. */
import type { Clock } from "./clock.js";

export interface RateLimit {
  requests: number;
  /** In any window of so many milliseconds. */
  windowMs: number;
}

/** Of most endpoints (Daily's REST API introduction). */
export const RATE_LIMITS: readonly RateLimit[] = [
  { requests: 20, windowMs: 1_000 },
  { requests: 100, windowMs: 5_000 },
];

/** Below every limit, so that a finished request is always what the next one waits for. */
const MAX_IN_FLIGHT = 8;

/**
 * Lets requests pass in turn. The server sees a request at some time between its sending and its answer: it counts as seen
 * from the first and until a window after the second, so no delay on the way can push two windows together.
 */
export class Limiter {
  readonly #clock: Clock;
  readonly #limits: readonly RateLimit[];
  readonly #longestMs: number;
  /** When requests were answered, oldest first. */
  #answered: number[] = [];
  #inFlight = 0;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #turn: Promise<void> = Promise.resolve();
  #onAnswer: (() => void) | undefined;

  constructor(clock: Clock, limits: readonly RateLimit[] = RATE_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
    this.#longestMs = Math.max(...limits.map(({ windowMs }) => windowMs));
  }

  /** Runs the request when it may be sent. Rejects as the request does, or when the signal is aborted before. */
  async run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const previous = this.#turn;
    let pass = (): void => undefined;
    this.#turn = new Promise((resolve) => {
      pass = resolve;
    });
    await previous;
    try {
      await this.#waitForRoom(signal);
      this.#inFlight++;
    } finally {
      pass();
    }
    try {
      return await request();
    } finally {
      this.#inFlight--;
      this.#answered.push(this.#clock.now());
      this.#onAnswer?.();
    }
  }

  /** No request for so many milliseconds: the server has had enough of us. */
  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#clock.now() + ms);
  }

  async #waitForRoom(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#inFlight >= Math.min(MAX_IN_FLIGHT, ...this.#limits.map(({ requests }) => requests))) {
        await new Promise<void>((resolve) => {
          this.#onAnswer = resolve;
        });
        continue;
      }
      const waitMs = this.#missingMs(this.#clock.now());
      if (waitMs <= 0) return;
      await this.#clock.sleep(waitMs, signal);
    }
  }

  /** Milliseconds until every window has room for one more. */
  #missingMs(now: number): number {
    this.#answered = this.#answered.filter((at) => now - at < this.#longestMs);
    let until = this.#heldUntil;
    for (const { requests, windowMs } of this.#limits) {
      const counted = this.#answered.filter((at) => now - at < windowMs);
      const excess = counted.length + this.#inFlight - requests;
      // So many of the oldest have to leave the window.
      if (excess >= 0) until = Math.max(until, (counted[excess] ?? now) + windowMs);
    }
    return until - now;
  }
}
