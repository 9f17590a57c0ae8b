// SPDX-License-Identifier: MIT
/** The command line: arguments in, one exit code out. Commands are loaded when they are run. */
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import type { CommandContext, Flags } from "./commands/context.js";
import type { RunFlags } from "./commands/run.js";
import { RtcprobeError, type SystemError } from "./errors.js";
import { Output, openStandardOutput } from "./output.js";
import { CLOCK_RATE_HELP, PAYLOAD_TYPE_HELP, SDP_HELP, SETTINGS, settingFlag } from "./settings.js";
import { makePrintable } from "./table.js";

/** Time a slow reader has for what is still to be written at the end; milliseconds. */
const FINISH_MS = 1000;

function readVersion(): string {
  const content = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(content) as { version: string }).version;
}

function say(line: string): void {
  process.stderr.write(`rtcprobe: ${makePrintable(line)}\n`);
}

/** The process as a command sees it. */
class ProcessContext implements CommandContext {
  readonly version = readVersion();
  readonly env = process.env;
  readonly say = say;
  readonly output: Output;
  readonly #stop = new AbortController();

  /** @param blocks - false for a command that must go on while its reader stands still */
  constructor(blocks: boolean, isStyled: boolean) {
    const stream = blocks ? process.stdout : openStandardOutput(process.stdout);
    this.output = new Output(stream, () => {
      const { isTTY, columns, rows } = process.stdout;
      return isTTY ? { columns: columns || 80, rows: rows || 24, isStyled } : undefined;
    });
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") say(`cannot write to standard output: ${error.code}`);
      this.#stop.abort();
    });
  }

  progress(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r${makePrintable(text)}\x1b[K`);
  }

  onHangup(listener: () => void): void {
    process.on("SIGHUP", listener);
  }

  stopSignal(): AbortSignal {
    for (const [name, number] of [["SIGINT", 2] as const, ["SIGTERM", 15] as const]) {
      process.on(name, () => {
        // Told twice: the operator does not want to wait for the sinks.
        if (this.#stop.signal.aborted) process.exit(128 + number);
        this.#stop.abort();
      });
    }
    return this.#stop.signal;
  }
}

function exitCodeOf(error: RtcprobeError): number {
  switch (error.code) {
    case "ERR_USAGE":
    case "ERR_CONFIG":
      return 2;
    case "ERR_NO_DAEMON":
      return 3;
    default:
      return 1;
  }
}

/** Everything known of an error, for a report. */
function sayDetails(error: unknown): void {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { log } = cause as SystemError;
    process.stderr.write(`${cause.stack ?? cause.message}\n${log === undefined ? "" : `${log.trimEnd()}\n`}`);
  }
}

/** Prints one line that says what failed and what to do. */
function reportError(error: unknown, debug: boolean): number {
  let code = 1;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    code = 2;
    if (error.code !== "commander.help") {
      say(`${error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ")}; see rtcprobe --help`);
    }
  } else if (error instanceof RtcprobeError) {
    code = exitCodeOf(error);
    say(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
  } else if (["MODULE_NOT_FOUND", "ERR_DLOPEN_FAILED"].includes((error as SystemError).code ?? "")) {
    say("the native addon is not built, or a library of it is missing; run make build");
  } else {
    say(
      `${(error as Error)?.message ?? String(error)}; this is a fault of rtcprobe: report it with what --debug shows`,
    );
  }
  if (debug) sayDetails(error);
  return code;
}

type Action = (context: CommandContext, flags: Flags, names: string[]) => Promise<number | undefined>;

/** Runs an action in the process, and keeps its exit code. */
function perform(action: Action, blocks = true) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const flags = command.optsWithGlobals<Flags & { color: boolean }>();
    const context = new ProcessContext(blocks, flags.color && !process.env.NO_COLOR);
    try {
      process.exitCode = await action(context, flags, command.args);
    } finally {
      await context.output.finish(FINISH_MS);
    }
  };
}

/** Values of a flag that may be given more than once. */
function collect(value: string, given: string[] = []): string[] {
  return [...given, value];
}

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

function addAnalyze(program: Command): void {
  program
    .command("analyze <file>")
    .description(
      "the same numbers from a pcap, pcapng or rtpdump file, or a log of packets; needs no daemon and no rights",
    )
    .option("--json", "one JSON object; with --interval one line per interval")
    .option("--local <address>", "address of this end: its traffic is outbound; may be given again", collect)
    .option("--interval <duration>", "the numbers at the end of each interval")
    .option("--packets", "one line of CSV per RTP packet instead")
    .option("--clock-rate <PT=HZ>", CLOCK_RATE_HELP, collect)
    .option("--probe <names>", "probes that are on (all)", collect)
    .option("--payload-type <PT=CODEC>", PAYLOAD_TYPE_HELP, collect)
    .option("--sdp <file>", SDP_HELP, collect)
    .action(
      perform(async (context, flags, [file = ""]) => {
        const { analyzeCommand } = await import("./commands/analyze.js");
        await analyzeCommand(context, file, flags);
        return 0;
      }),
    );
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
const COMMANDS: readonly ((program: Command) => void | Promise<void>)[] = [
  addRun,
  addViews,
  addProbes,
  addAnalyze,
  addDaily,
  addHistory,
  addCheck,
];

/** With all commands, or those that one is made with: the rest would take as long as a small capture does. */
async function makeProgram(name: string | undefined): Promise<Command> {
  const program = new Command("rtcprobe")
    .description("live jitter, loss and round trip of WebRTC calls on this host, measured in the kernel")
    .version(readVersion(), "-V, --version")
    .option("--config <path>", "config file (/etc/rtcprobe/config.yaml)")
    .option("--socket <path>", "control socket (/run/rtcprobe/control.sock)")
    .option("--no-color", "no bold text; so does NO_COLOR")
    .option("--debug", "show stack and verifier log of an error")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  for (const add of name === "analyze" ? [addAnalyze] : COMMANDS) await add(program);
  return program;
}

/**
 * Runs one command line.
 * @param args - without the names of node and the program
 */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const program = await makeProgram(args[0]);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = reportError(error, args.includes("--debug"));
  }
}
