// SPDX-License-Identifier: MIT
/** The part of the configuration that is about sinks, and its secrets. */
import { findCredential, givenSecret } from "./credential.js";
import type { InfluxOptions } from "./database.js";
import { RtcprobeError } from "./errors.js";
import type { Layer } from "./schema.js";
import { JOURNAL_NAME } from "./sink.js";

interface CommonConfig {
  /** Of its own: the place in the journal is kept under it. */
  name: string;
  /** A series per stream; else one for all streams between two ends. */
  perStream: boolean;
}

export type SinkConfig = CommonConfig &
  ({ type: "influxdb"; influx: InfluxOptions } | { type: "file"; path: string; maxBytes: number } | { type: "stdout" });

type InfluxLayer = NonNullable<Layer["influx"]>;
type SinkLayer = NonNullable<Layer["sinks"]>[number];
type Environment = Readonly<Record<string, string | undefined>>;

/** Keys of an item of `sinks`. */
export const SINK_KEYS: readonly string[] =
  "type name perStream path maxBytes url database retentionPolicy username passwordFile tokenFile createDatabase gzip".split(
    " ",
  );

/** The first layer that gives the secret itself or a file for it, else the systemd credential of that name. */
async function resolveSecret(
  kind: "password" | "token",
  layers: readonly InfluxLayer[],
  section: string,
  env: Environment,
): Promise<string | undefined> {
  const given = await givenSecret(kind, layers, section);
  if (given !== undefined || section !== "influx") return given;
  return findCredential(`influx-${kind}`, env.CREDENTIALS_DIRECTORY);
}

/** @param layers - strongest first */
async function makeInflux(
  layers: readonly InfluxLayer[],
  section: string,
  env: Environment,
): Promise<InfluxOptions | undefined> {
  const given: InfluxLayer = Object.assign({}, ...layers.toReversed());
  const { url, database = "rtcprobe", retentionPolicy, username } = given;
  if (url === undefined) {
    const [key] = Object.keys(given);
    if (key === undefined) return undefined;
    const message = `${section}.${key} is given without ${section}.url`;
    throw new RtcprobeError("ERR_CONFIG", message, "give the URL of the InfluxDB");
  }
  const password = username === undefined ? given.password : await resolveSecret("password", layers, section, env);
  const token = username === undefined ? await resolveSecret("token", layers, section, env) : given.token;
  if (password !== undefined && username === undefined) {
    const message = `${section}.password is given without ${section}.username`;
    throw new RtcprobeError("ERR_CONFIG", message, "give the user, too");
  }
  if (token !== undefined && username !== undefined) {
    const message = `${section}.token and ${section}.username are both given`;
    throw new RtcprobeError("ERR_CONFIG", message, "give one of them");
  }
  return {
    url,
    database,
    ...(retentionPolicy === undefined ? {} : { retentionPolicy }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(token === undefined ? {} : { token }),
    // Only 1.x can: 2.x and 3.x, which take a token, would answer every start with an error.
    createDatabase: given.createDatabase ?? token === undefined,
    ...(given.gzip === undefined ? {} : { gzip: given.gzip }),
  };
}

async function makeSink(given: SinkLayer, section: string, env: Environment): Promise<SinkConfig> {
  const { type, name = type, perStream = true, path, maxBytes, ...influx } = given;
  const foreign = type === "influxdb" ? { path, maxBytes } : type === "file" ? influx : { path, maxBytes, ...influx };
  const [key] = Object.entries(foreign).find(([, value]) => value !== undefined) ?? [];
  if (key !== undefined) {
    throw new RtcprobeError(
      "ERR_CONFIG",
      `${section}.${key} is given, but a sink of type ${type} has none`,
      "remove it",
    );
  }
  if (name === JOURNAL_NAME) {
    const message = `${section}.name is ${JOURNAL_NAME}, as the journal itself is called`;
    throw new RtcprobeError("ERR_CONFIG", message, "give the sink another name");
  }
  if (type === "stdout") return { type, name, perStream };
  if (type === "file") {
    if (path === undefined)
      throw new RtcprobeError("ERR_CONFIG", `${section} has no path`, "give the path of the file");
    return { type, name, perStream, path, maxBytes: maxBytes ?? 2 ** 28 };
  }
  const made = await makeInflux([influx], section, env);
  if (made === undefined) {
    throw new RtcprobeError("ERR_CONFIG", `${section} has no url`, "give the URL of the InfluxDB");
  }
  return { type, name, perStream, influx: made };
}

/**
 * The sink of the section `influx`, which flags and variables know as well, and those of the list `sinks`.
 * @param layers - strongest first
 * @throws RtcprobeError ERR_CONFIG
 */
export async function makeSinkConfigs(layers: readonly Layer[], env: Environment): Promise<SinkConfig[]> {
  const ours = layers.flatMap(({ influx }) => {
    if (influx === undefined) return [];
    const { perStream, ...rest } = influx;
    return [rest];
  });
  const perStream = layers.find(({ influx }) => influx?.perStream !== undefined)?.influx?.perStream ?? true;
  const influx = await makeInflux(ours, "influx", env);
  const configs: SinkConfig[] = influx === undefined ? [] : [{ type: "influxdb", name: "influxdb", perStream, influx }];
  const listed = layers.find(({ sinks }) => sinks !== undefined)?.sinks ?? [];
  for (const [i, given] of listed.entries()) {
    const config = await makeSink(given, `sinks.${i}`, env);
    if (configs.some(({ name }) => name === config.name)) {
      const message = `two sinks are called ${config.name}`;
      throw new RtcprobeError("ERR_CONFIG", message, "give each a name of its own: name: …");
    }
    configs.push(config);
  }
  return configs;
}
