// SPDX-License-Identifier: MIT
/**
 * A server that answers as Daily's REST API does, as far as public material tells, in each of the forms that were seen; and
 * that enforces Daily's rate limits, over windows that slide with every request.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export const KEY = "a-daily-key-nobody-may-see-0123456789";

/** What a request gets instead of its answer. */
export type Fault =
  | { status: number; body?: string; headers?: Record<string, string> }
  | "html"
  | "truncated"
  | "slow"
  | "reset";

export interface Metric extends Record<string, unknown> {
  time: string;
  userSessionId: string;
  mtgSessionId: string;
}

export interface DailyState {
  meetings: Record<string, unknown>[];
  participants: Record<string, Record<string, unknown>[]>;
  presence: Record<string, Record<string, unknown>[]>;
  logs: Record<string, unknown>[];
  metrics: Metric[];
  /** Members of the answer of /logs beside the lists. */
  hasCounts: boolean;
  /** Most records of a page, whatever the request asks for. */
  pageMost: number;
}

export interface DailyServer {
  url: string;
  state: DailyState;
  /** Paths and queries, in order. */
  requests: string[];
  /** Requests beyond a limit. */
  violations: number;
  /** Taken by the next requests, one each. */
  faults: Fault[];
  /** Called before each answer. */
  onRequest: (path: string) => void;
  close(): Promise<void>;
}

const LIMITS = [
  { requests: 20, windowMs: 1000 },
  { requests: 100, windowMs: 5000 },
];
/** Daily's own examples. */
export const LOG = {
  time: "2026-03-23T16:32:55.473000000Z",
  clientTime: "2026-03-23T16:32:55.324000000Z",
  message: "disconnect on pagehide",
  mtgSessionId: "008c1f0f-6fc5-4e5f-b872-1b9623cb1e7a",
  userSessionId: "7a51a4b2-92cf-4ad2-b53b-9d01cc985a38",
  peerId: null,
  domainName: "your-domain",
  level: 2,
  code: 7991,
};
export const METRIC: Metric = {
  time: "2020-09-29T18:01:41.791Z",
  clientTime: "2020-09-29T18:01:26.529Z",
  mtgSessionId: "7a99abff-0047-4b27-c6c1-49b4ec46f1de",
  userSessionId: "4fde3659-71f6-4c28-9a90-e4c3f08ca611",
  roomName: "logger",
  domainName: "your-domain",
  videoRecvPacketLoss: 0,
  userRecvBitsPerSecAvg: 1038950,
  userRecvBitsPerSecMax: 1248527,
  userRecvBitsPerSecMin: 702322,
  userSentBitsPerSecAvg: 1059720,
  userSentBitsPerSecMax: 1087262,
  userSentBitsPerSecMin: 1039595,
  metrics: {},
};

const truth = (text: string | null, fallback: boolean): boolean =>
  text === null ? fallback : text === "true" || text === "1";

class RateLimiter {
  #times: number[] = [];
  constructor(private readonly now: () => number) {}

  /** False for a request beyond a limit; it counts all the same. */
  admit(): boolean {
    const now = this.now();
    this.#times = this.#times.filter((at) => now - at < 5000);
    this.#times.push(now);
    return LIMITS.every(({ requests, windowMs }) => this.#times.filter((at) => now - at < windowMs).length <= requests);
  }
}

function error(status: number, type: string, info?: string): Answer {
  return { status, body: { error: type, ...(info === undefined ? {} : { info }) } };
}

interface Answer {
  status: number;
  body: unknown;
}

function answerLogs(state: DailyState, query: URLSearchParams): Answer {
  const [meeting, participant] = [query.get("mtgSessionId"), query.get("userSessionId")];
  if (meeting === null && participant === null) {
    return error(400, "invalid-request-error", "mtgSessionId or userSessionId is required");
  }
  const [from, to] = [Number(query.get("startTime") ?? 0), Number(query.get("endTime") ?? 9e15)];
  const limit = Math.min(Number(query.get("limit") ?? 20), state.pageMost);
  const offset = Number(query.get("offset") ?? 0);
  const sign = (query.get("order") ?? "DESC").toUpperCase() === "ASC" ? 1 : -1;
  const select = <T extends Record<string, unknown>>(records: T[]): T[] =>
    records
      .filter(
        (r) =>
          (meeting === null || r.mtgSessionId === meeting) && (participant === null || r.userSessionId === participant),
      )
      .filter((r) => Date.parse(String(r.time)) >= from && Date.parse(String(r.time)) <= to)
      .sort((a, b) => sign * (Date.parse(String(a.time)) - Date.parse(String(b.time))))
      .slice(offset, offset + limit);
  const body: Record<string, unknown> = {};
  if (truth(query.get("includeLogs"), true)) body.logs = select(state.logs);
  if (truth(query.get("includeMetrics"), false)) body.metrics = select(state.metrics);
  if (state.hasCounts && body.logs) body.logs_count = state.logs.length;
  if (state.hasCounts && body.metrics) body.metrics_count = state.metrics.length;
  return { status: 200, body };
}

function answerMeetings(state: DailyState, query: URLSearchParams): Answer {
  const [start, end] = [Number(query.get("timeframe_start") ?? 0), Number(query.get("timeframe_end") ?? 9e15)];
  const all = state.meetings
    .filter((m) => query.get("room") === null || m.room === query.get("room"))
    .filter((m) => Number(m.start_time) >= start && Number(m.start_time) < end)
    .filter((m) => query.get("ongoing") === null || m.ongoing === truth(query.get("ongoing"), false))
    .sort((a, b) => Number(b.start_time) - Number(a.start_time));
  const after = all.findIndex((m) => m.id === query.get("starting_after"));
  const data = all.slice(after + 1, after + 1 + Math.min(100, Number(query.get("limit") ?? 100)));
  return { status: 200, body: { total_count: all.length, data } };
}

function answerParticipants(state: DailyState, meeting: string, query: URLSearchParams): Answer {
  const all = state.participants[meeting] ?? [];
  const after = all.findIndex((p) => p.participant_id === query.get("joined_after"));
  const data = all.slice(after + 1, after + 1 + Number(query.get("limit") ?? 100));
  return data.length > 0 ? { status: 200, body: { data } } : error(404, "invalid-request-error", "not found");
}

function answer(state: DailyState, url: URL): Answer {
  const [, , first, second, third] = url.pathname.split("/").map(decodeURIComponent);
  const query = url.searchParams;
  if (first === "logs") return answerLogs(state, query);
  if (first === "meetings" && second === undefined) return answerMeetings(state, query);
  if (first === "meetings" && third === "participants") return answerParticipants(state, second ?? "", query);
  if (first === "meetings") {
    const meeting = state.meetings.find((m) => m.id === second);
    return meeting ? { status: 200, body: meeting } : error(404, "not-found");
  }
  if (first === "presence") return { status: 200, body: state.presence };
  if (first === "rooms" && third === "presence") {
    const data = state.presence[second ?? ""] ?? [];
    return { status: 200, body: { total_count: data.length, data } };
  }
  return error(404, "invalid-request-error", "no such endpoint");
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function spoil(fault: Fault, response: ServerResponse): void {
  if (fault === "html") response.writeHead(200, { "content-type": "text/html" }).end("<html><h1>Log in</h1></html>");
  else if (fault === "truncated") response.writeHead(200).end('{"metrics":[{"time":"2020-09-');
  else if (fault === "reset") response.destroy();
  else if (fault !== "slow") response.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? "");
}

function authorize(request: IncomingMessage): Answer | undefined {
  const { authorization } = request.headers;
  if (!authorization?.startsWith("Bearer ")) return error(400, "authorization-header-error", "bad header");
  return authorization === `Bearer ${KEY}` ? undefined : error(401, "authentication-error");
}

/** @param now - the clock that the limits are kept by; milliseconds */
export async function startDaily(
  given: Partial<DailyState> = {},
  now: () => number = () => performance.now(),
): Promise<DailyServer> {
  const limiter = new RateLimiter(now);
  const empty = { meetings: [], participants: {}, presence: {}, logs: [], metrics: [] };
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://daily");
    server.requests.push(url.pathname + url.search);
    server.onRequest(url.pathname);
    if (!limiter.admit()) {
      server.violations++;
      send(response, error(429, "rate-limit-error", "too many requests"));
      return;
    }
    const fault = server.faults.shift();
    if (fault !== undefined) spoil(fault, response);
    else send(response, authorize(request) ?? answer(server.state, url));
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  const server: DailyServer = {
    url: `http://127.0.0.1:${(http.address() as { port: number }).port}/v1`,
    state: { ...empty, hasCounts: true, pageMost: 1000, ...given },
    requests: [],
    violations: 0,
    faults: [],
    onRequest: () => undefined,
    close: async () => {
      http.close();
      http.closeAllConnections();
      await once(http, "close");
    },
  };
  return server;
}
