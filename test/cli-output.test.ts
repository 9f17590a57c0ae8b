// SPDX-License-Identifier: MIT
/**
 * Standard output that takes no more. Oracles: full(4), every write to which fails with ENOSPC; a reader that closes its end, as
 * head(1) does; and for what a slow reader has got, the lines that it reads, beside the samples in the journal.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openJournal } from "../src/journal.js";
import { can } from "./capability.js";
import { checkBuild, type RunOptions, runProgram, startProgram } from "./program.js";
import { makeSample } from "./samples.js";

const CAPTURE = join(import.meta.dirname, "captures", "chromium-impaired", "receiver.pcap");
/** Some hundreds of KB as JSON: more than a pipe holds. */
const SAMPLES = 500;
let directory: string;
let full: number;

beforeAll(async () => {
  checkBuild();
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-output-"));
  await configure("");
  full = openSync("/dev/full", "w");
  const journal = await openJournal(
    { directory: join(directory, "journal"), maxBytes: 2 ** 28, maxAgeMs: 1e12 },
    () => undefined,
  );
  const now = Date.now();
  for (let i = 0; i < SAMPLES; i++) {
    const timestamp = now - SAMPLES + i;
    journal.append(makeSample({ timestamp, timeNs: String(BigInt(timestamp) * 1_000_000n) }));
  }
  await journal.close(5000);
});
afterAll(async () => {
  closeSync(full);
  await rm(directory, { recursive: true, force: true });
});

const inDirectory = (name: string): string => join(directory, name);
const flags = (): string[] => ["--config", inDirectory("config.yaml"), "--socket", inDirectory("c.sock")];

/** @param text - beside the places of the journal and of calls */
async function configure(text: string, journal = "journal"): Promise<void> {
  const places = `journal: { directory: ${inDirectory(journal)} }\ncalls: { directory: ${inDirectory("calls")} }\n`;
  await writeFile(inDirectory("config.yaml"), places + text);
}

/** The reader of its standard output goes away after the first line. */
const untilFirstLine: RunOptions = { onLine: (_, child) => child.stdout?.destroy() };

describe("that cannot be written: one line, and exit 1", () => {
  it.each([
    [["--version"]],
    [["--help"]],
    [["help", "analyze"]],
    [["analyze", CAPTURE]],
    [["analyze", CAPTURE, "--json"]],
    [["analyze", CAPTURE, "--interval", "1s"]],
    [["analyze", CAPTURE, "--packets"]],
    [["history"]],
    [["history", "--json"]],
    [["check"]],
  ])("%j", async (args) => {
    const isPlain = args[0]?.startsWith("-") || args[0] === "help" || args[0] === "analyze";
    const { code, said } = await runProgram(isPlain ? args : [...args, ...flags()], { stdout: full });
    expect(said).toEqual(["rtcprobe: cannot write to standard output: ENOSPC"]);
    expect(code).toBe(1);
  });

  it.skipIf(!can.packet.ok)(`the daemon's samples ${can.packet.why}`, async () => {
    const { code, said } = await runProgram(["run", "--json", "--source", "packet", ...flags()], { stdout: full });
    expect(said).toEqual([
      expect.stringMatching(/watching packets/),
      "rtcprobe: cannot write to standard output: ENOSPC",
    ]);
    expect(code).toBe(1);
  });
});

describe("whose reader has enough: a quiet end", () => {
  it.each([
    [["analyze", CAPTURE, "--packets"]],
    [["analyze", CAPTURE, "--interval", "10ms", "--json"]],
    [["history", "--json"]],
  ])("%j", async (args) => {
    const given = args[0] === "history" ? [...args, ...flags()] : args;
    const { code, said } = await runProgram(given, untilFirstLine);
    expect([code, said]).toEqual([0, []]);
  });
});

describe.skipIf(!can.packet.ok)(`that a daemon has as a sink — ${can.packet.why || "packets"}`, () => {
  const RUN = ["run", "--source", "packet", "--interval", "100ms"];

  it("is one of several: the others go on without its reader, and it is said once", async () => {
    const points = inDirectory("points.lp");
    await configure(`sinks: [{ type: stdout }, { type: file, path: ${points} }]\n`, "two");
    const child = startProgram([...RUN, ...flags()]);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    try {
      await once(child.stdout as NodeJS.ReadableStream, "data");
      child.stdout?.destroy();
      const isSaid = () => expect(said).toMatch(/standard output: cannot write: EPIPE; .*; points wait in the journal/);
      await vi.waitFor(isSaid, { timeout: 10_000 });
      const lostNs = BigInt(Date.now()) * 1_000_000n;
      const lastNs = async () => BigInt((await readFile(points, "utf8")).trimEnd().split(" ").at(-1) ?? 0);
      await vi.waitFor(async () => expect(await lastNs()).toBeGreaterThan(lostNs), { timeout: 10_000 });
      child.kill("SIGTERM");
      expect(await once(child, "close")).toEqual([0, null]);
      expect(said.match(/cannot write/g)).toHaveLength(1);
      expect(said).toMatch(/standard output: \d+ points are still to be written and stay in the journal/);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("is all there is: exit 1, so that who watches it starts it again", async () => {
    await configure("sinks: [{ type: stdout }]\n", "one");
    const { code, said } = await runProgram([...RUN, ...flags()], untilFirstLine);
    expect(said.at(-1)).toMatch(/^rtcprobe: the only sink, standard output, .*; start .* again/);
    expect(code).toBe(1);
  });
});

it.skipIf(!can.packet.ok)(`whose reader is slow: what it does not get is told ${can.packet.why}`, async () => {
  await configure("", "slow");
  const fifo = inDirectory("slow.fifo");
  execFileSync("mkfifo", [fifo]);
  const reader = await open(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  await reader.write(Buffer.alloc(57_344, "\n")); // a pipe of 64 KiB has room for some lines now
  const child = startProgram(
    ["run", "--json", "--source", "packet", "--interval", "100ms", "--duration", "3s", ...flags()],
    {
      stdout: reader.fd,
    },
  );
  let said = "";
  child.stderr?.on("data", (text) => {
    said += text;
  });
  expect(await once(child, "close")).toEqual([0, null]);
  const { bytesRead, buffer } = await reader.read(Buffer.alloc(65_536));
  await reader.close();
  // What stands behind the last end of a line is none.
  const got = buffer.toString("utf8", 0, bytesRead).split("\n").slice(0, -1).filter(Boolean);
  for (const line of got) expect(JSON.parse(line)).toHaveProperty("datagrams");
  const kept = (await runProgram(["history", "--json", ...flags()])).stdout.trimEnd().split("\n");
  expect(got.length).toBeGreaterThan(0);
  expect(said).toContain(
    `rtcprobe: ${kept.length - got.length} lines were left out, because their reader was too slow\n`,
  );
});

describe("beside standard error that cannot be written", () => {
  const through = ["sh", "-c", 'exec "$0" "$@" 2>/dev/full'];

  it("the exit code is what it would be", async () => {
    expect((await runProgram(["nonsense"], { through })).code).toBe(2);
    expect((await runProgram(["--version"], { through })).code).toBe(0);
  });

  it.skipIf(!can.packet.ok)(`the daemon measures on and ends as it should ${can.packet.why}`, async () => {
    await configure("", "mute");
    const args = ["run", "--json", "--source", "packet", "--interval", "100ms", "--duration", "500ms", ...flags()];
    const { code, stdout } = await runProgram(args, { through });
    expect(stdout.trimEnd().split("\n").length).toBeGreaterThan(1);
    expect(code).toBe(0);
    expect(await readdir(directory)).not.toContain("c.sock");
  });
});
