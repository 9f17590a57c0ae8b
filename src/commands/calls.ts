// SPDX-License-Identifier: MIT
import { type Call, type CallRequest, parseCallRequest } from "../call/call.js";
import { askDaemon } from "../client.js";
import { findSocket } from "../config.js";
import { parseWhole } from "../duration.js";
import { RtcprobeError } from "../errors.js";
import { renderTable } from "../table.js";
import type { CommandContext, Flags } from "./context.js";
import { readFlag } from "./flag.js";

export interface CallFlags extends Flags {
  meeting?: string;
  participant?: string;
  room?: string;
  pid?: string;
}

const ABSENT = "-";

function describeState({ endedAt, daily, endReason }: Call): string {
  if (endedAt === undefined) return "on";
  const metrics =
    daily.metrics > 0 ? `, ${daily.metrics} metrics of Daily's ${daily.phase}` : `, Daily's ${daily.phase}`;
  return `${endReason ?? "over"}${metrics}${daily.reason === undefined ? "" : ` (${daily.reason})`}`;
}

function show({ output }: CommandContext, calls: readonly Call[]): void {
  if (calls.length === 0) {
    output.line("no calls");
    return;
  }
  const columns = ["CALL", "BEGAN", "SECONDS", "MEETING", "PARTICIPANT", "ROOM", "PID", "STATE"];
  const rows = calls.map((call) => [
    call.id,
    new Date(call.startedAt).toISOString().replace(/\.\d+Z$/, "Z"),
    String(Math.round(((call.endedAt ?? Date.now()) - call.startedAt) / 1000)),
    call.meeting ?? ABSENT,
    call.participant ?? ABSENT,
    call.room ?? ABSENT,
    call.pid === undefined ? ABSENT : String(call.pid),
    describeState(call),
  ]);
  output.lines(
    renderTable(
      columns.map((title) => ({ title })),
      rows,
      output.emphasise,
    ),
  );
}

/** Path of one call on the control socket. @throws RtcprobeError ERR_USAGE */
export function callPath(word: string): string {
  if (word === "") throw new RtcprobeError("ERR_USAGE", "no call is named", "give its id, its meeting, or last");
  return `/v1/calls/${encodeURIComponent(word)}`;
}

/** What the flags say of a call. What is wrong with it is told in their words, not in those of the control socket. */
function readRequest({ meeting, participant, room, pid }: CallFlags): CallRequest {
  const number = pid === undefined ? undefined : readFlag("--pid", () => parseWhole(pid));
  const given = Object.entries({ meeting, participant, room, pid: number }).filter(([, value]) => value !== undefined);
  try {
    return parseCallRequest(Object.fromEntries(given));
  } catch (error) {
    const hint = "give one of --meeting, --participant, --room and --pid at least, each in one line";
    throw new RtcprobeError("ERR_USAGE", (error as RtcprobeError).message, hint);
  }
}

/**
 * A call begins.
 * @throws RtcprobeError ERR_USAGE, ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL
 */
export async function startCallCommand(context: CommandContext, flags: CallFlags): Promise<void> {
  const body = readRequest(flags);
  const socket = await findSocket({ flags, env: context.env, path: flags.config });
  const { call } = await askDaemon<{ call: Call }>({ socket, path: "/v1/calls", body });
  context.output.line(flags.json ? JSON.stringify({ call }) : call.id);
}

/**
 * A call ends.
 * @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL
 */
export async function stopCallCommand(context: CommandContext, word: string, flags: Flags): Promise<void> {
  const socket = await findSocket({ flags, env: context.env, path: flags.config });
  const { call } = await askDaemon<{ call: Call }>({ socket, path: callPath(word), method: "DELETE" });
  if (flags.json) context.output.line(JSON.stringify({ call }));
  else show(context, [call]);
}

/** @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL */
export async function listCallsCommand(context: CommandContext, flags: Flags): Promise<void> {
  const socket = await findSocket({ flags, env: context.env, path: flags.config });
  const answer = await askDaemon<{ calls: Call[] }>({ socket, path: "/v1/calls" });
  if (flags.json) context.output.line(JSON.stringify(answer));
  else show(context, answer.calls);
}
