// SPDX-License-Identifier: MIT
/** The part of the configuration that is about Daily and the calls, and its secrets. */
import { join } from "node:path";
import { findCredential, givenSecret } from "./credential.js";
import type { Daily } from "./daily/client.js";
import type { DailyOptions } from "./daily/request.js";
import { RtcprobeError } from "./errors.js";
import type { Layer } from "./schema.js";

export interface DailyConfig {
  /** Absent: Daily cannot be asked. */
  key?: string;
  url?: string;
  /** Rooms whose presence makes calls. */
  rooms: string[];
  /** The user name under which this host's participant joins those rooms. */
  participantName?: string;
  webhook?: { address: string; port: number; secret: string };
  /** Milliseconds: from the end of a call to the first look for its metrics, between two looks, and until the last. */
  firstPoll: number;
  pollInterval: number;
  deadline: number;
}

export interface CallsConfig {
  directory: string;
  /** Milliseconds since the end of a call. */
  maxAge: number;
}

type Environment = Readonly<Record<string, string | undefined>>;
type DailyLayer = NonNullable<Layer["daily"]>;

/** The first layer that gives the secret itself or a file for it, else the systemd credential of that name. */
async function findSecret(
  kind: "key" | "webhookSecret",
  layers: readonly DailyLayer[],
  env: Environment,
): Promise<string | undefined> {
  const given = await givenSecret(kind, layers, "daily");
  if (given !== undefined) return given;
  const name = kind === "key" ? "daily-key" : "daily-webhook-secret";
  // What Daily's own tools and Pipecat read.
  return (
    (await findCredential(name, env.CREDENTIALS_DIRECTORY)) ??
    (kind === "key" ? env.DAILY_API_KEY || undefined : undefined)
  );
}

async function makeWebhook(given: DailyLayer, secret: string | undefined): Promise<Pick<DailyConfig, "webhook">> {
  if (given.webhook === undefined) return {};
  if (secret === undefined) {
    const hint = "put the hmac that Daily gave for the webhook into daily.webhookSecretFile";
    throw new RtcprobeError("ERR_CONFIG", "daily.webhook is given without its secret", hint);
  }
  return { webhook: { ...given.webhook, secret } };
}

/** @param layers - strongest first */
export async function makeDailyConfig(layers: readonly Layer[], env: Environment): Promise<DailyConfig | undefined> {
  const ours = layers.flatMap((layer) => (layer.daily === undefined ? [] : [layer.daily]));
  const given: DailyLayer = Object.assign({}, ...ours.toReversed());
  const key = await findSecret("key", ours, env);
  const secret = await findSecret("webhookSecret", ours, env);
  if (key === undefined && Object.keys(given).length === 0) return undefined;
  if (given.rooms !== undefined && key === undefined) {
    const hint = "put the API key into daily.keyFile";
    throw new RtcprobeError("ERR_CONFIG", "daily.rooms is given without a Daily key", hint);
  }
  return {
    ...(key === undefined ? {} : { key }),
    ...(given.url === undefined ? {} : { url: given.url }),
    rooms: given.rooms ?? [],
    ...(given.participantName === undefined ? {} : { participantName: given.participantName }),
    ...(await makeWebhook(given, secret)),
    firstPoll: given.firstPoll ?? 20_000,
    pollInterval: given.pollInterval ?? 15_000,
    deadline: given.deadline ?? 600_000,
  };
}

/** @param layers - strongest first */
export function makeCallsConfig(layers: readonly Layer[]): CallsConfig {
  const given: NonNullable<Layer["calls"]> = Object.assign({}, ...layers.map((layer) => layer.calls).reverse());
  return {
    directory: given.directory ?? "/var/lib/rtcprobe/calls",
    maxAge: given.maxAge ?? 30 * 86_400_000,
  };
}

/**
 * Asks Daily as configured, within the limits that all who share the directory of calls keep together; undefined without a key.
 * @throws RtcprobeError ERR_CONFIG when the key cannot be sent
 */
export async function openDaily(
  { daily, calls }: { daily?: DailyConfig; calls: CallsConfig },
  more: Pick<DailyOptions, "attempts" | "attemptMs"> = {},
): Promise<Daily | undefined> {
  if (daily?.key === undefined) return undefined;
  // Most commands read the configuration, and few ask Daily.
  const { Daily } = await import("./daily/client.js");
  return new Daily({
    key: daily.key,
    url: daily.url,
    budgetFile: join(calls.directory, "daily-requests.json"),
    ...more,
  });
}
