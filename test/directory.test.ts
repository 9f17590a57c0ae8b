// SPDX-License-Identifier: MIT
/**
 * Directories that the program makes, and those that it cannot: Node's own recursive mkdir never returns below one that takes none.
 * Oracle: mkdir(1), which is refused in /proc with ENOENT, and what stat says of what was made.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { makeDirectory } from "../src/directory.js";
import { can } from "./capability.js";
import { KEY, startDaily } from "./dailyserver.js";
import { checkBuild, runProgram, startProgram } from "./program.js";

const NOWHERE = "/proc/rtcprobe/test";
let directory: string;
const inDirectory = (name: string): string => join(directory, name);

beforeAll(() => {
  checkBuild();
  directory = mkdtempSync(join(tmpdir(), "rtcprobe-directory-"));
  expect(spawnSync("mkdir", ["/proc/rtcprobe"], { encoding: "utf8" }).stderr).toContain("No such file or directory");
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("a directory", () => {
  it("is made with its parents, as mkdir -p does, and one that is there stays as it is", () => {
    makeDirectory(inDirectory("a/b/c"), 0o750);
    for (const name of ["a", "a/b", "a/b/c"]) expect(statSync(inDirectory(name)).mode & 0o777).toBe(0o750);
    makeDirectory(inDirectory("a/b/c"), 0o700);
    symlinkSync("a/b", inDirectory("link"));
    makeDirectory(`${inDirectory("link")}/../d//e/`, 0o750);
    expect(statSync(inDirectory("a/d/e")).mode & 0o777).toBe(0o750);
  });

  it.each([
    ["a file", "file", "EEXIST"],
    ["below a file", "file/a/b", /^(EEXIST|ENOTDIR)$/],
    ["a link to nowhere", "dangling", "EEXIST"],
    ["in /proc", NOWHERE, "ENOENT"],
  ])("%s: the system's error", (_, name, code) => {
    writeFileSync(inDirectory("file"), "");
    rmSync(inDirectory("dangling"), { force: true });
    symlinkSync("nowhere", inDirectory("dangling"));
    const path = name.startsWith("/") ? name : inDirectory(name);
    expect(spawnSync("mkdir", ["-p", path]).status).not.toBe(0);
    expect(() => makeDirectory(path, 0o700)).toThrow(
      expect.objectContaining({ code: typeof code === "string" ? code : expect.stringMatching(code) }),
    );
  });
});

it("below /proc for the budget of Daily's requests: this process counts its own", async () => {
  const daily = await startDaily();
  try {
    writeFileSync(inDirectory("key"), KEY);
    writeFileSync(inDirectory("config.yaml"), `calls: { directory: ${NOWHERE} }\n`);
    const flags = ["--config", inDirectory("config.yaml"), "--daily-url", daily.url];
    const asked = await runProgram(["daily", "meetings", "--daily-key-file", inDirectory("key"), ...flags]);
    expect(asked).toMatchObject({ code: 0, signal: null });
  } finally {
    await daily.close();
  }
});

describe.skipIf(!can.packet.ok)(`a daemon's directory below /proc — ${can.packet.why || "packets"}`, () => {
  const run = (changes: Record<string, string>) => {
    const places = {
      "--socket": inDirectory("c.sock"),
      "--journal-directory": inDirectory("journal"),
      "--calls-directory": inDirectory("calls"),
      ...changes,
    };
    return ["run", "--source", "packet", "--config", "/dev/null", ...Object.entries(places).flat()];
  };

  it.each([
    ["--journal-directory", NOWHERE, /cannot keep a journal in \/proc\/rtcprobe\/test: ENOENT; .*journal\.directory$/m],
    ["--socket", `${NOWHERE}/c.sock`, /cannot make the control socket .*: ENOENT; give another path by --socket$/m],
  ])("%s: one line, exit 1", async (flag, path, message) => {
    const finished = await runProgram(run({ [flag]: path }));
    expect(finished).toMatchObject({ code: 1, signal: null });
    expect(finished.said).toEqual([expect.stringMatching(message)]);
  });

  it("--calls-directory: a call cannot be started, and the daemon goes on", async () => {
    const daemon = startProgram(run({ "--calls-directory": NOWHERE }));
    let said = "";
    daemon.stderr?.on("data", (text) => {
      said += text;
    });
    const end = new Promise((done) => daemon.once("close", (code) => done(code)));
    try {
      await vi.waitFor(() => expect(said).toContain("watching packets"), { timeout: 15_000 });
      const socket = ["--socket", inDirectory("c.sock")];
      const started = await runProgram(["calls", "start", "--meeting", "m1", ...socket]);
      expect(started).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/cannot write the calls in \/proc\/rtcprobe\/test: ENOENT/),
      });
      expect((await runProgram(["calls", ...socket])).stdout).not.toContain("m1");
      daemon.kill("SIGTERM");
      expect(await end).toBe(0);
    } finally {
      daemon.kill("SIGKILL");
    }
  });
});
