// SPDX-License-Identifier: MIT
import { hostname } from "node:os";
import { loadConfig } from "../config.js";
import { quoteText } from "../duration.js";
import { RtcprobeError } from "../errors.js";
import { readJournal } from "../journal.js";
import { ReplayFeed } from "../replay.js";
import type { SinkConfig } from "../sinkconfig.js";
import { openSink } from "../store.js";
import type { CommandContext, Flags } from "./context.js";
import { readAgeFlag } from "./flag.js";

export interface ReplayFlags extends Flags {
  since?: string;
  sink?: string;
}

/** Longest time that a timer can wait. */
const MAX_MS = 2 ** 31 - 1;

function chooseSinks(sinks: readonly SinkConfig[], name: string | undefined): readonly SinkConfig[] {
  if (sinks.length === 0) {
    throw new RtcprobeError("ERR_CONFIG", "no sink is configured", "give --influx-url, or sinks in the config file");
  }
  const chosen = name === undefined ? sinks : sinks.filter((sink) => sink.name === name);
  if (chosen.length > 0) return chosen;
  const hint = `there are ${sinks.map((sink) => sink.name).join(", ")}`;
  throw new RtcprobeError("ERR_USAGE", `no sink is called ${quoteText(name ?? "")}`, hint);
}

/**
 * Sends what the journal holds to the sinks, each by itself. Points that are stored already are the same points.
 * @returns true when all of it was sent
 * @throws RtcprobeError ERR_USAGE, ERR_CONFIG, ERR_JOURNAL
 */
export async function replayCommand(context: CommandContext, flags: ReplayFlags): Promise<boolean> {
  const { output, say, env } = context;
  const age = readAgeFlag("--since", flags.since);
  const config = await loadConfig({ flags, env, path: flags.config });
  const { directory, maxBytes, maxAge } = config.journal;
  const sinceMs = age === undefined ? undefined : Date.now() - age;
  const options = {
    journal: { directory, maxBytes, maxAgeMs: maxAge },
    host: config.host ?? hostname(),
    say,
    writeText: (text: string) => output.text(text),
  };
  context.onOutputLoss(() => undefined);
  const replays = chooseSinks(config.sinks, flags.sink).map(async (sink) => {
    const feed = new ReplayFeed(readJournal(directory, { sinceMs }));
    const opened = await openSink(sink, feed, options);
    // A sink that is closed sends all that there is, and gives up where a daemon would wait.
    await opened.close(MAX_MS);
    if (feed.error !== undefined) throw feed.error;
    const { written, dropped, lastError } = opened.status();
    say(
      `${sink.name}: ${written} points sent, ${dropped} refused${feed.isDone ? "" : `; not all: ${lastError ?? ""}`}`,
    );
    return feed.isDone && dropped === 0;
  });
  return (await Promise.all(replays)).every((isSent) => isSent);
}
