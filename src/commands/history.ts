// SPDX-License-Identifier: MIT
import { loadConfig } from "../config.js";
import { History } from "../history.js";
import { readJournal } from "../journal.js";
import { isSample } from "../sink.js";
import { toSample } from "../stats.js";
import type { CommandContext, Flags } from "./context.js";
import { readAgeFlag } from "./flag.js";

export interface HistoryFlags extends Flags {
  since?: string;
}

const DEFAULT_MS = 3_600_000;

/**
 * What the journal holds, also while a daemon writes it.
 * @throws RtcprobeError ERR_USAGE, ERR_CONFIG, ERR_JOURNAL
 */
export async function historyCommand({ output, say, env }: CommandContext, flags: HistoryFlags): Promise<void> {
  const sinceMs = Date.now() - (readAgeFlag("--since", flags.since) ?? DEFAULT_MS);
  const config = await loadConfig({ flags, env, path: flags.config });
  const reader = readJournal(config.journal.directory, { sinceMs });
  const history = new History();
  for await (const content of reader) {
    if (!isSample(content)) continue;
    const sample = toSample(content);
    if (!flags.json) history.add(sample);
    else if (!(await output.deliver([JSON.stringify(sample)]))) return;
  }
  if (!flags.json) output.lines(history.view(output.emphasise));
  if (reader.damaged > 0) say(`${reader.damaged} places of the journal are damaged and were passed over`);
}
