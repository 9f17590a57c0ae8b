// SPDX-License-Identifier: MIT
/** What reads the journal, as an operator runs it. Oracles: the samples put in, and a server on loopback that refuses points. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJournal } from "../src/journal.js";
import { BEHAVIOURS, type Behaviour, type FaultServer, startFaultServer } from "./faultserver.js";
import { checkBuild, runProgram } from "./program.js";
import { makeSample } from "./samples.js";

const DAY_MS = 86_400_000;
/** Days since each sample was taken. */
const AGES = [900, 20, 0];
let directory: string;
let server: FaultServer;

beforeAll(async () => {
  checkBuild();
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-cli-journal-"));
  const journal = await openJournal({ directory, maxBytes: 2 ** 28, maxAgeMs: 1e12 }, () => undefined);
  for (const age of AGES) {
    const timestamp = Date.now() - age * DAY_MS - 1000;
    journal.append(makeSample({ timestamp, timeNs: String(BigInt(timestamp) * 1_000_000n) }));
  }
  await journal.close(5000);
  server = await startFaultServer(BEHAVIOURS.take);
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

const read = (...args: string[]) => runProgram([...args, "--config", "/dev/null", "--journal-directory", directory]);

describe("replay", () => {
  it.each<[string, Behaviour, RegExp]>([
    ["all of them", BEHAVIOURS.unparsable, /: 0 points sent, [1-9]\d* refused$/],
    ["some of them", BEHAVIOURS.partial, /: [1-9]\d* points sent, 1 refused$/],
  ])("is no success when the server refuses points: %s", async (_, behaviour, line) => {
    server.behave((response, served) => (served.path === "/write" ? behaviour : BEHAVIOURS.take)(response, served));
    const { code, said } = await read("replay", "--influx-url", server.url);
    expect(said.at(-1)).toMatch(line);
    expect(code).toBe(1);
  });
});

describe("--since is an age, and the journal's may be longer than a timer can wait", () => {
  it.each([
    ["7d", 1],
    ["30d", 2],
    ["1000d", 3],
    ["10000d", 3],
  ])("%s: %i samples", async (since, samples) => {
    const { code, stdout, stderr } = await read("history", "--since", since);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe(`${samples} samples`);
  });

  it("holds for replay, too", async () => {
    server.behave(BEHAVIOURS.take);
    const times = async (since: string) => {
      server.lines.splice(0);
      const { code } = await read("replay", "--influx-url", server.url, "--since", since);
      expect(code).toBe(0);
      return new Set(server.lines.map((line) => line.split(" ").at(-1))).size;
    };
    expect([await times("30d"), await times("1000d")]).toEqual([2, 3]);
  });

  it("of no time is refused", async () => {
    const { code, said } = await read("history", "--since", "0");
    expect([code, said]).toEqual([2, ['rtcprobe: --since: "0" is out of range; it must be 1s or more']]);
  });
});
