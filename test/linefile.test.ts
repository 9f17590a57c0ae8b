// SPDX-License-Identifier: MIT
/** Line protocol in a file. Oracle: the points put in, and stat. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineEncoder } from "../src/encoder.js";
import { FileTarget, LineFile, StreamTarget } from "../src/linefile.js";
import { can } from "./capability.js";
import { makeSample } from "./samples.js";

const lines = new LineEncoder({ host: "h1", perStream: true }).encode(makeSample());
const text = [...lines].map((line) => `${line}\n`).join("");
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rtcprobe-linefile-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("line file", () => {
  it("is appended to, and made again when it was rotated away", async () => {
    const path = join(directory, "p.lp");
    const target = new FileTarget(path, 2 ** 20);
    expect(await target.write(lines)).toEqual({ kind: "done" });
    expect(await target.write(lines)).toEqual({ kind: "done" });
    expect(readFileSync(path, "utf8")).toBe(text + text);
    rmSync(path);
    await target.write(lines);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("is begun anew when it is full; the full one is kept", async () => {
    const path = join(directory, "p.lp");
    const file = new LineFile(path, 10);
    for (const line of ["aaaa\n", "bbbb\n", "cccc\n"]) await file.append(Buffer.from(line));
    expect(readFileSync(`${path}.1`, "utf8")).toBe("aaaa\nbbbb\n");
    expect(readFileSync(path, "utf8")).toBe("cccc\n");
  });

  it("goes on behind the last whole line of a writer that was killed", async () => {
    const path = join(directory, "p.lp");
    writeFileSync(path, `${text}${text.slice(0, 100)}`);
    await new FileTarget(path, 2 ** 20).write(lines);
    expect(readFileSync(path, "utf8")).toBe(text + text);
  });

  it("cuts nothing off a file without lines", async () => {
    const path = join(directory, "p.lp");
    writeFileSync(path, "no line");
    await new FileTarget(path, 2 ** 20).write(lines);
    expect(readFileSync(path, "utf8")).toBe(`no line${text}`);
  });

  it.each([
    ["a directory", (path: string) => execFileSync("mkdir", [path]), "EISDIR"],
    ["a FIFO that nobody reads", (path: string) => execFileSync("mkfifo", [path]), "ENOTSUP"],
  ])("%s is no file: points are held, and nothing hangs", async (_, make, errno) => {
    const path = join(directory, "p");
    make(path);
    const verdict = await new FileTarget(path, 100).write(lines);
    expect(verdict).toMatchObject({ kind: "hold", reason: `cannot write: ${errno}` });
  });

  it.skipIf(!can.root.ok)(`a full disk: nothing is torn ${can.root.why}`, async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "rtcprobe-test", directory]);
    try {
      const path = join(directory, "p.lp");
      const target = new FileTarget(path, 2 ** 20);
      let verdict = await target.write(lines);
      let taken = 0;
      for (; verdict.kind === "done"; verdict = await target.write(lines)) taken++;
      expect(verdict).toMatchObject({ kind: "hold", reason: "cannot write: ENOSPC" });
      expect(readFileSync(path, "utf8")).toBe(text.repeat(taken));
      execFileSync("mount", ["-o", "remount,size=64k", directory]);
      expect(await target.write(lines)).toEqual({ kind: "done" });
    } finally {
      execFileSync("umount", [directory]);
    }
  });
});

describe("stream of lines", () => {
  it("is done when the reader has them, and held when there is none", async () => {
    const got: string[] = [];
    const write = async (given: string): Promise<void> => {
      got.push(given);
    };
    expect(await new StreamTarget(write).write(lines)).toEqual({ kind: "done" });
    expect(got).toEqual([text]);
    const refuse = () => Promise.reject(new Error("gone"));
    expect(await new StreamTarget(refuse).write(lines)).toMatchObject({ kind: "hold" });
  });
});
