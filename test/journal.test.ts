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
import { type Journal, type JournalOptions, openJournal, readJournal } from "../src/journal.js";
import { type Content, isSample } from "../src/sink.js";
import { Roster, StreamTable } from "../src/streamtable.js";
import { can } from "./capability.js";
import { inboundStream, makeSample } from "./samples.js";

/** Soon on an idle machine, later on a busy one. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });
const SECOND = 1_000_000_000n;
let directory: string;
let events: string[] = [];
const opened: Journal[] = [];

function open(options: Partial<JournalOptions> = {}): Promise<Journal> {
  const bounds = { directory, maxBytes: 256 * 2 ** 20, maxAgeMs: 7 * 86_400_000 };
  return openJournal({ ...bounds, ...options }, (line) => events.push(line)).then((journal) => {
    opened.push(journal);
    return journal;
  });
}

const sampleAt = (n: number) => makeSample({ timeNs: String(1_760_000_000n * SECOND + BigInt(n)) });
const numberOf = (sample: Content) => (isSample(sample) ? Number(BigInt(sample.timeNs) % SECOND) : -1);
const range = (end: number) => Array.from({ length: end }, (_, n) => n);
const files = () =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".seg"))
    .sort();
const pathOf = (name: string | undefined) => join(directory, name ?? "");
const totalBytes = () => files().reduce((sum, name) => sum + statSync(pathOf(name)).size, 0);
const settled = (journal: Journal) => eventually(() => expect(journal.status().queued).toBe(0));

async function readAll(from = directory): Promise<{ samples: Content[]; damaged: number }> {
  const reader = readJournal(from);
  const samples: Content[] = [];
  for await (const sample of reader) samples.push(sample);
  return { samples, damaged: reader.damaged };
}

async function writeAndClose(journal: Journal, ...numbers: number[]): Promise<void> {
  for (const n of numbers) journal.append(sampleAt(n));
  await journal.close(5_000);
}

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "rtcprobe-journal-")), "journal");
  events = [];
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((journal) => journal.close(1_000)));
  rmSync(resolve(directory, ".."), { recursive: true, force: true });
});

describe("journal: what is written is read", () => {
  it("whole samples, in order, through several openings, in one segment", async () => {
    await writeAndClose(await open(), 1, 2, 3);
    await writeAndClose(await open(), 4);
    await writeAndClose(await open(), 5, 6);
    const { samples, damaged } = await readAll();
    expect(samples).toEqual([1, 2, 3, 4, 5, 6].map(sampleAt));
    expect(damaged).toBe(0);
    expect(files()).toEqual(["0000000000000000.seg"]);
  });

  it("while it is written", async () => {
    const journal = await open();
    journal.append(sampleAt(1));
    await settled(journal);
    expect((await readAll()).samples).toEqual([sampleAt(1)]);
    await journal.close(1_000);
  });

  it("of a time only, when asked so", async () => {
    const journal = await open();
    for (const timestamp of [1_000, 2_000, 3_000]) journal.append(makeSample({ timestamp }));
    await journal.close(1_000);
    const times: number[] = [];
    for await (const { timestamp } of readJournal(directory, { sinceMs: 2_000, untilMs: 3_000 })) times.push(timestamp);
    expect(times).toEqual([2_000]);
  });

  it("for nobody else to see: directory 0700, files 0600", async () => {
    const journal = await open();
    journal.openCursor("x");
    await writeAndClose(journal, 1);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory)) expect(statSync(pathOf(name)).mode & 0o777).toBe(0o600);
  });

  it("a directory that was there keeps its mode", async () => {
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    await writeAndClose(await open(), 1);
    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });

  it("counts points, and says so after the end too", async () => {
    const journal = await open();
    await writeAndClose(journal, 1, 2);
    expect(journal.status()).toMatchObject({ name: "journal", state: "ok", written: 8, queued: 0, dropped: 0 });
    journal.append(sampleAt(3));
    expect(journal.status()).toMatchObject({ written: 8, dropped: 4, droppedBy: { closed: 4 } });
    expect((await readAll()).samples).toHaveLength(2);
  });

  it("nothing makes no file", async () => {
    await (await open()).close(1_000);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("by one daemon at a time", async () => {
    const journal = await open();
    await expect(open()).rejects.toMatchObject({
      code: "ERR_JOURNAL",
      message: `the journal in ${directory} is another daemon's`,
    });
    await journal.close(1_000);
    await (await open()).close(1_000);
  });
});

describe("journal: bounds", () => {
  /** A frame of one of our samples on disk; the JSON is deflated. */
  async function frameBytes(): Promise<number> {
    await writeAndClose(await open(), 1);
    const bytes = totalBytes();
    rmSync(directory, { recursive: true });
    return bytes;
  }

  it("of bytes: the oldest go first, are counted, and the newest stay", async () => {
    const bytes = await frameBytes();
    const journal = await open({ maxBytes: 40 * bytes });
    for (const n of range(500)) {
      journal.append(sampleAt(n));
      if (n % 50 === 0) await settled(journal);
      expect(totalBytes()).toBeLessThanOrEqual(40 * bytes);
      // Eight segments share the bound.
      for (const name of files()) expect(statSync(pathOf(name)).size).toBeLessThanOrEqual(5 * bytes);
    }
    await journal.close(5_000);
    const numbers = (await readAll()).samples.map(numberOf);
    expect(numbers.length).toBeGreaterThanOrEqual(30);
    expect(numbers).toEqual(range(500).slice(-numbers.length));
    expect(journal.status()).toMatchObject({ written: 2_000, dropped: 0, expired: { bytes: 500 - numbers.length } });
  });

  it("of bytes, kept by the next opening for what the last one left", async () => {
    const bytes = await frameBytes();
    await writeAndClose(await open(), ...range(100));
    const journal = await open({ maxBytes: 20 * bytes });
    await writeAndClose(journal, 100);
    expect((await readAll()).samples.map(numberOf)).toEqual([100]);
    expect(journal.status().expired.bytes).toBe(100);
  });

  it("of age", async () => {
    await writeAndClose(await open(), 1, 2);
    const old = (Date.now() - 3_600_000) / 1_000;
    utimesSync(pathOf(files()[0]), old, old);
    const journal = await open({ maxAgeMs: 1_800_000 });
    await writeAndClose(journal, 3);
    expect((await readAll()).samples.map(numberOf)).toEqual([3]);
    expect(journal.status().expired).toEqual({ bytes: 0, age: 2, space: 0 });
  });

  it("a sample above the bound is dropped and counted; the next one is not", async () => {
    const bytes = await frameBytes();
    const journal = await open({ maxBytes: 2 * bytes });
    const streams = range(500).map((ssrc) => inboundStream({ ssrc, jitter: Math.random() }));
    journal.append(makeSample({ streams }));
    await writeAndClose(journal, 1);
    expect(journal.status()).toMatchObject({ state: "ok", written: 4, droppedBy: { tooLarge: 502 } });
    expect(events[0]).toMatch(/a sample of \d+ bytes is more than journal.maxBytes; raise journal.maxBytes/);
    expect((await readAll()).samples.map(numberOf)).toEqual([1]);
  });

  it("foreign files are neither read, nor counted, nor deleted", async () => {
    const bytes = await frameBytes();
    mkdirSync(directory);
    writeFileSync(pathOf("notes.txt"), "x".repeat(50 * bytes));
    mkdirSync(pathOf("0000000000000099.seg"));
    const journal = await open({ maxBytes: 10 * bytes });
    await writeAndClose(journal, ...range(50));
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(["notes.txt", "0000000000000099.seg"]));
    expect((await readAll()).samples.at(-1)).toEqual(sampleAt(49));
  });
});

describe("journal: after a crash", () => {
  it.each([1, 10, 200])(
    "a tail that lacks %i bytes is cut and counted, and writing goes on behind the cut",
    async (lack) => {
      await writeAndClose(await open(), 1, 2);
      const path = pathOf(files()[0]);
      const size = statSync(path).size;
      truncateSync(path, size - lack);
      expect(await readAll()).toMatchObject({ damaged: 1 });
      const journal = await open();
      expect(events).toEqual([expect.stringContaining("was not whole and is cut off")]);
      expect(journal.status()).toMatchObject({ torn: 1, corrupt: 0 });
      await writeAndClose(journal, 3);
      const { samples, damaged } = await readAll();
      expect(samples.map(numberOf)).toEqual([1, 3]);
      expect(damaged).toBe(0);
    },
  );

  it.each([
    ["zeros, as power leaves them", Buffer.alloc(4096)],
    ["half a head", Buffer.from([40, 0, 0])],
    ["a length beyond the end", Buffer.from([255, 255, 0, 0, 1, 2, 3, 4, 5])],
  ])("a tail of %s is cut", async (_, tail) => {
    await writeAndClose(await open(), 1);
    appendFileSync(pathOf(files()[0]), tail);
    await writeAndClose(await open(), 2);
    expect(await readAll()).toMatchObject({ samples: [sampleAt(1), sampleAt(2)], damaged: 0 });
  });

  it("a flipped bit costs its own sample, and is counted", async () => {
    await writeAndClose(await open(), 1, 2, 3);
    const path = pathOf(files()[0]);
    const bytes = readFileSync(path);
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] as number) ^ 4;
    writeFileSync(path, bytes);
    const journal = await open();
    expect(journal.status()).toMatchObject({ corrupt: 1, torn: 0 });
    await writeAndClose(journal, 4);
    expect(await readAll()).toMatchObject({ samples: [1, 3, 4].map(sampleAt), damaged: 1 });
  });

  /** Where each frame of the first segment begins, by the lengths that were written. */
  function frameStarts(bytes: Buffer): number[] {
    const starts: number[] = [];
    for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32LE(at)) starts.push(at);
    return starts;
  }

  it.each(range(32))("a flipped bit %i in a length costs that sample only, and its points are counted", async (bit) => {
    const first = await open();
    first.openCursor("sink");
    await writeAndClose(first, ...range(40));
    const path = pathOf(files()[0]);
    const bytes = readFileSync(path);
    const at = (frameStarts(bytes)[5] as number) + Math.floor(bit / 8);
    bytes[at] = (bytes[at] as number) ^ (1 << (bit % 8));
    writeFileSync(path, bytes);
    const journal = await open();
    expect(events).toEqual([expect.stringContaining("is damaged in 1 places, which are passed over")]);
    expect(journal.status()).toMatchObject({ corrupt: 1, torn: 0, bytes: bytes.length });
    const cursor = journal.openCursor("sink");
    const seen: number[] = [];
    for (let entry = await cursor.take(); entry; entry = await cursor.take()) seen.push(numberOf(entry.content));
    expect(seen).toEqual(range(40).filter((n) => n !== 5));
    expect(cursor.lost).toEqual({ damaged: 4 });
    await writeAndClose(journal, 40);
    expect((await readAll()).samples.map(numberOf)).toEqual(range(41).filter((n) => n !== 5));
  });

  it("only what lies behind the last whole sample is cut, however much before it is damaged", async () => {
    await writeAndClose(await open(), ...range(40));
    const path = pathOf(files()[0]);
    const bytes = readFileSync(path);
    const starts = frameStarts(bytes);
    bytes.writeUInt32LE(0xffffffff, 0);
    bytes.fill(0, starts[10], starts[20]);
    bytes.fill(0xff, starts[30], (starts[31] as number) + 8);
    writeFileSync(path, bytes.subarray(0, -10));
    const journal = await open();
    expect(journal.status()).toMatchObject({ corrupt: 3, torn: 1, bytes: starts[39] });
    await writeAndClose(journal, 39);
    const { samples, damaged } = await readAll();
    expect(samples.map(numberOf)).toEqual(
      range(40).filter((n) => n > 0 && (n < 10 || n >= 20) && n !== 30 && n !== 31),
    );
    expect(damaged).toBe(3);
  });

  it("kill -9 at any moment: nothing that the disk had is lost, nothing is there twice, numbers go on", async () => {
    const writer = `
      const { openJournal } = await import(${JSON.stringify(resolve(import.meta.dirname, "../src/journal.ts"))});
      const journal = await openJournal({ directory: process.argv[1], maxBytes: 2 ** 28, maxAgeMs: 1e9 });
      let n = journal.end.number;
      const pad = () => Array.from({ length: 500 }, () => ({ jitter: Math.random() }));
      const sample = () => ({ timestamp: n, timeNs: String(n++), streams: pad(), candidatePairs: [], datagrams: {} });
      setInterval(() => { if (journal.status().queued < 10_000) journal.append(sample()); console.log(n, journal.status().written / 501); }, 1);`;
    let known = 0;
    for (let run = 0; run < 4; run++) {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", writer, directory], {
        cwd: resolve(import.meta.dirname, ".."),
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = new Promise((done) => child.once("exit", done));
      let said = "";
      child.stdout.on("data", (text) => {
        said += text;
      });
      await eventually(() => expect(said).toContain("\n"));
      await new Promise((done) => setTimeout(done, 20 + 60 * run));
      child.kill("SIGKILL");
      await exit;
      const written = Number(said.trimEnd().split("\n").at(-2)?.split(" ")[1] ?? 0);
      const numbers = (await readAll()).samples.map(({ timestamp }) => timestamp);
      expect(numbers).toEqual(range(numbers.length));
      expect(numbers.length).toBeGreaterThanOrEqual(known + written);
      known = numbers.length;
    }
  });
});

describe("journal: a cursor that lags", () => {
  it("has no sample before it is on disk, so that a kill takes it from all sinks or from none", async () => {
    const journal = await open();
    const cursor = journal.openCursor("sink");
    journal.append(sampleAt(1));
    expect(await cursor.take()).toBeUndefined();
    await settled(journal);
    expect(numberOf((await cursor.take())?.content as Content)).toBe(1);
  });

  it("reads from disk what has left the memory, also from the segment that grows meanwhile", async () => {
    const journal = await open();
    const cursor = journal.openCursor("slow");
    const streams = range(3_000).map((ssrc) => inboundStream({ ssrc }));
    const seen: number[] = [];
    for (const n of range(40)) {
      journal.append(makeSample({ timestamp: n, streams }));
      await settled(journal);
      // Memory holds the latest few of these samples: the cursor falls behind, and never catches up before the end.
      if (n % 2 === 0) seen.push((await cursor.take())?.content.timestamp ?? -1);
    }
    for (let entry = await cursor.take(); entry; entry = await cursor.take()) seen.push(entry.content.timestamp);
    expect(seen).toEqual(range(40));
    expect(cursor.lost).toEqual({});
  });
});

describe("journal: the memory of a sample", () => {
  it("is let go once it is on disk and each cursor has taken another one", async () => {
    const journal = await open();
    const [fast, slow] = [journal.openCursor("fast"), journal.openCursor("slow")];
    const tables: StreamTable[] = [];
    const isHeld = (i: number) => tables[i]?.numbers.size === 1;
    for (const n of [1, 2, 3]) {
      const streams = new StreamTable(new Roster([]));
      streams.number("jitter");
      tables.push(streams);
      journal.append({ ...sampleAt(n), streams });
      await settled(journal);
    }
    for (const cursor of [fast, fast, fast, slow]) await cursor.take();
    journal.append(sampleAt(4));
    await settled(journal);
    expect([0, 1, 2].map(isHeld)).toEqual([true, true, true]);
    await slow.take();
    expect([0, 1, 2].map(isHeld)).toEqual([false, true, true]);
    slow.close();
    fast.close();
    await journal.close(1_000);
    expect([0, 1, 2].map(isHeld)).toEqual([false, false, false]);
  });
});

describe("journal: a directory that is none", () => {
  it.each([
    ["a file", () => writeFileSync(directory, ""), /cannot keep a journal in .*: (EEXIST|ENOTDIR)$/],
    ["below a file", () => writeFileSync(resolve(directory, "../x"), ""), /: (EEXIST|ENOTDIR)$/],
  ])("%s is refused when opened", async (name, prepare, message) => {
    prepare();
    const where = name === "below a file" ? resolve(directory, "../x/journal") : directory;
    await expect(open({ directory: where })).rejects.toMatchObject({
      code: "ERR_JOURNAL",
      message: expect.stringMatching(message),
      hint: "choose a directory as journal.directory",
    });
  });

  it("reading what is not there is an error that says where", async () => {
    await expect(readAll()).rejects.toMatchObject({
      code: "ERR_JOURNAL",
      message: `cannot read the journal in ${directory}: ENOENT`,
    });
  });

  it("taken away while writing: it is made again, and what comes then is kept", async () => {
    const journal = await open();
    journal.append(sampleAt(1));
    await settled(journal);
    rmSync(directory, { recursive: true });
    await writeAndClose(journal, 2, 3);
    expect((await readAll()).samples.map(numberOf)).toEqual([2, 3]);
    expect(journal.status()).toMatchObject({ state: "ok", dropped: 0 });
  });
});

describe.skipIf(!can.root.ok)(`journal: a disk that refuses — ${can.root.why}`, () => {
  const run = (command: string, ...args: string[]) => {
    const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  };
  const wide = (n: number) =>
    makeSample({ timestamp: n, streams: range(2_000).map((ssrc) => inboundStream({ ssrc, jitter: Math.random() })) });

  beforeEach(() => {
    mkdirSync(directory);
    run("mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "rtcprobe-test", directory);
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((journal) => journal.close(1_000)));
    run("umount", directory);
  });

  it("full: samples wait in memory, the oldest are dropped and counted, sinks see all, and room makes it well", async () => {
    writeFileSync(pathOf("ballast"), Buffer.alloc(480 * 1024));
    const journal = await open();
    const cursor = journal.openCursor("fast");
    const seen: number[] = [];
    for (const n of range(60)) {
      journal.append(wide(n));
      for (let entry = await cursor.take(); entry; entry = await cursor.take()) {
        seen.push(entry.content.timestamp);
        cursor.commit(entry);
      }
      await new Promise((done) => setTimeout(done, 5));
    }
    expect(seen).toEqual(range(60));
    await eventually(() => expect(journal.status().state).toBe("failing"));
    const { written, dropped, queued, droppedBy, lastError } = journal.status();
    expect(written + dropped + queued).toBe(60 * 2_002);
    expect(droppedBy.full).toBeGreaterThan(0);
    expect(lastError).toContain("ENOSPC");
    expect(await journal.settle()).toBe(false);
    expect(events).toEqual([expect.stringContaining("ENOSPC; the file system is full: make room")]);
    rmSync(pathOf("ballast"));
    run("mount", "-o", "remount,size=64m", directory);
    journal.append(wide(60));
    await settled(journal);
    expect(await journal.settle()).toBe(true);
    expect(journal.status().state).toBe("ok");
    expect(journal.status().written + journal.status().dropped).toBe(61 * 2_002);
    const kept = (await readAll()).samples.map(({ timestamp }) => timestamp);
    expect(kept.slice(-20)).toEqual(range(61).slice(-20));
    expect(events).toHaveLength(2);
    await journal.close(1_000);
  });

  it("full by ourselves: our own oldest segments make room", async () => {
    const journal = await open({ maxBytes: 100 * 2 ** 20 });
    const bytes = 8 * 65_536;
    await journal.close(1_000);
    const small = await open({ maxBytes: bytes });
    run("mount", "-o", "remount,size=100k", directory);
    for (const n of range(1_000)) {
      small.append(sampleAt(n));
      if (n % 50 === 0) await settled(small);
    }
    await small.close(5_000);
    expect(small.status()).toMatchObject({ state: "ok", written: 4_000, dropped: 0 });
    expect(small.status().expired.space).toBeGreaterThan(0);
    const numbers = (await readAll()).samples.map(numberOf);
    expect(numbers).toEqual(range(1_000).slice(-numbers.length));
  });

  it("read-only from the start and while: the measurement goes on, and nothing is lost when it passes soon", async () => {
    run("mount", "-o", "remount,ro", directory);
    const journal = await open();
    journal.append(sampleAt(1));
    await eventually(() => expect(journal.status()).toMatchObject({ state: "failing", queued: 4, dropped: 0 }));
    expect(journal.status().lastError).toContain("EROFS");
    expect(events).toEqual([expect.stringContaining("the file system is read-only")]);
    run("mount", "-o", "remount,rw", directory);
    await writeAndClose(journal, 2);
    expect((await readAll()).samples.map(numberOf)).toEqual([1, 2]);
    expect(journal.status()).toMatchObject({ state: "ok", dropped: 0 });
  });

  it("read-only to the end: the loss is counted by reason", async () => {
    const journal = await open();
    run("mount", "-o", "remount,ro", directory);
    await writeAndClose(journal, 1);
    expect(journal.status()).toMatchObject({ written: 0, droppedBy: { readOnly: 4 } });
  });

  it("for another user", async () => {
    chmodSync(resolve(directory, ".."), 0o755);
    process.seteuid?.(65_534);
    try {
      await expect(open()).rejects.toMatchObject({
        code: "ERR_JOURNAL",
        hint: expect.stringContaining("give this user the right"),
      });
    } finally {
      process.seteuid?.(0);
    }
  });
});
