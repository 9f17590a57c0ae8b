// SPDX-License-Identifier: MIT
/** From the first failure of a sink until points are taken again: how long to wait, and the one line at each end. */

export interface OutageLimits {
  /** First and longest ceiling of the random wait after a failure that may pass; milliseconds. */
  backoffMinMs: number;
  backoffMaxMs: number;
  /** Wait while somebody has to mend something; milliseconds. */
  holdMs: number;
}

/** A server may ask for patience, but not for more than this; milliseconds. */
const MAX_RETRY_AFTER_MS = 300_000;

export class Outage {
  readonly #limits: OutageLimits;
  readonly #say: (line: string) => void;
  #beganMs: number | undefined;
  #failures = 0;
  /** Said that it began; said that somebody has to mend something. */
  #announced = false;
  #alarmed = false;

  constructor(limits: OutageLimits, say: (line: string) => void) {
    this.#limits = limits;
    this.#say = say;
  }

  get isOn(): boolean {
    return this.#beganMs !== undefined;
  }

  get failures(): number {
    return this.#failures;
  }

  /** A failure that may pass. @returns milliseconds to wait */
  retry(reason: string, retryAfterMs: number | undefined): number {
    this.#begin();
    if (!this.#announced) this.#say(`${reason}; points wait in the journal until it answers`);
    this.#announced = true;
    const { backoffMinMs, backoffMaxMs } = this.#limits;
    const ceiling = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(30, this.#failures - 1));
    // Full jitter: hosts that failed together do not come back together, nor all at the moment that the server named.
    return Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) + 1 + Math.random() * ceiling;
  }

  /** A failure that somebody has to mend. @returns milliseconds to wait */
  hold(reason: string, hint: string): number {
    this.#begin();
    if (!this.#alarmed) this.#say(`${reason}; ${hint}; points wait in the journal`);
    this.#alarmed = true;
    this.#announced = true;
    return this.#limits.holdMs;
  }

  end(): void {
    const beganMs = this.#beganMs;
    const announced = this.#announced;
    this.#beganMs = undefined;
    this.#failures = 0;
    this.#announced = false;
    this.#alarmed = false;
    if (beganMs === undefined || !announced) return;
    this.#say(`points are taken again after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
  }

  #begin(): void {
    this.#beganMs ??= performance.now();
    this.#failures++;
  }
}
