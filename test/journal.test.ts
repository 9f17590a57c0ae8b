// SPDX-License-Identifier: MIT
/** The journal on disk. Oracle: the samples put in, what stat says of the files, and the kernel's refusals on a tmpfs. */
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type JournalOptions, openJournal, readJournal } from "../src/journal.js";
import type { Sink } from "../src/sink.js";
import type { Sample } from "../src/stats.js";
import { can } from "./capability.js";
import { inboundStream, makeSample } from "./samples.js";

/** Soon on an idle machine, later on a busy one. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });
const SECOND = 1_000_000_000n;
let directory: string;
let events: string[] = [];

function open(options: Partial<JournalOptions> = {}): Sink {
  const bounds = { directory, maxBytes: 256 * 2 ** 20, maxAgeMs: 7 * 86_400_000 };
  return openJournal({ ...bounds, ...options }, (line) => events.push(line));
}

const sampleAt = (n: number) => makeSample({ timeNs: String(1_760_000_000n * SECOND + BigInt(n)) });
const numberOf = (sample: Sample) => Number(BigInt(sample.timeNs) % SECOND);
const files = () => readdirSync(directory).sort();
const pathOf = (name: string | undefined) => join(directory, name ?? "");
const totalBytes = () => files().reduce((sum, name) => sum + statSync(pathOf(name)).size, 0);

async function readAll(from = directory): Promise<{ samples: Sample[]; torn: number }> {
  const reader = readJournal(from);
  const samples: Sample[] = [];
  for await (const sample of reader) samples.push(sample);
  return { samples, torn: reader.torn };
}

async function writeAndClose(sink: Sink, ...numbers: number[]): Promise<void> {
  for (const n of numbers) sink.write(sampleAt(n));
  await sink.close(5_000);
}

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "rtcprobe-journal-")), "journal");
  events = [];
});

afterEach(() => rmSync(resolve(directory, ".."), { recursive: true, force: true }));

describe("journal: what is written is read", () => {
  it("whole samples, in order, through several openings", async () => {
    await writeAndClose(open(), 1, 2, 3);
    await writeAndClose(open(), 4);
    await writeAndClose(open(), 5, 6);
    const { samples, torn } = await readAll();
    expect(samples).toEqual([1, 2, 3, 4, 5, 6].map(sampleAt));
    expect(torn).toBe(0);
    expect(files()).toHaveLength(3);
  });

  it("for nobody else to see: directory 0700, files 0600", async () => {
    await writeAndClose(open(), 1);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(pathOf(files()[0])).mode & 0o777).toBe(0o600);
  });

  it("a directory that was there keeps its mode", async () => {
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    await writeAndClose(open(), 1);
    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });

  it("counts points, and says so after the end too", async () => {
    const sink = open();
    await writeAndClose(sink, 1, 2);
    expect(sink.status()).toEqual({ name: "journal", state: "ok", written: 8, queued: 0, dropped: 0 });
    sink.write(sampleAt(3));
    expect(sink.status()).toMatchObject({ written: 8, dropped: 4 });
    await sink.close(1_000);
    expect((await readAll()).samples).toHaveLength(2);
  });

  it("nothing makes no file", async () => {
    await open().close(1_000);
    expect(files()).toEqual([]);
  });
});

describe("journal: bounds", () => {
  const bytes = Buffer.byteLength(`${JSON.stringify(sampleAt(1))}\n`);
  const range = (end: number) => Array.from({ length: end }, (_, n) => n);

  it("of bytes: the oldest files go, the newest samples stay", async () => {
    const sink = open({ maxBytes: 40 * bytes });
    for (const n of range(500)) {
      sink.write(sampleAt(n));
      if (n % 100 === 0) await eventually(() => expect(sink.status().queued).toBe(0));
      expect(totalBytes()).toBeLessThanOrEqual(40 * bytes);
    }
    await sink.close(5_000);
    const numbers = (await readAll()).samples.map(numberOf);
    // Eight files share the bound, so five samples each: at least seven files are full.
    expect(numbers.length).toBeGreaterThanOrEqual(35);
    expect(numbers).toEqual(range(500).slice(-numbers.length));
    expect(sink.status()).toMatchObject({ written: 2_000, dropped: 0 });
  });

  it("of bytes, kept by the next opening for what the last one left", async () => {
    await writeAndClose(open(), ...range(100));
    await writeAndClose(open({ maxBytes: 10 * bytes }), 100);
    expect((await readAll()).samples.map(numberOf)).toEqual([100]);
  });

  it("of a file", async () => {
    const sink = open();
    const streams = range(1_000).map((ssrc) => inboundStream({ ssrc }));
    for (const _ of range(40)) sink.write(makeSample({ streams }));
    await sink.close(10_000);
    const sizes = files().map((name) => statSync(pathOf(name)).size);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 2 ** 20);
    expect((await readAll()).samples).toHaveLength(40);
  });

  it("of age", async () => {
    await writeAndClose(open(), 1);
    await writeAndClose(open(), 2);
    const old = (Date.now() - 3_600_000) / 1_000;
    utimesSync(pathOf(files()[0]), old, old);
    await writeAndClose(open({ maxAgeMs: 1_800_000 }), 3);
    expect((await readAll()).samples.map(numberOf)).toEqual([2, 3]);
  });

  it("a sample above the bound is dropped and counted; the next one is not", async () => {
    const sink = open({ maxBytes: 3 * bytes });
    sink.write(makeSample({ streams: range(50).map((ssrc) => inboundStream({ ssrc })) }));
    await writeAndClose(sink, 1);
    expect(sink.status()).toMatchObject({ state: "ok", written: 4, dropped: 52 });
    expect(events[0]).toMatch(/a sample of \d+ bytes is more than journal.maxBytes; raise journal.maxBytes/);
    expect((await readAll()).samples.map(numberOf)).toEqual([1]);
  });

  it("foreign files are neither read, nor counted, nor deleted", async () => {
    mkdirSync(directory);
    writeFileSync(pathOf("notes.txt"), "x".repeat(50 * bytes));
    mkdirSync(pathOf("20260101T000000.000Z.ndjson"));
    writeFileSync(pathOf("99999999T999999.999Z.ndjson"), "x");
    await writeAndClose(open({ maxBytes: 10 * bytes }), ...range(50));
    expect(files().filter((name) => /notes|^2026010|^9999/.test(name))).toHaveLength(3);
    expect((await readAll()).samples.at(-1)).toEqual(sampleAt(49));
  });
});

describe("journal: after a crash", () => {
  it("a torn last line is passed over and counted, and nothing is written after it", async () => {
    await writeAndClose(open(), 1, 2);
    const [first] = files();
    truncateSync(pathOf(first), statSync(pathOf(first)).size - 10);
    const before = readFileSync(pathOf(first));
    await writeAndClose(open(), 3);
    expect(readFileSync(pathOf(first))).toEqual(before);
    const { samples, torn } = await readAll();
    expect(samples.map(numberOf)).toEqual([1, 3]);
    expect(torn).toBe(1);
  });

  it.each([
    ["binary", Buffer.from([0, 255, 10, 13, 7, 10])],
    ["other JSON", Buffer.from('null\n[]\n"x"\n{"timeNs":1}\n{"timeNs":"1"}\n')],
  ])("corrupt lines are passed over: %s", async (_, garbage) => {
    await writeAndClose(open(), 1);
    appendFileSync(pathOf(files()[0]), garbage);
    await writeAndClose(open(), 2);
    const { samples, torn } = await readAll();
    expect(samples.map(numberOf)).toEqual([1, 2]);
    expect(torn).toBeGreaterThan(0);
  });

  it("a clock that was set back keeps the order of writing", async () => {
    await writeAndClose(open(), 1);
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
    await writeAndClose(open(), 2);
    now.mockRestore();
    await writeAndClose(open(), 3);
    expect((await readAll()).samples.map(numberOf)).toEqual([1, 2, 3]);
  });

  it("kill -9 at any moment leaves whole lines and at most one torn one", async () => {
    const writer = `
      const { openJournal } = await import(${JSON.stringify(resolve(import.meta.dirname, "../src/journal.ts"))});
      const sink = openJournal({ directory: process.argv[1], maxBytes: 2 ** 28, maxAgeMs: 1e9 });
      let n = 0;
      const sample = () => ({ timeNs: String(n++), streams: [{ pad: "x".repeat(50_000) }], candidatePairs: [], datagrams: {} });
      setInterval(() => { for (let i = 0; i < 20; i++) sink.write(sample()); console.log(n); }, 1);`;
    for (let run = 0; run < 3; run++) {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", writer, directory], {
        cwd: resolve(import.meta.dirname, ".."),
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = new Promise((done) => child.once("exit", done));
      await new Promise((begun) => child.stdout.once("data", begun));
      await new Promise((done) => setTimeout(done, 30 + 50 * run));
      child.kill("SIGKILL");
      await exit;
      const { samples, torn } = await readAll();
      expect(torn).toBeLessThanOrEqual(run + 1);
      const last = samples.slice(samples.findLastIndex((sample) => sample.timeNs === "0"));
      expect(last.map((sample) => Number(sample.timeNs))).toEqual(last.map((_, n) => n));
    }
  });
});

describe("journal: a directory that is none", () => {
  it.each([
    ["a file", () => writeFileSync(directory, ""), /cannot keep a journal in .*: (EEXIST|ENOTDIR)$/],
    ["below a file", () => writeFileSync(resolve(directory, "../x"), ""), /: (EEXIST|ENOTDIR)$/],
  ])("%s is refused when opened", (name, prepare, message) => {
    prepare();
    const where = name === "below a file" ? resolve(directory, "../x/journal") : directory;
    expect(() => open({ directory: where })).toThrow(
      expect.objectContaining({
        code: "ERR_JOURNAL",
        message: expect.stringMatching(message),
        hint: "choose a directory as journal.directory",
      }),
    );
  });

  it("reading what is not there is an error that says where", async () => {
    await expect(readAll()).rejects.toMatchObject({
      code: "ERR_JOURNAL",
      message: `cannot read the journal in ${directory}: ENOENT`,
    });
  });

  it("taken away while writing: samples are dropped and counted until it is back", async () => {
    const sink = open();
    rmSync(directory, { recursive: true });
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status()).toMatchObject({ state: "failing", dropped: 4, written: 0 }));
    expect(sink.status().lastError).toContain("ENOENT");
    mkdirSync(directory);
    await writeAndClose(sink, 2);
    expect(sink.status()).toMatchObject({ state: "ok", dropped: 4, written: 4 });
    expect(events).toEqual([
      expect.stringContaining("ENOENT; the directory is gone: make it again; samples are dropped until then"),
      expect.stringContaining("takes samples again; 4 points were dropped so far"),
    ]);
  });
});

describe.skipIf(!can.root.ok)(`journal: a disk that refuses — ${can.root.why}`, () => {
  const run = (command: string, ...args: string[]) => {
    const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  };

  beforeEach(() => {
    mkdirSync(directory);
    run("mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "rtcprobe-test", directory);
  });

  afterEach(() => run("umount", directory));

  it("full: the measurement goes on, the loss is counted, and room makes it well", async () => {
    writeFileSync(pathOf("ballast"), Buffer.alloc(200 * 1024));
    const sink = open();
    for (let n = 0; n < 100; n++) sink.write(sampleAt(n));
    await eventually(() => expect(sink.status().queued).toBe(0));
    const { written, dropped } = sink.status();
    expect(written + dropped).toBe(400);
    expect(written).toBeGreaterThan(0);
    expect(dropped).toBeGreaterThan(0);
    expect(sink.status()).toMatchObject({ state: "failing", lastError: expect.stringContaining("ENOSPC") });
    expect(events).toEqual([expect.stringContaining("ENOSPC; the file system is full: make room")]);
    expect((await readAll()).samples).toHaveLength(written / 4);
    rmSync(pathOf("ballast"));
    await writeAndClose(sink, 100);
    expect(sink.status()).toMatchObject({ state: "ok", written: written + 4, dropped });
    expect((await readAll()).samples.at(-1)).toEqual(sampleAt(100));
    expect(files().length).toBeLessThanOrEqual(3);
  });

  it("read-only, before and while", async () => {
    const sink = open();
    run("mount", "-o", "remount,ro", directory);
    expect(() => open()).toThrow(
      expect.objectContaining({ code: "ERR_JOURNAL", hint: expect.stringContaining("the file system is read-only") }),
    );
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status()).toMatchObject({ state: "failing", dropped: 4 }));
    expect(sink.status().lastError).toContain("EROFS");
    run("mount", "-o", "remount,rw", directory);
    await writeAndClose(sink, 2);
    expect((await readAll()).samples.map(numberOf)).toEqual([2]);
  });

  it("for another user", () => {
    chmodSync(resolve(directory, ".."), 0o755);
    process.seteuid?.(65_534);
    try {
      expect(() => open()).toThrow(
        expect.objectContaining({ code: "ERR_JOURNAL", hint: expect.stringContaining("give this user the right") }),
      );
    } finally {
      process.seteuid?.(0);
    }
  });
});
