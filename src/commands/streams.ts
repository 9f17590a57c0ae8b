// SPDX-License-Identifier: MIT
import { askDaemon } from "../client.js";
import { findSocket } from "../config.js";
import type { Sample } from "../stats.js";
import { viewSample } from "../view.js";
import type { CommandContext, Flags } from "./context.js";

/** What `/v1/streams` answers. */
export type StreamsAnswer = Omit<Sample, "timeNs">;

/**
 * What the daemon saw last.
 * @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL
 */
export async function streamsCommand({ output, env }: CommandContext, flags: Flags): Promise<void> {
  const socket = await findSocket({ flags, env, path: flags.config });
  const sample = await askDaemon<StreamsAnswer>({ socket, path: "/v1/streams" });
  if (flags.json) output.line(JSON.stringify(sample));
  else output.lines(viewSample(sample, output.emphasise));
}
