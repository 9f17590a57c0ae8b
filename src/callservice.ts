// SPDX-License-Identifier: MIT
/** The calls of a daemon with all that they reach: their files, Daily, the journal and the webhook. */
import { hostname } from "node:os";
import { CallBook } from "./call/book.js";
import { CallStore } from "./call/store.js";
import { openWebhook } from "./call/webhook.js";
import type { Config } from "./config.js";
import { openDaily } from "./dailyconfig.js";
import type { Store } from "./store.js";

/** Without a section for Daily nothing is asked, so these only say when to give up. */
const TIMES = { firstPoll: 0, pollInterval: 15_000, deadline: 0 };

export interface CallService {
  calls: CallBook;
  close(): Promise<void>;
}

/** @throws RtcprobeError ERR_FILE, ERR_CONFIG */
export async function openCalls(config: Config, store: Store, say: (line: string) => void): Promise<CallService> {
  const { daily, calls: kept, host = hostname() } = config;
  const calls = new CallBook({
    store: new CallStore(kept.directory),
    maxAgeMs: kept.maxAge,
    host,
    times: daily ?? TIMES,
    daily: openDaily(config),
    // What the journal has, the sinks get.
    write: async (points) => {
      await store.keep({ timestamp: Date.now(), points });
      return { kind: "done" };
    },
    rooms: daily?.rooms ?? [],
    participantName: daily?.participantName,
    say,
  });
  const webhook = daily?.webhook && (await openWebhook(daily.webhook, (ended) => calls.endMeeting(ended)));
  calls.open();
  return {
    calls,
    async close() {
      await webhook?.close();
      await calls.close();
    },
  };
}
