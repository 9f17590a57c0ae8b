// SPDX-License-Identifier: MIT
/** The calls of a daemon with all that they reach: their files, Daily, the journal and the webhook. */
import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { type BookOptions, CallBook } from "./call/book.js";
import { CallStore } from "./call/store.js";
import { openWebhook, type Webhook } from "./call/webhook.js";
import type { Config } from "./config.js";
import { openDaily } from "./dailyconfig.js";
import type { Store } from "./store.js";

/** Without a section for Daily nothing is asked, so these only say when to give up. */
const TIMES = { firstPoll: 0, pollInterval: 15_000, deadline: 0 };

export interface CallService {
  calls: CallBook;
  /**
   * Takes over the settings of Daily and of calls, but for where calls are kept.
   * @throws RtcprobeError ERR_CONFIG, and then no webhook is heard
   */
  configure(config: Config): Promise<void>;
  close(): Promise<void>;
}

async function bookOptions(config: Config) {
  const { daily, calls, host = hostname() } = config;
  return {
    maxAgeMs: calls.maxAge,
    host,
    times: daily ?? TIMES,
    daily: await openDaily(config),
    rooms: daily?.rooms ?? [],
    participantName: daily?.participantName,
  } satisfies Partial<BookOptions>;
}

/** @throws RtcprobeError ERR_FILE, ERR_CONFIG */
export async function openCalls(config: Config, store: Store, say: (line: string) => void): Promise<CallService> {
  const calls = new CallBook({
    ...(await bookOptions(config)),
    store: new CallStore(config.calls.directory),
    // What the journal has, the sinks get.
    write: async (points) => {
      const isKept = await store.keep({ timestamp: Date.now(), points });
      return isKept ? { kind: "done" } : { kind: "retry", reason: "the journal cannot be written" };
    },
    say,
  });
  let heard: NonNullable<Config["daily"]>["webhook"];
  let webhook: Webhook | undefined;
  const hear = async (wanted: typeof heard): Promise<void> => {
    if (isDeepStrictEqual(wanted, heard)) return;
    await webhook?.close();
    [webhook, heard] = [undefined, undefined];
    if (wanted) webhook = await openWebhook(wanted, (ended) => calls.endMeeting(ended));
    heard = wanted;
  };
  await hear(config.daily?.webhook);
  calls.open();
  return {
    calls,
    async configure(next) {
      calls.configure(await bookOptions(next));
      await hear(next.daily?.webhook);
    },
    async close() {
      await hear(undefined);
      await calls.close();
    },
  };
}
