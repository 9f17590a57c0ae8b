// SPDX-License-Identifier: MIT
/** The process as commands see it, and what a command line comes to in it: one exit code. */
import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };
import type { CommandContext, Flags } from "./commands/context.js";
import { RtcprobeError, type SystemError } from "./errors.js";
import { Output, openStandardOutput } from "./output.js";
import { suggestWord } from "./suggestion.js";
import { makePrintable } from "./table.js";

/** Time a slow reader has for what is still to be written at the end; milliseconds. */
const FINISH_MS = 1000;

/** To standard error. Where that cannot be written, nobody is left to be told. */
function tell(text: string): void {
  if (process.stderr.listenerCount("error") === 0) process.stderr.on("error", () => undefined);
  process.stderr.write(text);
}

function say(line: string): void {
  tell(`rtcprobe: ${makePrintable(line)}\n`);
}

let hasLostOutput = false;

/** Standard output cannot be written. A reader that is gone has had enough; all else is said once, and is a failure. */
function loseOutput({ code }: NodeJS.ErrnoException): void {
  if (code === "EPIPE" || hasLostOutput) return;
  hasLostOutput = true;
  say(`cannot write to standard output: ${code}`);
  // The command may not have ended yet, or have ended well.
  process.on("exit", () => {
    process.exitCode ||= 1;
  });
}

/** The process as a command sees it. */
class ProcessContext implements CommandContext {
  readonly version = manifest.version;
  readonly env = process.env;
  readonly say = say;
  readonly output: Output;
  readonly #stop = new AbortController();
  #onLoss = (error: NodeJS.ErrnoException): void => {
    loseOutput(error);
    this.#stop.abort();
  };

  /** @param blocks - false for a command that must go on while its reader stands still */
  constructor(blocks: boolean, isStyled: boolean) {
    const stream = blocks ? process.stdout : openStandardOutput(process.stdout);
    this.output = new Output(stream, () => {
      const { isTTY, columns, rows } = process.stdout;
      return isTTY ? { columns: columns || 80, rows: rows || 24, isStyled } : undefined;
    });
    stream.on("error", (error: NodeJS.ErrnoException) => this.#onLoss(error));
  }

  progress(text: string): void {
    if (process.stderr.isTTY) tell(`\r${makePrintable(text)}\x1b[K`);
  }

  onOutputLoss(listener: () => void): void {
    this.#onLoss = listener;
  }

  onHangup(listener: () => void): void {
    process.on("SIGHUP", listener);
  }

  stopSignal(): AbortSignal {
    const stop = () => this.#stop.abort();
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.on(name, stop);
      // Told twice, the operator does not want to wait for the sinks: then the signal does what it does by itself.
      this.#stop.signal.addEventListener("abort", () => process.off(name, stop));
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
    tell(`${cause.stack ?? cause.message}\n${log === undefined ? "" : `${log.trimEnd()}\n`}`);
  }
}

/** Prints one line that says what failed and what to do. */
function reportError(error: unknown, debug: boolean): number {
  let code = 1;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    code = 2;
    if (error.code !== "commander.help") {
      const said = error.message.replace(/^error: |\.$/g, "").replace(/\s*\n\s*/g, " ");
      say(`${said}; see rtcprobe --help`);
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

export type Action = (context: CommandContext, flags: Flags, names: string[]) => Promise<number | undefined>;

/** Runs an action in the process, and keeps its exit code. */
export function perform(action: Action, blocks = true) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const flags = command.optsWithGlobals<Flags & { color: boolean }>();
    const context = new ProcessContext(blocks, flags.color && !process.env.NO_COLOR);
    try {
      process.exitCode = await action(context, flags, command.args);
    } finally {
      await context.output.finish(FINISH_MS);
      const { leftOut } = context.output;
      if (leftOut > 0) say(`${leftOut} lines were left out, because their reader was too slow`);
    }
  };
}

/** Values of a flag that may be given more than once. */
export function collect(value: string, given: string[] = []): string[] {
  return [...given, value];
}

/** Adds commands. */
export type Addition = (program: Command) => void | Promise<void>;

/** Refuses a word that is no command: commander takes it for an argument of the default one, and its help passes over it. */
function refuseUnknown(group: Command): void {
  const refuse = (word: string): never => {
    const suggestion = suggestWord(
      word,
      group.commands.map((command) => command.name()),
    );
    const near = suggestion === undefined ? "" : ` (${suggestion})`;
    return group.error(`unknown command '${word}'${near}`, { code: "commander.unknownCommand" });
  };
  group.hook("preSubcommand", (_, command) => {
    const [word] = group.args;
    if (word !== undefined && word !== command.name() && !word.startsWith("-")) refuse(word);
  });
  group
    .command("help [command]")
    .description("display help for command")
    .helpOption(false)
    .action((word?: string) => {
      const named = group.commands.find((command) => command.name() === word);
      if (word !== undefined && named === undefined) refuse(word);
      (named ?? group).help();
    });
}

async function makeProgram(additions: readonly Addition[]): Promise<Command> {
  const program = new Command("rtcprobe")
    .description("live jitter, loss and round trip of WebRTC calls on this host, measured in the kernel")
    .version(manifest.version, "-V, --version")
    .option("--config <path>", "config file (/etc/rtcprobe/config.yaml)")
    .option("--socket <path>", "control socket (/run/rtcprobe/control.sock)")
    .option("--no-color", "no bold text; so does NO_COLOR")
    .option("--debug", "show stack and verifier log of an error")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: () => undefined,
      writeOut: (text) => process.stdout.on("error", loseOutput).write(text),
      writeErr: tell,
    })
    .exitOverride();
  for (const add of additions) await add(program);
  const groups = program.commands.filter(({ commands }) => commands.length > 0);
  for (const group of [program, ...groups]) refuseUnknown(group);
  return program;
}

/**
 * Runs one command line.
 * @param args - without the names of node and the program
 * @param additions - the commands there are, in the order of the help
 */
export async function runProgram(args: readonly string[], additions: readonly Addition[]): Promise<void> {
  try {
    const program = await makeProgram(additions);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = reportError(error, args.includes("--debug"));
  }
}
