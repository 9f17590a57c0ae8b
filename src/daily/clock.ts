// SPDX-License-Identifier: MIT
import { setTimeout as delay } from "node:timers/promises";

/** Time as the client uses it; milliseconds since any moment, which is the same for all who share a budget. */
export interface Clock {
  now(): number;
  /** Rejects when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const REAL_CLOCK: Clock = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};
