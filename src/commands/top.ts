// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from "node:timers/promises";
import { askDaemon } from "../client.js";
import { findSocket } from "../config.js";
import { parseWhole } from "../duration.js";
import { RtcprobeError } from "../errors.js";
import { layerSchema } from "../settings.js";
import { viewSample } from "../view.js";
import type { CommandContext, Flags } from "./context.js";
import type { StreamsAnswer } from "./streams.js";

export interface TopFlags extends Flags {
  interval?: string;
  count?: string;
}

function readCount(text: string): number {
  const count = parseWhole(text);
  if (count === 0) throw new RtcprobeError("ERR_USAGE", "--count: 0 is out of range", "give 1 or more");
  return count;
}

/**
 * The streams, drawn again each interval, until it is told to stop.
 * @throws RtcprobeError ERR_NO_DAEMON, ERR_PERMISSION, ERR_CONTROL
 */
export async function topCommand(context: CommandContext, flags: TopFlags): Promise<void> {
  const { output, env } = context;
  const count = flags.count === undefined ? Number.POSITIVE_INFINITY : readCount(flags.count);
  const socket = await findSocket({ flags, env, path: flags.config });
  const signal = context.stopSignal();
  const { interval = 1000 } = layerSchema.parse(flags.interval === undefined ? {} : { interval: flags.interval });
  for (let drawn = 1; !signal.aborted; drawn++) {
    const sample = await askDaemon<StreamsAnswer>({ socket, path: "/v1/streams", signal });
    output.draw(viewSample(sample, output.emphasise));
    if (drawn >= count) return;
    await sleep(interval, undefined, { signal }).catch(() => undefined);
  }
}
