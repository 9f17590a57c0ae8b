// SPDX-License-Identifier: MIT
/** `rtcprobe analyze` as a program of its own: the other commands would take longer to load than a small capture to read. */
import type { Command } from "commander";
import { collect, perform, runProgram } from "./program.js";
import { CLOCK_RATE_HELP, PAYLOAD_TYPE_HELP, SDP_HELP } from "./settings.js";

export function addAnalyze(program: Command): void {
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

/** Runs a command line that begins with `analyze`. */
export async function main(args: readonly string[]): Promise<void> {
  await runProgram(args, [addAnalyze]);
}
