// SPDX-License-Identifier: MIT
/** The command line of all that is about Daily and calls. */
import type { Command } from "commander";
import type { CommandContext, Flags } from "./commands/context.js";

type Action = (context: CommandContext, flags: Flags, names: string[]) => Promise<number | undefined>;
/** Makes commander's action of ours. */
type Perform = (action: Action) => (...given: unknown[]) => Promise<void>;
type AddSettings = (command: Command, paths: readonly string[]) => Command;

/** A command that asks Daily. */
function addAsking(parent: Command, name: string, description: string, addSettings: AddSettings): Command {
  const command = parent.command(name).description(description);
  return addSettings(command, ["daily.keyFile", "daily.url"]).option(
    "--json",
    "one JSON object, of Daily's own records",
  );
}

function addDaily(program: Command, perform: Perform, addSettings: AddSettings): void {
  const daily = program.command("daily").description("what Daily says");
  const module = () => import("./commands/daily.js");
  addAsking(daily, "meetings", "meetings of the domain, newest first", addSettings)
    .option("--room <name>", "of this room only")
    .option("--since <time>", "begun since: 2h ago, or a date")
    .option("--until <time>", "begun before")
    .option("--ongoing", "those that are on")
    .option("--limit <number>", "end after so many")
    .action(perform(async (context, flags) => (await module()).meetingsCommand(context, flags).then(() => 0)));
  addAsking(daily, "participants <meeting>", "who was in a meeting", addSettings)
    .option("--limit <number>", "end after so many")
    .action(
      perform(async (context, flags, [meeting = ""]) =>
        (await module()).participantsCommand(context, meeting, flags).then(() => 0),
      ),
    );
  addAsking(daily, "logs", "logs or metrics of a meeting or a participant, oldest first", addSettings)
    .option("--meeting <id>", "of this meeting")
    .option("--participant <id>", "of this participant")
    .option("--metrics", "metrics in place of logs")
    .option("--level <level>", "ERROR, INFO or DEBUG")
    .option("--since <time>", "since: 2h ago, or a date")
    .option("--until <time>", "until")
    .option("--limit <number>", "end after so many")
    .option("--csv", "comma-separated values, nested names joined by dots")
    .action(perform(async (context, flags) => (await module()).logsCommand(context, flags).then(() => 0)));
  addAsking(daily, "presence [room]", "who is in the rooms now, up to 15 s ago", addSettings).action(
    perform(async (context, flags, [room]) => (await module()).presenceCommand(context, room, flags).then(() => 0)),
  );
}

function addCalls(program: Command, perform: Perform): void {
  const calls = program.command("calls").description("which process is in which meeting, as who");
  const module = () => import("./commands/calls.js");
  calls
    .command("start")
    .description("a call begins")
    .option("--meeting <id>", "Daily's meeting session")
    .option("--participant <id>", "Daily's id of this host's participant")
    .option("--room <name>", "Daily's room")
    .option("--pid <number>", "the process that holds the media; without it, the only one that does")
    .option("--json", "one JSON object")
    .action(perform(async (context, flags) => (await module()).startCallCommand(context, flags).then(() => 0)));
  calls
    .command("stop <call>")
    .description("a call ends: by its id, its meeting, or `last`")
    .option("--json", "one JSON object")
    .action(
      perform(async (context, flags, [call = ""]) =>
        (await module()).stopCallCommand(context, call, flags).then(() => 0),
      ),
    );
  calls
    .command("list", { isDefault: true })
    .description("the calls that are kept, newest first")
    .option("--json", "one JSON object")
    .action(perform(async (context, flags) => (await module()).listCallsCommand(context, flags).then(() => 0)));
}

function addReport(program: Command, perform: Perform): void {
  program
    .command("report <call>")
    .description("both sides of a call: this host's and Daily's; the call by its id, its meeting, or `last`")
    .option("--json", "one JSON object")
    .action(
      perform(async (context, flags, [call = ""]) => {
        const { reportCommand } = await import("./commands/report.js");
        await reportCommand(context, call, flags);
        return 0;
      }),
    );
}

export function addDailyCommands(program: Command, perform: Perform, addSettings: AddSettings): void {
  addDaily(program, perform, addSettings);
  addCalls(program, perform);
  addReport(program, perform);
}
