// SPDX-License-Identifier: MIT
/** The command line of what reads the journal. */
import type { Command } from "commander";
import type { CommandContext } from "./commands/context.js";
import type { HistoryFlags } from "./commands/history.js";
import type { ReplayFlags } from "./commands/replay.js";
import { SETTINGS } from "./settings.js";

type Action = (context: CommandContext, flags: HistoryFlags & ReplayFlags) => Promise<number | undefined>;
/** Makes commander's action of ours. */
type Perform = (action: Action) => (...given: unknown[]) => Promise<void>;
type AddSettings = (command: Command, paths: readonly string[]) => Command;

export function addHistoryCommands(program: Command, perform: Perform, addSettings: AddSettings): void {
  addSettings(
    program
      .command("history")
      .description("what the journal holds: the streams and pairs of a time")
      .option("--since <duration>", "of the time since (1h)")
      .option("--json", "one line of JSON per sample"),
    ["journal.directory"],
  ).action(
    perform(async (context, flags) => {
      const { historyCommand } = await import("./commands/history.js");
      await historyCommand(context, flags);
      return 0;
    }),
  );
  addSettings(
    program
      .command("replay")
      .description("send what the journal holds to the sinks once more; points that are there stay as they are")
      .option("--since <duration>", "of the time since (all)")
      .option("--sink <name>", "to this sink only"),
    SETTINGS.map(({ path }) => path).filter((path) => /^(journal\.directory$|host$|influx\.)/.test(path)),
  ).action(
    perform(async (context, flags) => {
      const { replayCommand } = await import("./commands/replay.js");
      return (await replayCommand(context, flags)) ? 0 : 1;
    }),
  );
}
