// SPDX-License-Identifier: MIT
import { askDaemon } from "../client.js";
import { findSocket } from "../config.js";
import { type ProbeState, parseProbes } from "../probes.js";
import { renderTable } from "../table.js";
import type { CommandContext, Flags } from "./context.js";

interface ProbesAnswer {
  probes: ProbeState[];
}

const PATH = "/v1/probes";

function formatState({ available, enabled }: ProbeState): string {
  if (!available) return "unavailable";
  return enabled ? "on" : "off";
}

function show({ output }: CommandContext, answer: ProbesAnswer, json: boolean | undefined): void {
  if (json) {
    output.line(JSON.stringify(answer));
    return;
  }
  const rows = answer.probes.map((probe) => [
    probe.name,
    formatState(probe),
    probe.reason === undefined ? probe.measures : `${probe.measures} (${probe.reason})`,
  ]);
  output.lines(renderTable([{ title: "PROBE" }, { title: "STATE" }, { title: "MEASURES" }], rows, output.emphasise));
}

/**
 * The probes of the running daemon, and which are attached.
 * @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL
 */
export async function listProbesCommand(context: CommandContext, flags: Flags): Promise<void> {
  const socket = await findSocket({ flags, env: context.env, path: flags.config });
  show(context, await askDaemon<ProbesAnswer>({ socket, path: PATH }), flags.json);
}

/**
 * Attaches or detaches probes of the running daemon.
 * @throws RtcprobeError ERR_USAGE (unknown name), ERR_UNAVAILABLE (not in this build), and those of the daemon
 */
export async function switchProbesCommand(
  context: CommandContext,
  action: "enable" | "disable",
  names: readonly string[],
  flags: Flags,
): Promise<void> {
  const probes = parseProbes(names);
  const socket = await findSocket({ flags, env: context.env, path: flags.config });
  show(context, await askDaemon<ProbesAnswer>({ socket, path: PATH, body: { [action]: probes } }), flags.json);
}
