// SPDX-License-Identifier: MIT
/** Asks the daemon over its control socket. The answer may come from anybody who listens there. */
import { type IncomingMessage, request } from "node:http";
import { ERROR_CODES, errnoName, RtcprobeError } from "./errors.js";

/** Else Node sees whether the host is an address, by an expression that takes 4 ms to compile; it is for TLS. */
const NO_SERVER_NAME = { servername: "" };

const DEADLINE_MS = 5000;
/** More than a hundred thousand streams take. */
const MAX_ANSWER_BYTES = 2 ** 28;

export interface Question {
  socket: string;
  path: string;
  /** Sent as JSON by POST; absent: GET. */
  body?: unknown;
  method?: "DELETE";
  signal?: AbortSignal | undefined;
}

function noAnswer(socket: string, cause: unknown): RtcprobeError {
  const name = errnoName(cause);
  const start = "start one: rtcprobe run";
  switch (name) {
    case "ENOENT":
      return new RtcprobeError("ERR_NO_DAEMON", `no daemon is running on ${socket}`, start, { cause });
    case "ECONNREFUSED":
      return new RtcprobeError("ERR_NO_DAEMON", `the daemon of ${socket} is gone`, start, { cause });
    case "EACCES":
    case "EPERM": {
      const hint = "run as root, or as a member of the socket's group";
      return new RtcprobeError("ERR_PERMISSION", `no permission to connect to ${socket}`, hint, { cause });
    }
    default: {
      const hint = "is it the daemon's socket?";
      return new RtcprobeError("ERR_CONTROL", `no answer on ${socket}: ${name ?? (cause as Error).message}`, hint, {
        cause,
      });
    }
  }
}

async function readAnswer(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function exchange({ socket, path, body, method, signal }: Question): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const sent = request({
      socketPath: socket,
      path,
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { host: "rtcprobe", "content-type": "application/json" },
      agent: false,
      ...NO_SERVER_NAME,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    sent.on("error", (error) => reject(deadline.aborted ? new Error(`none within ${DEADLINE_MS} ms`) : error));
    sent.on("response", (response) => {
      readAnswer(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The daemon's own words, when it refused. */
function refusal(socket: string, status: number, value: unknown): RtcprobeError {
  const { error, code, hint } = (value ?? {}) as { error?: unknown; code?: unknown; hint?: unknown };
  if (typeof error !== "string") return new RtcprobeError("ERR_CONTROL", `${socket} answered with status ${status}`);
  const known = ERROR_CODES.find((name) => name === code) ?? "ERR_CONTROL";
  return new RtcprobeError(known, error, typeof hint === "string" ? hint : undefined);
}

/**
 * The answer's JSON.
 * @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL, and those of the daemon
 */
export async function askDaemon<T>(question: Question): Promise<T> {
  const { socket } = question;
  const { status, text } = await exchange(question).catch((error) => {
    throw question.signal?.aborted ? error : noAnswer(socket, error);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const hint = "is it the daemon's socket?";
    throw new RtcprobeError("ERR_CONTROL", `${socket} did not answer with JSON`, hint, { cause });
  }
  if (status !== 200) throw refusal(socket, status, value);
  return value as T;
}
