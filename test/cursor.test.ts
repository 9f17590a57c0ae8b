// SPDX-License-Identifier: MIT
/**
 * Why samples are missing that a cursor did not get. Oracle: what the test did to them: a bound of bytes, or one bit of a frame; and how
 * many points they were, by the journal's own count of what left it.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Journal, openJournal } from "../src/journal.js";
import { countPoints } from "../src/sink.js";
import { makeSample } from "./samples.js";

const POINTS = countPoints(makeSample());
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rtcprobe-cursor-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (maxBytes = 2 ** 26): Promise<Journal> => openJournal({ directory, maxBytes, maxAgeMs: 1e9 });

/** A life of the journal, in which a cursor begins and takes nothing. */
async function write(...timestamps: number[]): Promise<void> {
  const journal = await open();
  journal.openCursor("sink");
  for (const timestamp of timestamps) journal.append(makeSample({ timestamp }));
  await journal.close(5_000);
}

/** What the cursor of the next life gets and what it lacks. */
async function readOn(journal: Journal) {
  const cursor = journal.openCursor("sink");
  const timestamps: number[] = [];
  for (let entry = await cursor.take(); entry; entry = await cursor.take()) timestamps.push(entry.content.timestamp);
  return { timestamps, lost: cursor.lost };
}

it("samples that left at the bound of bytes are expired", async () => {
  await write(...Array.from({ length: 100 }, (_, n) => n));
  const journal = await open(20_000);
  for (let n = 100; n < 200; n++) journal.append(makeSample({ timestamp: n }));
  await journal.settle();
  const { bytes: expired } = journal.status().expired;
  expect(expired).toBeGreaterThan(0);
  const { timestamps, lost } = await readOn(journal);
  expect(lost).toEqual({ expired: expired * POINTS });
  expect(timestamps).toEqual(Array.from({ length: 200 - expired }, (_, n) => expired + n));
  await journal.close(5_000);
});

it("a sample of which a bit flipped is damaged", async () => {
  const sizes: number[] = [];
  const file = () => join(directory, readdirSync(directory).find((name) => name.endsWith(".seg")) ?? "");
  for (const timestamp of [1, 2, 3]) {
    await write(timestamp);
    sizes.push(statSync(file()).size);
  }
  const bytes = readFileSync(file());
  const [begin = 0, end = 0] = sizes;
  const at = (begin + end) >> 1;
  bytes[at] = (bytes[at] as number) ^ 4;
  writeFileSync(file(), bytes);

  const journal = await open();
  expect(await readOn(journal)).toEqual({ timestamps: [1, 3], lost: { damaged: POINTS } });
  await journal.close(5_000);
});
