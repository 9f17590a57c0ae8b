// SPDX-License-Identifier: MIT
/** What an answer of InfluxDB, or its absence, means for the points that were sent. Pure. */
import { ResultError } from "influx";
import { cleanText, type Secrets } from "./publictext.js";
import type { Server } from "./server.js";

/** Head of an HTTP answer. */
export interface Answer {
  status: number;
  /** Which server it is, as far as the head tells. */
  server?: Server;
  /** X-Influxdb-Error. */
  error?: string;
  /** Retry-After, in milliseconds. */
  retryAfterMs?: number;
}

/** A call that failed: what the client threw, and the head of the answer if one came. */
export interface Failure {
  thrown: unknown;
  answer?: Answer;
  /** Milliseconds of the deadline, when that is what ended the call. */
  deadlineMs?: number;
  /** What was sent and no text may show. */
  secrets: Secrets;
}

/** What a server says it does not have. */
export type Missing = "database" | "retention policy";

/** `reason` is one line without a secret. */
export type Verdict =
  | { kind: "done" }
  /** The server will do: the same points again later. */
  | { kind: "retry"; reason: string; retryAfterMs?: number }
  /** Somebody has to mend something first (`hint`); the points are kept. */
  | { kind: "hold"; reason: string; hint: string; missing?: Missing; status?: number }
  /** Too many bytes at once. */
  | { kind: "split"; reason: string }
  /** All but `dropped` of the points are stored, and the same ones would be refused again. */
  | { kind: "partial"; dropped: number; reason: string }
  | { kind: "refused"; reason: string };

/** Milliseconds that a Retry-After header asks for: seconds, or a date. */
export function parseRetryAfter(text: string, nowMs: number): number | undefined {
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return ms >= 0 ? ms : undefined;
}

/** What a JSON body says: `error` of 1.x and 3.x, `code` and `message` of 2.x; and the lines that 3.x refused. */
interface Said {
  error: string;
  refused?: number;
}

/** npm influx hands the body over behind a sentence of its own. */
function readBody(thrown: unknown): Said | undefined {
  const text = thrown instanceof Error ? thrown.message : "";
  try {
    const body = JSON.parse(text.slice(text.indexOf("{"))) as Record<string, unknown> | null;
    const { error, code, message, data } = body ?? {};
    const said = typeof error === "string" ? error : typeof code === "string" ? message : undefined;
    if (typeof said !== "string") return undefined;
    if (!Array.isArray(data) || data.length === 0) return { error: said };
    const first = (data[0] as { error_message?: unknown } | null)?.error_message;
    return { error: typeof first === "string" ? `${said}: ${first}` : said, refused: data.length };
  } catch {
    return undefined;
  }
}

function describeThrown({ thrown, secrets }: Failure): string {
  const { message, code } = (thrown ?? {}) as { message?: string; code?: string };
  if (code?.startsWith("HPE_")) return "what answered speaks no HTTP";
  return cleanText(message || code || String(thrown), secrets);
}

/** What the server itself says is wrong; a proxy says nothing that we could read. */
function serverSaid({ thrown, answer }: Failure): Said | undefined {
  return readBody(thrown) ?? (answer?.error === undefined ? undefined : { error: answer.error });
}

function describeAnswer(failure: Failure, answer: Answer): string {
  const said = serverSaid(failure);
  return said === undefined
    ? `answered HTTP ${answer.status}`
    : `answered HTTP ${answer.status}: ${cleanText(said.error, failure.secrets)}`;
}

/** One line: what came instead of what was asked for. */
export function describeFailure(failure: Failure): string {
  const { thrown, answer, deadlineMs, secrets } = failure;
  if (deadlineMs !== undefined) {
    const wait = `${deadlineMs / 1000} s`;
    return answer ? `answered HTTP ${answer.status} and no end of it within ${wait}` : `no answer within ${wait}`;
  }
  if (thrown instanceof ResultError) return cleanText(thrown.message, secrets);
  if (answer && answer.status < 300) return `answered HTTP ${answer.status} with something that is not InfluxDB's`;
  return answer ? describeAnswer(failure, answer) : describeThrown(failure);
}

const HINTS: Readonly<Record<number, string>> = {
  401: "set influx.username with influx.passwordFile, or influx.tokenFile, to what the server knows",
  403: "give this user or token the right to write to the database",
  415: "set influx.gzip to no",
};
const WRONG_SERVER = "see whether influx.url is that of an InfluxDB";
const MISSING: Readonly<Record<Missing, string>> = {
  database: "create the database, or set influx.createDatabase",
  "retention policy": "create the retention policy, or leave out influx.retentionPolicy",
};

/** InfluxDB 1 answers 404 for a database that it does not have, and 500 for a retention policy. */
function findMissing(status: number, said: string): Missing | undefined {
  if (said.startsWith("retention policy not found")) return "retention policy";
  return status === 404 ? "database" : undefined;
}

/** 400 of 1.x and 3.x, 422 of 2.x. */
function judgeRefusal({ error, refused }: Said, reason: string): Verdict {
  // 3.x stores the others and tells each line that it refused, be it unreadable or of another type.
  if (refused !== undefined && error.startsWith("partial write")) return { kind: "partial", dropped: refused, reason };
  // The good points of a batch with unreadable ones are stored; sent again, they are the same points.
  if (!/\bpartial write: /.test(error) || /\bunable to parse '/.test(error)) return { kind: "refused", reason };
  const dropped = Number(/ dropped=(\d{1,15})$/.exec(error)?.[1] ?? 0);
  return { kind: "partial", dropped, reason };
}

/** What becomes of points whose write failed. */
export function judgeFailure(failure: Failure): Verdict {
  const reason = describeFailure(failure);
  const status = failure.answer?.status;
  const retryAfterMs = failure.answer?.retryAfterMs;
  if (failure.deadlineMs !== undefined) return { kind: "retry", reason };
  if (failure.thrown instanceof ResultError) return { kind: "hold", reason, hint: HINTS[403] as string };
  // Without an answer: the network failed, which has a code; or our own code did, and would again.
  if (status === undefined) return { kind: hasCode(failure.thrown) ? "retry" : "refused", reason };
  const said = serverSaid(failure);
  const missing = said === undefined ? undefined : findMissing(status, said.error);
  if (missing !== undefined) return { kind: "hold", reason, hint: MISSING[missing], missing };
  if (status === 413) return { kind: "split", reason };
  if (status === 408 || status === 429 || status >= 500) {
    return { kind: "retry", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  // A proxy refuses with a page of its own: the points are not to blame.
  // What else 2.x and 3.x cannot process, such as one database too many, is no fault of the points either.
  const partly = status === 422 && said?.error.includes("partial write: ");
  if (said !== undefined && (status === 400 || partly)) return judgeRefusal(said, reason);
  return { kind: "hold", reason, hint: HINTS[status] ?? WRONG_SERVER, status };
}

function hasCode(thrown: unknown): boolean {
  return typeof (thrown as { code?: unknown } | undefined)?.code === "string";
}
