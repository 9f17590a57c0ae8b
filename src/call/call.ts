// SPDX-License-Identifier: MIT
/** What a call is: the streams and pairs of one process that belong to one meeting. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as z from "zod";
import { RtcprobeError } from "../errors.js";
import type { Endpoints, Owner } from "../stats.js";

/** An end of this host's, the end it talks to, and who holds the socket. */
export type Place = Endpoints & Owner;

/** Where the fetch of Daily's side stands. */
export interface DailyProgress {
  /** pending: to be asked for; fetched: in its file; stored: handed to the sinks; absent: there is nothing, see reason. */
  phase: "pending" | "fetched" | "stored" | "absent";
  /** Looks so far, and what the latest one found. */
  polls: number;
  metrics: number;
  digest?: string;
  /** Two looks agreed; false: the deadline ended it, and more may have come since. */
  settled?: boolean;
  reason?: string;
}

export interface Call {
  id: string;
  /** Daily's mtgSessionId and userSessionId, and the name of the room. */
  meeting?: string | undefined;
  participant?: string | undefined;
  room?: string | undefined;
  pid?: number | undefined;
  /** Of the process, in ticks since boot: the pid alone is used again. */
  pidStart?: string;
  source: "control" | "presence";
  /** The pair that carries it, told from this host's end, as far as one was seen; where Daily's round trips are stored. */
  place?: Place;
  /** Milliseconds since the Unix epoch. */
  startedAt: number;
  endedAt?: number;
  endReason?: string;
  daily: DailyProgress;
}

const identifier = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u);

const requestSchema = z.strictObject({
  meeting: identifier.optional(),
  participant: identifier.optional(),
  room: identifier.optional(),
  pid: z.int().min(1).max(4_194_304).optional(),
});

export type CallRequest = z.output<typeof requestSchema>;

/** @throws RtcprobeError ERR_USAGE */
export function parseCallRequest(value: unknown): CallRequest {
  const hint = 'give {"meeting": id, "participant": id, "room": name, "pid": number}, at least one of them';
  const result = requestSchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const name = issue?.code === "unrecognized_keys" ? issue.keys[0] : issue?.path.join(".");
    throw new RtcprobeError("ERR_USAGE", `a call cannot have this ${name || "form"}`, hint);
  }
  if (Object.keys(result.data).length === 0) throw new RtcprobeError("ERR_USAGE", "the call says nothing", hint);
  return result.data;
}

/** When the process began, in ticks since boot (proc_pid_stat(5), field 22); undefined if there is none. */
export function readProcessStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before it may hold blanks and brackets.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** @throws RtcprobeError ERR_CALL when the process is not there */
export function makeCall(request: CallRequest, source: Call["source"], nowMs: number): Call {
  const pidStart = request.pid === undefined ? undefined : readProcessStart(request.pid);
  if (request.pid !== undefined && pidStart === undefined) {
    const hint = "give the process id as this host sees it, not as a container does";
    throw new RtcprobeError("ERR_CALL", `there is no process ${request.pid}`, hint);
  }
  return {
    id: randomBytes(4).toString("hex"),
    ...request,
    ...(pidStart === undefined ? {} : { pidStart }),
    source,
    startedAt: nowMs,
    daily: { phase: "pending", polls: 0, metrics: 0 },
  };
}

/** The newest of those that the word means: an id, a meeting, or `last`. `calls` is newest first. */
export function findCall(calls: readonly Call[], word: string): Call {
  const found = word === "last" ? calls[0] : calls.find(({ id, meeting }) => id === word || meeting === word);
  if (found) return found;
  const hint = calls.length === 0 ? "no call is kept yet" : "see rtcprobe calls list";
  throw new RtcprobeError("ERR_CALL", `there is no call ${word}`, hint);
}
