// SPDX-License-Identifier: MIT
/** The calls of a daemon with all that they reach: their files, Daily, the journal and the webhook. */
import { hostname } from "node:os";
import { type BookOptions, CallBook } from "./call/book.js";
import { CallStore } from "./call/store.js";
import { openWebhook, type Webhook, type WebhookOptions } from "./call/webhook.js";
import type { Config } from "./config.js";
import { openDaily } from "./dailyconfig.js";
import type { Unlock } from "./lock.js";
import type { Change, Store } from "./store.js";

/** Without a section for Daily nothing is asked, so these only say when to give up. */
const TIMES = { firstPoll: 0, pollInterval: 15_000, deadline: 0 };

export interface CallService {
  calls: CallBook;
  /**
   * The settings of Daily and of calls, but for where calls are kept.
   * @throws RtcprobeError ERR_CONFIG, and then all is as it was
   */
  prepare(config: Config): Promise<Change>;
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
  const callStore = new CallStore(config.calls.directory);
  const unlock = await callStore.lock();
  try {
    return await openLocked(config, { callStore, unlock, store, say });
  } catch (error) {
    unlock();
    throw error;
  }
}

interface Outlets {
  callStore: CallStore;
  /** When all is over. */
  unlock: Unlock;
  store: Store;
  say(line: string): void;
}

async function openLocked(config: Config, { callStore, unlock, store, say }: Outlets): Promise<CallService> {
  const calls = new CallBook({
    ...(await bookOptions(config)),
    store: callStore,
    // What the journal has, the sinks get.
    write: async (points) => {
      const isKept = await store.keep({ timestamp: Date.now(), points });
      return isKept ? { kind: "done" } : { kind: "retry", reason: "the journal cannot be written" };
    },
    say,
  });
  let heard: WebhookOptions | undefined;
  let webhook: Webhook | undefined;
  /** Listens beside the webhook that is heard, for the new address may not be to be had. */
  const prepareWebhook = async (wanted: WebhookOptions | undefined): Promise<Change> => {
    if (wanted && wanted.address === heard?.address && wanted.port === heard.port) {
      const apply = async () => {
        if (wanted.secret !== heard?.secret) webhook?.useSecret(wanted.secret);
        heard = wanted;
      };
      return { apply, discard: () => undefined };
    }
    const next = wanted && (await openWebhook(wanted, (ended) => calls.endMeeting(ended)));
    const apply = async () => {
      const before = webhook;
      [webhook, heard] = [next, wanted];
      await before?.close();
    };
    return { apply, discard: () => next?.close() };
  };
  await (await prepareWebhook(config.daily?.webhook)).apply();
  calls.open();
  return {
    calls,
    async prepare(next) {
      const options = await bookOptions(next);
      const change = await prepareWebhook(next.daily?.webhook);
      const apply = () => {
        calls.configure(options);
        return change.apply();
      };
      return { ...change, apply };
    },
    async close() {
      await webhook?.close();
      await calls.close();
      unlock();
    },
  };
}
