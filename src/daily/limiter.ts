// SPDX-License-Identifier: MIT
/** Daily's rate limits, kept as the server sees them. */
import { randomBytes } from "node:crypto";
import type { Budget, BudgetStore, Counted } from "./budget.js";
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

/** Below every limit, so that a finished request is always what the next one of this process waits for. */
const MAX_IN_FLIGHT = 8;
/** Between two looks whether another process has its answer; milliseconds. */
const POLL_MS = 20;

export interface LimiterOptions {
  clock: Clock;
  budget: BudgetStore;
  /** Milliseconds from the sending of a request to its answer at most. */
  flightMs: number;
  limits?: readonly RateLimit[];
}

/**
 * Lets requests pass in turn. The server sees a request at some time between its sending and its answer: it counts as seen
 * from the first and until a window after the second, so no delay on the way can push two windows together. One whose
 * process was killed counts until its answer could have come.
 */
export class Limiter {
  readonly #options: Required<LimiterOptions>;
  readonly #longestMs: number;
  #inFlight = 0;
  #turn: Promise<void> = Promise.resolve();
  #onAnswer: (() => void) | undefined;

  constructor({ limits = RATE_LIMITS, ...options }: LimiterOptions) {
    this.#options = { limits, ...options };
    this.#longestMs = Math.max(...limits.map(({ windowMs }) => windowMs));
  }

  /** Runs the request when it may be sent. Rejects as the request does, or when the signal is aborted before. */
  async run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const id = await this.#wait(signal);
    try {
      return await request();
    } finally {
      const answered = this.#options.clock.now();
      await this.#options.budget.change(({ requests }) => {
        const ours = requests.find((counted) => counted.id === id);
        if (ours) ours.seenBy = answered;
      });
      this.#inFlight--;
      this.#onAnswer?.();
    }
  }

  /** No request for so many milliseconds: the server has had enough of us. */
  hold(ms: number): Promise<void> {
    const until = this.#options.clock.now() + ms;
    return this.#options.budget.change((budget) => {
      budget.heldUntil = Math.max(budget.heldUntil, until);
    });
  }

  /** For the turn and for room. */
  async #wait(signal: AbortSignal | undefined): Promise<string> {
    const previous = this.#turn;
    let pass = (): void => undefined;
    this.#turn = new Promise((resolve) => {
      pass = resolve;
    });
    await previous;
    try {
      const id = await this.#waitForRoom(signal);
      this.#inFlight++;
      return id;
    } finally {
      pass();
    }
  }

  async #waitForRoom(signal: AbortSignal | undefined): Promise<string> {
    const { budget, clock, limits } = this.#options;
    const id = randomBytes(6).toString("hex");
    for (;;) {
      signal?.throwIfAborted();
      if (this.#inFlight >= Math.min(MAX_IN_FLIGHT, ...limits.map(({ requests }) => requests))) {
        await new Promise<void>((resolve) => {
          this.#onAnswer = resolve;
        });
        continue;
      }
      const waitMs = await budget.change((state) => this.#enter(state, id));
      if (waitMs <= 0) return id;
      await clock.sleep(waitMs, signal);
    }
  }

  /** Counts one more if there is room; else milliseconds until there may be. */
  #enter(budget: Budget, id: string): number {
    const { clock, flightMs, limits } = this.#options;
    const now = clock.now();
    const counts = ({ seenBy }: Counted): boolean => now - seenBy < this.#longestMs;
    budget.requests = budget.requests.filter(counts).sort((a, b) => a.seenBy - b.seenBy);
    const untils = limits.map(({ requests, windowMs }) => {
      const counted = budget.requests.filter(({ seenBy }) => now - seenBy < windowMs);
      // So many of the oldest have to leave the window.
      const last = counted[counted.length - requests];
      if (last === undefined) return now;
      return last.seenBy > now ? now + POLL_MS : last.seenBy + windowMs;
    });
    const until = Math.max(budget.heldUntil, ...untils);
    if (until <= now) budget.requests.push({ id, seenBy: now + flightMs });
    return until - now;
  }
}
