// SPDX-License-Identifier: MIT
/** A book of calls beside a fake Daily: presence, the looks after a call, and a restart. Oracle: what that Daily was told. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { BookOptions, CallBook } from "../src/call/book.js";
import { CallStore } from "../src/call/store.js";
import { Daily } from "../src/daily/client.js";
import { makeBook, TIMES } from "./callbook.js";
import { type DailyServer, KEY, METRIC, startDaily } from "./dailyserver.js";
import { candidatePair, inboundStream, makeSample } from "./samples.js";

let directory: string;
let daily: DailyServer;
let said: string[];
const books: CallBook[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "rtcprobe-book-"));
  daily = await startDaily();
  said = [];
});
afterEach(async () => {
  for (const book of books.splice(0)) await book.close();
  await daily.close();
  rmSync(directory, { recursive: true });
  expect(said.join("\n")).not.toContain(KEY);
});

function open(changes: Partial<BookOptions> = {}, key = KEY): CallBook {
  const client = new Daily({ key, url: daily.url, attempts: 1 });
  const book = makeBook(directory, { daily: client, presenceMs: 100, say: (line) => said.push(line), ...changes });
  book.open();
  books.push(book);
  return book;
}

/** Two samples a second apart, of one stream. */
function measure(book: CallBook, packets = 100): void {
  const now = Date.now();
  for (const n of [1, 2]) {
    const stream = inboundStream({ packetsReceived: n * packets, lastPacketReceivedTimestamp: now + 1 });
    book.addSample(makeSample({ timestamp: now + 1000 * n, streams: [stream], candidatePairs: [candidatePair()] }));
  }
}

const metric = (changes = {}) => ({ ...METRIC, mtgSessionId: "m1", time: new Date().toISOString(), ...changes });
const soon = (look: () => unknown) => expect.poll(look, { timeout: 10_000, interval: 20 });

it("presence makes a call and ends it, once it was missing at two looks", async () => {
  daily.state.presence = { r1: [{ room: "r1", id: "p1", userName: "Bot", mtgSessionId: "m1" }] };
  const book = open({ rooms: ["r1"], participantName: "Bot" });
  await soon(() => book.list()).toMatchObject([{ room: "r1", meeting: "m1", participant: "p1", source: "presence" }]);
  measure(book);
  daily.state.presence = {};
  await soon(() => book.list()[0]?.endReason).toBe("left the room");
  expect(book.list()).toHaveLength(1);
});

it("a call told with its room only gets its meeting from presence", async () => {
  daily.state.presence = { r1: [{ room: "r1", id: "p1", mtgSessionId: "m1" }] };
  const book = open();
  const { id } = book.start({ room: "r1" });
  await soon(() => book.get(id).meeting).toBe("m1");
});

it("looks at a call's metrics not before its time, and until two looks agree", async () => {
  const book = open({ times: { ...TIMES, firstPoll: 700 } });
  const { id } = book.start({ meeting: "m1" });
  const { endedAt = 0 } = book.stop(id);
  let first = 0;
  let looks = 0;
  daily.onRequest = () => {
    if (!daily.requests.at(-1)?.includes("offset=0")) return;
    first ||= Date.now();
    // Each of the first looks finds one more.
    if (++looks <= 3) daily.state.metrics.push(metric({ n: looks }));
  };
  await soon(() => book.get(id).daily.phase).toBe("fetched");
  expect(first - endedAt).toBeGreaterThanOrEqual(700);
  expect(book.get(id).daily).toMatchObject({ settled: true, metrics: 3, polls: 4 });
  expect(new CallStore(directory).loadMetrics(id)).toEqual(daily.state.metrics);
  const { length } = daily.requests;
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(daily.requests, "and then no more").toHaveLength(length);
});

it.each([
  ["no key", { daily: undefined }, { meeting: "m1" }, /no Daily key/],
  ["no id", {}, { pid: process.pid }, /neither its meeting nor its participant/],
  [
    "nothing until the deadline",
    { times: { ...TIMES, deadline: 500 } },
    { meeting: "m1" },
    /no metrics of it: .* alone/,
  ],
])("%s: Daily's side is absent, and the call says why", async (_, changes, request, reason) => {
  const book = open(changes);
  const { id } = book.start(request);
  book.stop(id);
  await soon(() => book.get(id).daily).toMatchObject({ phase: "absent", reason: expect.stringMatching(reason) });
  expect(book.report(id).daily.note).toMatch(reason);
});

it("a key that Daily refuses is said once, and with the call until the deadline", async () => {
  const book = open({ times: { ...TIMES, deadline: 1000 } }, "a-wrong-key");
  const { id } = book.start({ meeting: "m1" });
  book.stop(id);
  await soon(() => book.get(id).daily.phase).toBe("absent");
  expect(book.get(id).daily.reason).toMatch(/HTTP 401 to \/logs: authentication-error/);
  expect(said).toEqual([`call ${id}: Daily answered HTTP 401 to /logs: authentication-error`]);
});

it("what InfluxDB does not take now waits for it", async () => {
  daily.state.metrics = [metric()];
  const verdicts = [{ kind: "retry" as const, reason: "down" }];
  const points: number[] = [];
  const write: BookOptions["write"] = async (batch) => {
    points.push(batch.length);
    return verdicts.shift() ?? { kind: "done" };
  };
  const book = open({ write });
  const { id } = book.start({ meeting: "m1" });
  book.stop(id);
  await soon(() => book.get(id).daily).toMatchObject({ phase: "fetched", reason: "down" });
  await book.close();
  // A daemon that is started anew does not wait.
  const next = open({ write });
  await soon(() => next.get(id).daily.phase).toBe("stored");
  expect(points).toEqual([1, 1]);
  expect(said).toEqual([`call ${id}: Daily's metrics wait: down`]);
});

it("a call that is on survives a restart, and its seconds go on", () => {
  const first = makeBook(directory);
  const { id } = first.start({ meeting: "m1", pid: process.pid });
  const own = (n: number) =>
    makeSample({
      timestamp: Date.now() + 1000 * n,
      streams: [
        inboundStream({ pid: process.pid, packetsReceived: 100 * n, lastPacketReceivedTimestamp: Date.now() + 1 }),
      ],
      candidatePairs: [],
    });
  for (const n of [1, 2, 3]) first.addSample(own(n));
  const second = makeBook(directory);
  for (const n of [4, 5, 6]) second.addSample(own(n));
  const rows = new CallStore(directory).loadRows(id);
  // What passed between the two daemons was seen by neither.
  expect(rows.map((row) => row.received.audio?.packets)).toEqual([100, 100, 100, 100]);
  expect(second.get(id)).toMatchObject({ id, place: { srcAddress: "10.1.2.3", dstAddress: "192.0.2.7" } });
  expect(second.counts()).toEqual({ active: 1, waiting: 0 });
});
