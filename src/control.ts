// SPDX-License-Identifier: MIT
/** HTTP with JSON on a Unix socket: `curl --unix-socket` is a client. Who may connect, the socket's mode says. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { MAX_BODY_BYTES, readBody } from "./body.js";
import type { Calls } from "./call/book.js";
import { RtcprobeError } from "./errors.js";
import type { Health } from "./health.js";
import { publishSocket } from "./listener.js";
import { formatMetrics, METRICS_TYPE } from "./metrics.js";
import type { HookProbe } from "./native.js";
import { type ProbeState, parseProbes } from "./probes.js";
import type { Sample } from "./stats.js";

/** What the control socket shows and switches. */
export interface Controlled {
  sample(): Sample;
  health(): Health;
  probes(): ProbeState[];
  /** @throws RtcprobeError when the kernel refuses */
  switchProbes(enable: readonly HookProbe[], disable: readonly HookProbe[]): void;
  readonly calls: Calls;
}

/** At once. */
const MAX_CONNECTIONS = 64;
/** Between two looks whether the socket is in its place. */
const LOOK_MS = 1000;
/** A client that neither sends nor reads for so long is let go; milliseconds. */
const PATIENCE_MS = 10_000;

/** An answer other than 200. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

interface Answer {
  type: string;
  body: string;
}

const json = (value: unknown): Answer => ({ type: "application/json", body: `${JSON.stringify(value)}\n` });

async function readText(request: IncomingMessage): Promise<string> {
  const body = await readBody(request);
  if (body === undefined) throw new Refusal(413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
  return body;
}

const changeSchema = z.strictObject({
  enable: z.array(z.string()).max(16).optional(),
  disable: z.array(z.string()).max(16).optional(),
});

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, "the body is no JSON");
  }
}

function parseChange(body: string): { enable: HookProbe[]; disable: HookProbe[] } {
  const change = changeSchema.safeParse(parseJson(body));
  if (!change.success) throw new Refusal(400, 'the body must be {"enable": [names]} or {"disable": [names]}');
  const [enable, disable] = [parseProbes(change.data.enable ?? []), parseProbes(change.data.disable ?? [])];
  const both = enable.find((name) => disable.includes(name));
  if (both !== undefined) throw new Refusal(400, `${both} is to be enabled and disabled at once`);
  if (enable.length + disable.length === 0) throw new Refusal(400, "the body names no probe");
  return { enable, disable };
}

/** `id` is what stands for `:id` in the path. */
type Handler = (target: Controlled, request: IncomingMessage, id: string) => Answer | Promise<Answer>;

const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/v1/streams": {
    GET: (target) => {
      const { timeNs: _, ...sample } = target.sample();
      return json(sample);
    },
  },
  "/v1/health": { GET: (target) => json(target.health()) },
  "/v1/probes": {
    GET: (target) => json({ probes: target.probes() }),
    POST: async (target, request) => {
      const { enable, disable } = parseChange(await readText(request));
      target.switchProbes(enable, disable);
      return json({ probes: target.probes() });
    },
  },
  "/v1/calls": {
    GET: (target) => json({ calls: target.calls.list() }),
    POST: async (target, request) => json({ call: target.calls.start(parseJson(await readText(request))) }),
  },
  "/v1/calls/:id": {
    GET: (target, _, id) => json({ call: target.calls.get(id) }),
    DELETE: (target, _, id) => json({ call: target.calls.stop(id) }),
  },
  "/v1/calls/:id/network-stats": { GET: (target, _, id) => json(target.calls.networkStats(id)) },
  "/v1/calls/:id/report": { GET: (target, _, id) => json(target.calls.report(id)) },
  "/metrics": { GET: (target) => ({ type: METRICS_TYPE, body: formatMetrics(target.health()) }) },
};

/** The route of a path, and what stands in the place of `:id`. */
function findRoute(path: string): { route: (typeof ROUTES)[string]; id: string } | undefined {
  const [, id = "", rest = ""] = /^\/v1\/calls\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const route = ROUTES[id === "" ? path : `/v1/calls/:id${rest}`];
  return route && { route, id: decodeId(id) };
}

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(400, "the path is no URL");
  }
}

function findHandler(method: string, path: string): { handler: Handler; id: string } {
  const found = findRoute(path);
  if (found === undefined) throw new Refusal(404, `there is no such path; there are ${Object.keys(ROUTES).join(", ")}`);
  const { route, id } = found;
  const handler = route?.[method];
  if (route === undefined || handler === undefined) {
    const allow = Object.keys(route ?? {}).join(", ");
    throw new Refusal(405, `the path takes ${allow} only`, { allow });
  }
  return { handler, id };
}

function refuse(response: ServerResponse, error: unknown): void {
  const refusal = error instanceof Refusal ? error : undefined;
  const known = error instanceof RtcprobeError ? error : undefined;
  const asked = known?.code === "ERR_USAGE" || known?.code === "ERR_UNAVAILABLE";
  const status = refusal?.status ?? (asked ? 400 : known?.code === "ERR_CALL" ? 404 : 500);
  const { body } = json({
    error: (error as Error).message,
    ...(known === undefined ? {} : { code: known.code }),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
  });
  // What is left of a body that was too long would be taken for the next request.
  const connection = status === 413 ? { connection: "close" } : {};
  response.writeHead(status, { "content-type": "application/json", ...refusal?.headers, ...connection }).end(body);
}

async function serve(target: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "");
    const path = (request.url ?? "").split("?", 1)[0] as string;
    const { handler, id } = findHandler(method, path);
    const { type, body } = await handler(target, request, id);
    response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
  } catch (error) {
    if (!response.headersSent) refuse(response, error);
    else response.destroy();
  }
}

/** Beyond the most connections, the oldest that is not being answered makes room: idle ones keep nobody out. */
function boundConnections(server: Server): void {
  const [open, busy] = [new Set<Socket>(), new Set<Socket>()];
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    if (open.size <= MAX_CONNECTIONS) return;
    const oldest = [...open].find((other) => !busy.has(other)) ?? socket;
    open.delete(oldest);
    oldest.destroy();
  });
  server.on("request", ({ socket }, response) => {
    busy.add(socket);
    response.once("close", () => busy.delete(socket));
  });
}

function makeServer(target: Controlled): Server {
  const server = createServer({
    headersTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    connectionsCheckingInterval: PATIENCE_MS / 2,
    keepAliveTimeout: PATIENCE_MS / 2,
  });
  server.timeout = PATIENCE_MS;
  boundConnections(server);
  server.on("request", (request, response) => void serve(target, request, response));
  return server;
}

/** The control socket while it is open. */
export interface Control {
  close(): Promise<void>;
}

/**
 * Serves on this path; see freePath for one that is taken.
 * @param say - takes one line when the socket was removed meanwhile
 * @throws RtcprobeError ERR_DAEMON_RUNNING, ERR_CONTROL, ERR_PERMISSION
 */
export async function openControl(path: string, target: Controlled, say: (line: string) => void): Promise<Control> {
  const server = makeServer(target);
  let place = await publishSocket(server, path);
  let isSaid = false;
  /** Without its name nobody finds the daemon, and another one would take its place. */
  const restore = async (): Promise<void> => {
    if (!(await place.isFree())) return;
    server.close();
    try {
      place = await publishSocket(server, path);
      say(`the control socket ${path} was removed, and is there again`);
      isSaid = false;
    } catch (error) {
      const { message, hint } = error as RtcprobeError;
      if (!isSaid) say(`${message}; ${hint}`);
      isSaid = true;
    }
  };
  const ended = new AbortController();
  const { signal } = ended;
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await restore();
    }
  };
  const watching = watch();
  return {
    async close() {
      ended.abort();
      await watching;
      await place.clear();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
