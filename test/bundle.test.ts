// SPDX-License-Identifier: MIT
/**
 * What is shipped, elsewhere than in the checkout: no packages beside it, and whatever lies there as what V8 compiled of it.
 * Oracle: the text that the checkout's program prints; V8's own word on whether it took what was compiled.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkBuild, PROGRAM } from "./program.js";

const ROOT = join(import.meta.dirname, "..");
const ARGS = ["analyze", join(ROOT, "test/captures/plain-rtp/receiver.pcap")];

checkBuild();
const run = (program: string, args = ARGS, flags: string[] = []) =>
  spawnSync(process.execPath, [...flags, program, ...args], { encoding: "utf8" });
const whole = run(PROGRAM);

let place: string;
const program = () => join(place, "bin", "rtcprobe");
const file = (name: string) => join(place, "dist", name);
const cacheOf = (bundle: string) => file(`${bundle}-${process.version}-${process.arch}.cache`);

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "rtcprobe-bundle-"));
  for (const name of ["bin", "dist", "build/Release/rtcprobe.node"])
    cpSync(join(ROOT, name), join(place, name), { recursive: true });
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** Whether V8 takes what lies there. */
function isAccepted(bundle: string): boolean {
  const load = `process.stdout.write(String(require(process.argv[1]).load(process.argv[2]).script.cachedDataRejected))`;
  const { stdout } = spawnSync(process.execPath, ["-e", load, program(), bundle], { encoding: "utf8" });
  return stdout === "false";
}

describe("bundle: needs nothing beside it", () => {
  it("analyze, and all commands", () => {
    expect(whole).toMatchObject({ status: 0, stderr: "" });
    expect(run(program())).toMatchObject({ status: 0, stdout: whole.stdout, stderr: "" });
    expect(run(program(), ["--debug", ...ARGS])).toMatchObject({ status: 0, stdout: whole.stdout, stderr: "" });
    expect(run(program(), ["--version"]).stdout.trim()).toBe(
      JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version,
    );
  });

  it("each package in it has its licence with it", () => {
    const licences = readFileSync(file("LICENSES"), "utf8");
    for (const name of ["commander", "influx", "yaml", "zod"])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
  });

  it("not built", () => {
    rmSync(join(place, "dist"), { recursive: true });
    expect(run(program())).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "rtcprobe: it is not built; run make build in its directory\n",
    });
  });
});

describe("bundle: what V8 compiled of it", () => {
  it("is accepted by the Node that built it", () => {
    expect(readdirSync(join(place, "dist")).filter((name) => name.endsWith(".cache"))).toHaveLength(2);
    expect([isAccepted("analyze"), isAccepted("cli")]).toEqual([true, true]);
  });

  it.each([
    ["absent", () => rmSync(cacheOf("analyze"))],
    ["empty", () => writeFileSync(cacheOf("analyze"), "")],
    ["half of it", () => writeFileSync(cacheOf("analyze"), readFileSync(cacheOf("analyze")).subarray(0, 100_000))],
    ["of another file", () => cpSync(cacheOf("cli"), cacheOf("analyze"))],
    ["text", () => writeFileSync(cacheOf("analyze"), "x".repeat(10_000))],
    [
      "of a file that has grown",
      () => writeFileSync(file("analyze.cjs"), `${readFileSync(file("analyze.cjs"), "utf8")}\n`),
    ],
  ])("%s: compiled as usual", (_, spoil) => {
    spoil();
    expect(isAccepted("analyze")).toBe(false);
    expect(run(program())).toMatchObject({ status: 0, stdout: whole.stdout, stderr: "" });
  });

  it("of a V8 with other settings: compiled as usual", () => {
    expect(run(program(), ARGS, ["--no-opt"])).toMatchObject({ status: 0, stdout: whole.stdout, stderr: "" });
  });
});
