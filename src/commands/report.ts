// SPDX-License-Identifier: MIT
import { hostname } from "node:os";
import { findCall } from "../call/call.js";
import { makeReport, type Report } from "../call/report.js";
import { CallStore } from "../call/store.js";
import { askDaemon } from "../client.js";
import { loadConfig } from "../config.js";
import { RtcprobeError } from "../errors.js";
import { viewReport } from "../reportview.js";
import { callPath } from "./calls.js";
import type { CommandContext, Flags } from "./context.js";

/** The running daemon's, or without one what is on disk. */
async function findReport({ env }: CommandContext, word: string, flags: Flags): Promise<Report> {
  const { socket, calls, host = hostname() } = await loadConfig({ flags, env, path: flags.config });
  try {
    return await askDaemon<Report>({ socket, path: `${callPath(word)}/report` });
  } catch (error) {
    if (!(error instanceof RtcprobeError) || error.code !== "ERR_NO_DAEMON") throw error;
  }
  const store = new CallStore(calls.directory);
  const call = findCall(store.load(), word);
  return makeReport(call, store.loadRows(call.id), store.loadMetrics(call.id) ?? [], host);
}

/**
 * Both sides of a call.
 * @throws RtcprobeError ERR_CALL, ERR_FILE, ERR_CONFIG, ERR_PERMISSION, ERR_CONTROL
 */
export async function reportCommand(context: CommandContext, word: string, flags: Flags): Promise<void> {
  const report = await findReport(context, word, flags);
  if (flags.json) context.output.line(JSON.stringify(report));
  else context.output.lines(viewReport(report, context.output.emphasise));
}
