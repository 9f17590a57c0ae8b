// SPDX-License-Identifier: MIT
/** The command line: arguments in, one exit code out. Commands are loaded when they are run. */
import { type Command, Option } from "commander";
import { addAnalyze } from "./analyzeprogram.js";
import type { RunFlags } from "./commands/run.js";
import { type Addition, collect, perform, runProgram } from "./program.js";
import { SETTINGS, settingFlag } from "./settings.js";

/** Flags of every setting that has one, or of those that are told. */
function addSettings(command: Command, paths?: readonly string[]): Command {
  for (const setting of SETTINGS) {
    const flag = settingFlag(setting);
    if (flag === undefined || setting.path === "socket" || paths?.includes(setting.path) === false) continue;
    const option = new Option(`${flag} ${setting.argument}`, setting.help);
    command.addOption(setting.isList ? option.argParser(collect) : option);
  }
  return command;
}

function addRun(program: Command): void {
  addSettings(program.command("run").description("the daemon, in the foreground"))
    .option("--duration <duration>", "end after this time")
    .option("--json", "one line of JSON per interval on standard output")
    .option("--live", "a table on standard output, drawn again each interval")
    .action(
      perform(async (context, flags) => {
        const { runCommand } = await import("./commands/run.js");
        await runCommand(context, flags as RunFlags);
        return 0;
      }, false),
    );
}

function addViews(program: Command): void {
  program
    .command("streams")
    .description("what the daemon sees now")
    .option("--json", "one JSON object")
    .action(
      perform(async (context, flags) => {
        const { streamsCommand } = await import("./commands/streams.js");
        await streamsCommand(context, flags);
        return 0;
      }),
    );
  program
    .command("top")
    .description("the same as a live table")
    .option("--interval <duration>", "time between two looks (1s)")
    .option("--count <number>", "end after so many")
    .action(
      perform(async (context, flags) => {
        const { topCommand } = await import("./commands/top.js");
        await topCommand(context, flags);
        return 0;
      }, false),
    );
}

function addProbes(program: Command): void {
  const probes = program.command("probes").description("the probes of the daemon");
  probes
    .command("list", { isDefault: true })
    .description("which there are, and which are on")
    .option("--json", "one JSON object")
    .action(
      perform(async (context, flags) => {
        const { listProbesCommand } = await import("./commands/probes.js");
        await listProbesCommand(context, flags);
        return 0;
      }),
    );
  for (const action of ["enable", "disable"] as const) {
    probes
      .command(`${action} <names...>`)
      .description(action === "enable" ? "attach these" : "detach these: what is off costs nothing")
      .option("--json", "one JSON object")
      .action(
        perform(async (context, flags, names) => {
          const { switchProbesCommand } = await import("./commands/probes.js");
          await switchProbesCommand(context, action, names, flags);
          return 0;
        }),
      );
  }
}

async function addDaily(program: Command): Promise<void> {
  const { addDailyCommands } = await import("./dailyprogram.js");
  addDailyCommands(program, perform, addSettings);
}

async function addHistory(program: Command): Promise<void> {
  const { addHistoryCommands } = await import("./historyprogram.js");
  addHistoryCommands(program, perform, addSettings);
}

function addCheck(program: Command): void {
  addSettings(program.command("check").description("can this host run it; what the daemon counted, refused and cost"))
    .option("--json", "one JSON object")
    .action(
      perform(async (context, flags) => {
        const { checkCommand } = await import("./commands/check.js");
        return (await checkCommand(context, flags)) ? 0 : 1;
      }),
    );
}

/** In the order of the help. */
const COMMANDS: readonly Addition[] = [addRun, addViews, addProbes, addAnalyze, addDaily, addHistory, addCheck];

/**
 * Runs one command line.
 * @param args - without the names of node and the program
 */
export async function main(args: readonly string[]): Promise<void> {
  await runProgram(args, COMMANDS);
}
