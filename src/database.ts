// SPDX-License-Identifier: MIT
/**
 * One database of an InfluxDB, through npm influx and with what that lacks: a deadline around every call (a promise of the
 * client never settles when an answer stalls after its head), the status of every answer, compression, and no secret in any
 * text.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type IncomingMessage, Agent as PlainAgent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { InfluxDB, type IPoolOptions } from "influx";
import { type Answer, type Failure, judgeFailure, parseRetryAfter, type Verdict } from "./answer.js";
import { RtcprobeError } from "./errors.js";
import type { Lines } from "./lines.js";
import type { Secrets } from "./publictext.js";
import { identifyServer, type Server } from "./server.js";

export interface InfluxOptions {
  /** http or https, with the path of a proxy if there is one; no credentials. */
  url: string;
  database: string;
  retentionPolicy?: string;
  username?: string;
  password?: string;
  /** InfluxDB 2 and 3; instead of username and password. */
  token?: string;
  /** Create the database when the server does not know it (InfluxDB 1). */
  createDatabase: boolean;
  /** Compress what is written; without it, unless the server is on this host. */
  gzip?: boolean;
}

/** What a call gave: its value, or why there is none. */
export type Outcome<T> = { value: T; answer?: Answer } | Failure;

export function failed<T>(outcome: Outcome<T>): outcome is Failure {
  return "thrown" in outcome;
}

const DEADLINE = Symbol("deadline");
const WRITTEN = 204;
/** Below this a body fits into one segment of TCP anyway. */
const GZIP_BYTES = 1_400;

const compress = promisify(gzip) as (bytes: Buffer, options: { level: number }) => Promise<Buffer>;

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);
}

/** The client must not disable its only host, nor try again: the sink does that, and waits. */
const NO_BACKOFF: NonNullable<IPoolOptions["backoff"]> = {
  getDelay: () => 0,
  next: () => NO_BACKOFF,
  reset: () => NO_BACKOFF,
};

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RtcprobeError(
      "ERR_CONFIG",
      "influx.url is no http or https URL",
      "write for example http://localhost:8086",
    );
  }
  if (url.username || url.password || url.search) {
    throw new RtcprobeError(
      "ERR_CONFIG",
      "influx.url holds credentials or a query",
      "use influx.username and its like",
    );
  }
  return url;
}

/** Its parts as they are sent, the longer ones first. */
function secretsOf({ username, password = "", token = "" }: InfluxOptions): Secrets {
  const credentials = Buffer.from(password === "" ? "" : `${username}:${password}`);
  return [
    ["token", token],
    ["credentials", credentials.toString("base64").replace(/=+$/, "")],
    ["credentials", credentials.toString("base64url")],
    ["password", password],
  ];
}

function authorization(token: string): { Authorization: string } {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new RtcprobeError(
      "ERR_CONFIG",
      "the InfluxDB token holds a blank or a character that HTTP cannot carry",
      "write the token, and nothing else, into its file",
    );
  }
  return { Authorization: `Token ${token}` };
}

/**
 * What the client sends by, a private member, whose type is checked all the same: itself it takes neither lines nor bytes, and its ping
 * has no token, without which InfluxDB 3 is silent.
 */
const POOL = "_pool";

export class Database {
  /** The server as messages name it. */
  readonly place: string;
  readonly #url: URL;
  readonly #options: InfluxOptions;
  readonly #deadlineMs: number;
  readonly #gzip: boolean;
  readonly #secrets: Secrets;
  #server: Server | undefined;
  #agent: PlainAgent;
  #client: InfluxDB;

  /** @throws RtcprobeError ERR_CONFIG, without the offending text: it may be a secret. */
  constructor(options: InfluxOptions, deadlineMs: number) {
    this.#url = parseUrl(options.url);
    this.#options = options;
    this.#deadlineMs = deadlineMs;
    this.#gzip = options.gzip ?? !isLoopback(this.#url.hostname);
    this.#secrets = secretsOf(options);
    this.place = `InfluxDB at ${this.#url.origin}${this.#path()}`;
    [this.#agent, this.#client] = this.#connect();
  }

  /** Which server it is, once it has said so. */
  get server(): Server | undefined {
    return this.#server;
  }

  /** Never rejects. Anything but 204 is no success: a captive portal answers 200 to every write. */
  async write(lines: Lines): Promise<Verdict> {
    const { database, retentionPolicy, username, password = "", token } = this.#options;
    const bytes = lines.body;
    const compressed = this.#gzip && bytes.length >= GZIP_BYTES;
    const body = compressed ? await compress(bytes, { level: 1 }) : bytes;
    // InfluxDB 2 knows "ns", and no "n".
    const query = { db: database, precision: "ns", ...(retentionPolicy === undefined ? {} : { rp: retentionPolicy }) };
    const outcome = await this.#call((client) =>
      client[POOL].discard({
        method: "POST",
        path: "/write",
        query,
        body: body as unknown as string,
        ...(token !== undefined || username === undefined ? {} : { auth: `${username}:${password}` }),
        ...(compressed ? { headers: { "Content-Encoding": "gzip" } } : {}),
      }),
    );
    if (failed(outcome)) return judgeFailure(outcome);
    const { answer } = outcome;
    if (answer === undefined || answer.status === WRITTEN) return { kind: "done" };
    return judgeFailure({ thrown: undefined, answer, secrets: this.#secrets });
  }

  /** Asks for nothing but an answer. */
  ping(): Promise<Outcome<void>> {
    return this.#call((client) => client[POOL].discard({ method: "GET", path: "/ping" }));
  }

  /** InfluxDB 1; no harm if the database exists. */
  create(): Promise<Outcome<void>> {
    return this.#call((client) => client.createDatabase(this.#options.database));
  }

  /** Ends what is under way. */
  close(): void {
    this.#agent.destroy();
  }

  #path(): string {
    return this.#url.pathname.replace(/\/+$/, "");
  }

  #connect(): [PlainAgent, InfluxDB] {
    const { database, username, password, token } = this.#options;
    const tls = this.#url.protocol === "https:";
    const agent = new (tls ? TlsAgent : PlainAgent)({ keepAlive: true, maxSockets: 1 });
    const client = new InfluxDB({
      database,
      // Without a name the client would log in as root, and overwrite the header of the token.
      username: (token === undefined ? username : undefined) ?? (null as unknown as string),
      password: password ?? "",
      hosts: [
        {
          host: this.#url.hostname,
          port: Number(this.#url.port) || (tls ? 443 : 80),
          protocol: tls ? "https" : "http",
          path: this.#path(),
          options: { agent, ...(token === undefined ? {} : { headers: authorization(token) }) },
        },
      ],
      // Its own time limit ends with the head of the answer, and says nothing of what happened: ours has to come first.
      pool: { maxRetries: 0, requestTimeout: 2 * this.#deadlineMs, backoff: NO_BACKOFF },
    });
    return [agent, client];
  }

  /** Calls come one after another, so the answer that the agent of this database sees is the answer to this call. */
  async #call<T>(work: (client: InfluxDB) => Promise<T>): Promise<Outcome<T>> {
    const agent = this.#agent;
    let answer: Answer | undefined;
    const onAnswer = (message: unknown): void => {
      const { request, response } = message as { request: { agent?: unknown }; response: IncomingMessage };
      if (request.agent !== agent) return;
      answer = readHead(response);
      this.#server = answer.server ?? this.#server;
    };
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<typeof DEADLINE>((resolve) => {
      timer = setTimeout(resolve, this.#deadlineMs, DEADLINE).unref();
    });
    subscribe("http.client.response.finish", onAnswer);
    const head = () => (answer === undefined ? {} : { answer });
    const secrets = this.#secrets;
    try {
      const value = await Promise.race([work(this.#client), deadline]);
      if (value !== DEADLINE) return { value, ...head() };
      agent.destroy();
      [this.#agent, this.#client] = this.#connect();
      return { thrown: undefined, deadlineMs: this.#deadlineMs, secrets, ...head() };
    } catch (thrown) {
      return { thrown, secrets, ...head() };
    } finally {
      clearTimeout(timer);
      unsubscribe("http.client.response.finish", onAnswer);
    }
  }
}

function readHead(response: IncomingMessage): Answer {
  const { "x-influxdb-error": error, "retry-after": after } = response.headers;
  const retryAfterMs = after === undefined ? undefined : parseRetryAfter(after, Date.now());
  const server = identifyServer(response.headers);
  return {
    status: response.statusCode ?? 0,
    ...(server === undefined ? {} : { server }),
    ...(typeof error === "string" ? { error } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
