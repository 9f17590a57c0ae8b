// SPDX-License-Identifier: MIT
/** A server that does wrong what it is told to, on a loopback port; and remembers the points that it took. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createPlainServer, type Server as PlainServer } from "node:net";
import { gunzipSync } from "node:zlib";

export interface ServedRequest {
  /** "/write", "/query". */
  path: string;
  body: string;
  request: IncomingMessage;
}

export type Behaviour = (response: ServerResponse, served: ServedRequest) => void;

/** What a request may meet. Everything but `take` stores nothing. */
export const BEHAVIOURS = {
  take: (response) => response.writeHead(204, { "X-Influxdb-Version": "1.6.7" }).end(),
  stall: () => {},
  stallAfterHead: (response) => response.writeHead(200, { "Content-Length": "10" }).flushHeaders(),
  stallInError: (response) => response.writeHead(400, { "Content-Length": "100" }).write("{"),
  reset: (response) => response.destroy(),
  truncate: (response) => {
    response.writeHead(200, { "Content-Length": "100" }).write("{", () => response.destroy());
  },
  html: (response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<html>Please log in</html>"),
  htmlError: (response) => response.writeHead(404, { "Content-Type": "text/html" }).end("<html>Not found</html>"),
  badGateway: (response) => response.writeHead(502).end("<html>Bad Gateway</html>"),
  internal: (response) => response.writeHead(500, { "X-Influxdb-Error": "timeout" }).end('{"error":"timeout"}'),
  tooMany: (response) => response.writeHead(429, { "Retry-After": "1" }).end(),
  requestTimeout: (response) => response.writeHead(408).end(),
  redirect: (response) => response.writeHead(301, { Location: "http://127.0.0.1:1/" }).end(),
  unauthorized: (response) => response.writeHead(401).end('{"error":"authorization failed"}'),
  forbidden: (response) => response.writeHead(403).end('{"error":"not authorized to write"}'),
  noDatabase: (response) => response.writeHead(404).end('{"error":"database not found: \\"db\\""}'),
  tooLarge: (response) => response.writeHead(413).end('{"error":"Request Entity Too Large"}'),
  partial: (response) =>
    response.writeHead(400).end('{"error":"partial write: points beyond retention policy dropped=1"}'),
  unparsable: (response) => response.writeHead(400).end('{"error":"unable to parse \'x\': missing fields"}'),
} satisfies Record<string, Behaviour>;

export interface FaultServer {
  readonly url: string;
  readonly port: number;
  /** Meets requests from now on. */
  behave(behaviour: Behaviour): void;
  /** Lines of line protocol that were answered with 204, and the number of requests of any kind. */
  readonly lines: string[];
  readonly requests: ServedRequest[];
  close(): Promise<void>;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return String(request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes);
}

/** `port` starts one where another was. */
export async function startFaultServer(behaviour: Behaviour, port = 0): Promise<FaultServer> {
  let behave = behaviour;
  const lines: string[] = [];
  const requests: ServedRequest[] = [];
  const server = createServer(async (request, response) => {
    const body = await readBody(request);
    const served = { path: (request.url ?? "").replace(/\?.*/, ""), body, request };
    requests.push(served);
    behave(response, served);
    if (behave === BEHAVIOURS.take && body !== "") lines.push(...body.split("\n"));
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    lines,
    requests,
    behave: (next) => {
      behave = next;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** Answers every connection with bytes that are no HTTP. */
export async function startGarbageServer(): Promise<{ url: string; server: PlainServer }> {
  const server = createPlainServer((socket) => {
    socket.on("error", () => {});
    socket.end("220 mail.example.com ESMTP\r\n");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, server };
}
