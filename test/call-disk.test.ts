// SPDX-License-Identifier: MIT
/** Calls on a disk that is full. Oracle: the kernel's ENOSPC on a tmpfs, and the rows that were put in. */
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CallBook } from "../src/call/book.js";
import { CallStore } from "../src/call/store.js";
import type { Row } from "../src/call/traffic.js";
import { makeBook } from "./callbook.js";
import { can } from "./capability.js";
import { inboundStream, makeSample } from "./samples.js";

const range = (end: number): number[] => Array.from({ length: end }, (_, n) => n);

describe.skipIf(!can.root.ok)(`calls on a full disk — ${can.root.why}`, () => {
  let directory: string;
  let said: string[];
  const books: CallBook[] = [];

  const run = (command: string, ...args: string[]) => {
    expect(spawnSync(command, args, { encoding: "utf8" })).toMatchObject({ stderr: "", status: 0 });
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "rtcprobe-full-"));
    run("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "rtcprobe-test", directory);
    said = [];
  });
  afterEach(async () => {
    for (const book of books.splice(0)) await book.close();
    run("umount", directory);
    rmSync(directory, { recursive: true });
  });

  /** Up to the last byte. */
  function fill(): void {
    expect(() => {
      for (;;) appendFileSync(join(directory, "ballast"), Buffer.alloc(4096));
    }).toThrow(/ENOSPC/);
  }
  const makeRoom = () => rmSync(join(directory, "ballast"));

  function open(): CallBook {
    const book = makeBook(directory, { say: (line) => said.push(line) });
    books.push(book);
    return book;
  }

  /** Sample `n` of a stream that received so many times 100 packets. */
  async function measure(book: CallBook, n: number): Promise<void> {
    const at = Date.now() + 1000 * n;
    const stream = inboundStream({ packetsReceived: 100 * n, lastPacketReceivedTimestamp: at });
    book.addSample(makeSample({ timestamp: at, streams: [stream], candidatePairs: [] }));
    await setImmediate();
  }
  const packets = (rows: Row[]) => rows.map((row) => row.received.audio?.packets);

  it("rows wait, also for the report, and are all there when there is room: none is torn, none is missing", async () => {
    const book = open();
    const { id } = book.start({ meeting: "m1" });
    await measure(book, 1);
    await measure(book, 2);
    fill();
    // The page that the file has by now takes some rows, and a part of one.
    for (const n of range(60)) await measure(book, n + 3);
    expect(said).toEqual([`rows of calls: cannot write the calls in ${directory}: ENOSPC; trying again`]);
    const text = readFileSync(join(directory, `${id}.rows.ndjson`), "utf8");
    expect(text.endsWith("}\n")).toBe(true);
    expect(text.split("\n").length).toBeLessThan(62);
    expect(book.report(id).totals?.packetsReceived).toBe(6_100);
    makeRoom();
    // No further sample is needed for it.
    book.open();
    const stored = () => new CallStore(directory).loadRows(id);
    await expect.poll(() => stored().length, { timeout: 10_000 }).toBe(61);
    expect(packets(stored())).toEqual(range(61).map(() => 100));
    await expect.poll(() => said.slice(1)).toEqual(["rows of calls: written again; 0 were dropped so far"]);
    await measure(book, 63);
    expect(packets(stored())).toHaveLength(62);
  });

  it("above 16 MiB the oldest are dropped and counted", () => {
    fill();
    const store = new CallStore(directory);
    const pad = "x".repeat(4_000);
    for (const at of range(6_000)) store.addRow("0000000a", { at, span: 1, received: {}, sent: {}, ambiguous: pad });
    expect(() => store.writeRows()).toThrow(/ENOSPC/);
    run("mount", "-o", "remount,size=64m", directory);
    store.writeRows();
    const kept = new CallStore(directory).loadRows("0000000a").map(({ at }) => at);
    expect(kept.length * 4_050).toBeGreaterThan(15 * 2 ** 20);
    expect(kept.length * 4_000).toBeLessThan(16 * 2 ** 20);
    expect(kept).toEqual(range(6_000).slice(-kept.length));
    expect([store.heldRows, store.droppedRows]).toEqual([0, 6_000 - kept.length]);
  });

  it("a daemon that ends says what is lost", async () => {
    const book = open();
    book.start({ meeting: "m1" });
    fill();
    for (const n of range(3)) await measure(book, n + 1);
    await book.close();
    expect(said.at(-1)).toBe(`rows of calls: cannot write the calls in ${directory}: ENOSPC; 2 are lost`);
  });

  it("a call that cannot be kept is refused with what to do, which is no flag that its command lacks", () => {
    fill();
    expect(() => open().start({ meeting: "m1" })).toThrow(
      expect.objectContaining({ code: "ERR_FILE", hint: "the disk is full: make room there" }),
    );
    makeRoom();
    run("mount", "-o", "remount,ro", directory);
    expect(() => open().start({ meeting: "m1" })).toThrow(
      expect.objectContaining({ hint: "let the daemon's calls.directory be one that it may write" }),
    );
    run("mount", "-o", "remount,rw", directory);
    expect(readdirSync(directory)).toEqual([]);
  });
});
