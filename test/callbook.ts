// SPDX-License-Identifier: MIT
/** A book of calls on a directory of the test's own. */
import { type BookOptions, CallBook } from "../src/call/book.js";
import { CallStore } from "../src/call/store.js";

/** Milliseconds: fast enough for a test, and in the order of the real ones. */
export const TIMES = { firstPoll: 100, pollInterval: 100, deadline: 5_000 };

export function makeBook(directory: string, changes: Partial<BookOptions> = {}): CallBook {
  return new CallBook({
    store: new CallStore(directory),
    maxAgeMs: 86_400_000,
    host: "h1",
    times: TIMES,
    rooms: [],
    say: () => undefined,
    ...changes,
  });
}
