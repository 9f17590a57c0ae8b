// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from "node:timers/promises";
import { askDaemon } from "../client.js";
import { findSocket } from "../config.js";
import { parseWhole } from "../duration.js";
import { RtcprobeError } from "../errors.js";
import { viewSample } from "../view.js";
import type { CommandContext, Flags } from "./context.js";
import { readDurationFlag, readFlag } from "./flag.js";
import type { StreamsAnswer } from "./streams.js";

export interface TopFlags extends Flags {
  interval?: string;
  count?: string;
}

function parseCount(text: string): number {
  const count = parseWhole(text);
  if (count === 0) throw new RtcprobeError("ERR_USAGE", "0 is out of range", "give 1 or more");
  return count;
}

/**
 * The streams, drawn again each interval, until it is told to stop.
 * @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL
 */
export async function topCommand(context: CommandContext, flags: TopFlags): Promise<void> {
  const { output, env } = context;
  const interval = readDurationFlag("--interval", flags.interval, "100ms") ?? 1000;
  const count =
    flags.count === undefined ? Number.POSITIVE_INFINITY : readFlag("--count", () => parseCount(String(flags.count)));
  const socket = await findSocket({ flags, env, path: flags.config });
  const signal = context.stopSignal();
  for (let drawn = 1; !signal.aborted; drawn++) {
    const sample = await askDaemon<StreamsAnswer>({ socket, path: "/v1/streams", signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (sample === undefined) return;
    output.draw(viewSample(sample, output.emphasise));
    if (drawn >= count) return;
    await sleep(interval, undefined, { signal }).catch(() => undefined);
  }
}
