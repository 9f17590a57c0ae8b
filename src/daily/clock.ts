// SPDX-License-Identifier: MIT
import { setTimeout as delay } from "node:timers/promises";

/** Time as the client uses it; milliseconds since any moment. */
export interface Clock {
  now(): number;
  /** Rejects when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};
