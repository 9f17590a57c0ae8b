// SPDX-License-Identifier: MIT
/** Daily's metrics on their way into a database. Oracle: the points that the write was handed, and the verdicts it gave. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IPoint } from "influx";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Verdict } from "../src/answer.js";
import type { Call } from "../src/call/call.js";
import { Followup } from "../src/call/followup.js";
import { CallStore } from "../src/call/store.js";
import { TIMES } from "./callbook.js";
import { METRIC } from "./dailyserver.js";

const START = Date.parse("2026-03-23T16:00:00Z");
const COUNT = 20;
const NO_SIGNAL = new AbortController().signal;

let directory: string;
let said: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rtcprobe-followup-"));
  said = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A call of which twenty records were fetched, and its next step with such a database. */
async function store(write: (points: IPoint[]) => Promise<Verdict>): Promise<{ call: Call; nextMs?: number }> {
  const calls = new CallStore(directory);
  const daily = { phase: "fetched" as const, polls: 2, metrics: COUNT };
  const call: Call = { id: "0123abcd", source: "control", startedAt: START, endedAt: START + 60_000, daily };
  calls.save(call);
  const timeOf = (i: number) => new Date(START + 1000 * i).toISOString();
  calls.saveMetrics(
    call.id,
    Array.from({ length: COUNT }, (_, i) => ({ ...METRIC, n: i, time: timeOf(i) })),
  );
  const followup = new Followup({ store: calls, times: TIMES, host: "h1", write, say: (line) => said.push(line) });
  const nextMs = await followup.step(call, NO_SIGNAL);
  expect(calls.load()).toEqual([call]);
  return { call, ...(nextMs === undefined ? {} : { nextMs }) };
}

const numbersOf = (points: IPoint[]): number[] => points.map(({ fields }) => fields?.n as number);
const ALL = Array.from({ length: COUNT }, (_, i) => i);
const byNumber = (a: number, b: number): number => a - b;

it.each(["hold", "retry"] as const)("%s: the points stay, and are written again later", async (kind) => {
  const { call, nextMs } = await store(async () => ({ kind, reason: "answered HTTP 503", hint: "wait" }));
  expect(call.daily).toMatchObject({ phase: "fetched", reason: "answered HTTP 503" });
  expect(nextMs).toBe(30_000);
  expect(said).toEqual(["call 0123abcd: Daily's metrics wait: answered HTTP 503"]);
});

it("split: both halves are written, and halves of them, down to what the database takes", async () => {
  const taken: number[] = [];
  const { call, nextMs } = await store(async (points) => {
    if (points.length > 3) return { kind: "split", reason: "answered HTTP 413" };
    taken.push(...numbersOf(points));
    return { kind: "done" };
  });
  expect(taken.sort(byNumber)).toEqual(ALL);
  expect(call.daily.phase).toBe("stored");
  expect(nextMs).toBeUndefined();
  expect(said).toEqual([]);
});

it("split: a half that is refused does not take the other with it", async () => {
  const taken: number[] = [];
  let refused: number[] = [];
  const { call } = await store(async (points) => {
    if (points.length > COUNT / 2) return { kind: "split", reason: "answered HTTP 413" };
    if (refused.length === 0) {
      refused = numbersOf(points);
      return { kind: "refused", reason: "answered HTTP 400: no" };
    }
    taken.push(...numbersOf(points));
    return { kind: "done" };
  });
  expect(taken).toHaveLength(COUNT / 2);
  expect([...taken, ...refused].sort(byNumber)).toEqual(ALL);
  expect(call.daily.phase).toBe("stored");
  expect(said).toEqual(["call 0123abcd: points of Daily's metrics are refused: answered HTTP 400: no"]);
});

it("split of one point is a refusal", async () => {
  const { call } = await store(async () => ({ kind: "split", reason: "answered HTTP 413" }));
  expect(call.daily.phase).toBe("stored");
  expect(said).toEqual(["call 0123abcd: points of Daily's metrics are refused: answered HTTP 413"]);
});
