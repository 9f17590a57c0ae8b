// SPDX-License-Identifier: MIT
/** What a bad network does to a datagram, seeded: the n-th decision of a seed is always the same. */
import { type Random, seedRandom } from "./random.js";

export interface ImpairmentOptions {
  seed: number;
  /** Milliseconds that every datagram takes. */
  delay: number;
  /** Standard deviation of what a queue adds, milliseconds. It delays, and does not reorder. */
  jitter: number;
  /** Probability of loss, and datagrams that a loss takes on average. */
  loss: number;
  lossBurst: number;
  /** Probability of a second copy. */
  duplicate: number;
  /** Probability of being held back, and for at most how many milliseconds: others overtake. */
  reorder: number;
  hold: number;
}

/** One direction of the network. */
export class Impairment {
  readonly #options: ImpairmentOptions;
  readonly #random: Random;
  #losing = false;
  #queueEmptyAt = 0;

  constructor(options: ImpairmentOptions) {
    this.#options = options;
    this.#random = seedRandom(options.seed);
  }

  /** When a datagram that comes in at `at` leaves, milliseconds of the same clock: never, once or twice. */
  decide(at: number): number[] {
    const { delay, jitter, duplicate, reorder, hold } = this.#options;
    // Each decision draws the same number of times, so that one does not shift the next.
    const [loses, queues, isDuplicated, gap, isHeld, held] = Array.from({ length: 6 }, () => this.#random());
    if (this.#isLost(loses as number)) return [];
    const queued = jitter * halfNormal(queues as number);
    const leaves = Math.max(this.#queueEmptyAt, at + delay + queued);
    const times = [leaves];
    if ((isHeld as number) < reorder) times[0] = leaves + (held as number) * hold;
    else this.#queueEmptyAt = leaves;
    if ((isDuplicated as number) < duplicate) times.push((times[0] as number) + (gap as number) * hold);
    return times;
  }

  /** Gilbert's model: losses come in bursts of geometric length. */
  #isLost(draw: number): boolean {
    const { loss, lossBurst } = this.#options;
    const goesOn = 1 - 1 / lossBurst;
    const begins = loss / lossBurst / (1 - loss);
    this.#losing = draw < (this.#losing ? goesOn : begins);
    return this.#losing;
  }
}

/** A size of the normal distribution, from a uniform number (logistic approximation of its quantile). */
function halfNormal(uniform: number): number {
  const upper = 0.5 + uniform * 0.4995;
  return Math.log(upper / (1 - upper)) / 1.702;
}
