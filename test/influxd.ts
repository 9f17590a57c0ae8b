// SPDX-License-Identifier: MIT
/** A real influxd of Debian's on private loopback ports, its data in a directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Rows of a query, each with its columns and the tags of its series. */
export type Row = Record<string, unknown>;

export interface Influxd {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  /** Answer of InfluxQL; times are decimal ns. Throws what the server says is wrong. */
  query(influxql: string, database?: string): Promise<Row[]>;
  stop(): Promise<void>;
  /** At once, as a power failure would. */
  kill(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

function configuration(directory: string, port: number, rpcPort: number, auth: boolean): string {
  return `
reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${directory}/meta"
[data]
  dir = "${directory}/data"
  wal-dir = "${directory}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  auth-enabled = ${auth}
  log-enabled = false
[logging]
  level = "warn"
`;
}

async function awaitPing(url: string, child: ChildProcess, said: () => string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`influxd ended with ${child.exitCode}: ${said()}`);
    const answer = await fetch(`${url}/ping`).catch(() => undefined);
    if (answer?.status === 204) return;
    await delay(50);
  }
  throw new Error(`influxd does not answer: ${said()}`);
}

interface Result {
  error?: string;
  series?: { name: string; tags?: Record<string, string>; columns: string[]; values: unknown[][] }[];
}

/** JSON.parse would round the nanoseconds, which are the only integers of 19 digits. */
function parseAnswer(text: string): { error?: string; results?: Result[] } {
  return JSON.parse(text.replace(/([[,])(\d{19})(?=[,\]])/g, '$1"$2"'));
}

/** The first user of a server that asks for credentials. */
const ADMIN = { u: "admin", p: "admin" };

async function runQuery(url: string, influxql: string, database = ""): Promise<Row[]> {
  const body = new URLSearchParams({ q: influxql, db: database, epoch: "ns" });
  const answer = await fetch(`${url}/query?${new URLSearchParams(ADMIN)}`, { method: "POST", body });
  const { error, results = [] } = parseAnswer(await answer.text());
  const wrong = error ?? results.find((result) => result.error)?.error;
  if (wrong !== undefined) throw new Error(`${wrong} in ${influxql}`);
  return results.flatMap(({ series = [] }) =>
    series.flatMap(({ name, tags, columns, values }) =>
      values.map((value) => ({
        measurement: name,
        ...tags,
        ...Object.fromEntries(columns.map((column, i) => [column, value[i]])),
      })),
    ),
  );
}

/** Starts it and waits until it answers. `port` starts one again where one was. */
export async function startInfluxd(
  options: { auth?: boolean; port?: number; directory?: string; env?: Record<string, string> } = {},
): Promise<Influxd> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "rtcprobe-influxd-"));
  mkdirSync(directory, { recursive: true });
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const config = join(directory, "influxd.conf");
  writeFileSync(config, configuration(directory, port, await freePort(), options.auth ?? false));
  const child = spawn("influxd", ["-config", config], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...options.env },
  });
  const exit = once(child, "exit");
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors += chunk;
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await exit;
    clearTimeout(hard);
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
  };
  try {
    await awaitPing(url, child, () => errors);
    if (options.auth) await runQuery(url, `CREATE USER ${ADMIN.u} WITH PASSWORD '${ADMIN.p}' WITH ALL PRIVILEGES`);
  } catch (error) {
    await stop();
    throw error;
  }
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exit;
  };
  return {
    pid: child.pid ?? 0,
    port,
    url,
    query: (influxql, database) => runQuery(url, influxql, database),
    stop,
    kill,
  };
}
