// SPDX-License-Identifier: MIT
/**
 * The client of Daily's REST API. Oracles: Daily's documented examples, and a server of the test's own that counts every
 * request against Daily's limits.
 */
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { Daily } from "../src/daily/client.js";
import type { Clock } from "../src/daily/clock.js";
import { DailyError } from "../src/daily/failure.js";
import { parseTimestamp } from "../src/daily/timestamp.js";
import { type DailyServer, type Fault, KEY, LOG, METRIC, startDaily } from "./dailyserver.js";

/** Time that passes only while somebody waits for it. */
class FastClock implements Clock {
  ms = 0;
  now = () => this.ms;
  async sleep(ms: number): Promise<void> {
    this.ms += ms;
  }
}

const servers: DailyServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(given: Parameters<typeof startDaily>[0] = {}, attemptMs = 300) {
  const clock = new FastClock();
  const server = await startDaily(given, clock.now);
  servers.push(server);
  const daily = new Daily({ key: KEY, url: server.url, clock, attemptMs });
  return { clock, server, daily };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** With causes and hidden members: what Node prints of an error that nobody caught, and more. */
const show = (value: unknown): string => inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true });

async function failureOf(promise: Promise<unknown>): Promise<DailyError> {
  const error = await promise.then(
    () => expect.fail("it did not fail"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DailyError);
  expect(show(error)).not.toContain(KEY);
  return error as DailyError;
}

const meeting = METRIC.mtgSessionId;
const metricsOf = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ ...METRIC, time: new Date(1.6e12 + i * 15_000).toISOString(), n: i }));

describe("times", () => {
  it.each([
    ["2020-09-29T18:01:41.791Z", "1601402501791000000"],
    ["2026-03-23T16:32:55.473000000Z", "1774283575473000000"],
    ["2026-03-23T16:32:55.123456789Z", "1774283575123456789"],
    ["2026-03-23T16:32:55Z", "1774283575000000000"],
    ["2026-03-23T17:32:55.5+01:00", "1774283575500000000"],
  ])("%s is %s ns", (text, ns) => expect(parseTimestamp(text)?.ns).toBe(ns));

  it.each(["", "yesterday", "2026-13-01T00:00:00Z", 12, null, undefined])("%j is none", (value) =>
    expect(parseTimestamp(value)).toBeUndefined(),
  );
});

describe("forms of an answer", () => {
  it("logs alone, as Daily's newest example has them", async () => {
    const { daily } = await start({ logs: [LOG], hasCounts: false });
    const page = await daily.logs({ meeting: LOG.mtgSessionId });
    expect(page.metrics).toEqual([]);
    expect(page.logs).toMatchObject([{ message: LOG.message, level: 2, code: 7991, raw: LOG }]);
    expect(page.logs[0]?.time.ns).toBe("1774283575473000000");
    expect(page.logs[0]?.peerId).toBeUndefined();
  });

  it.each([
    ["flat", METRIC],
    ["nested", { ...METRIC, metrics: { "outbound-cam-video-0": { framesEncodedPerSec: 29.5 }, unknown: [1, "a"] } }],
    ["nulls", { ...METRIC, userRecvBitsPerSecAvg: null, metrics: null, roomName: null }],
    ["other types", { ...METRIC, videoRecvPacketLoss: "0.5", roomName: 7, userSessionId: METRIC.userSessionId }],
    ["both precisions", { ...METRIC, time: "2020-09-29T18:01:41.791000000Z" }],
  ])("metrics: %s, with the raw record", async (_, metric) => {
    for (const hasCounts of [true, false]) {
      const { daily } = await start({ metrics: [metric], hasCounts });
      const [read] = await collect(daily.allMetrics({ meeting }));
      expect(read?.raw).toEqual(metric);
      expect(read?.time.ns).toBe("1601402501791000000");
      expect(read?.userSentBitsPerSecAvg).toBe(1059720);
    }
  });

  it("items that are no records are passed over and counted", async () => {
    const { daily, server } = await start();
    server.faults = [
      { status: 200, body: JSON.stringify({ metrics: [METRIC, null, 7, { time: "never" }], logs: "x" }) },
    ];
    const page = await daily.logs({ meeting, includeMetrics: true });
    expect([page.metrics.length, page.unusable]).toEqual([1, 4]);
  });

  it("meetings, participants and presence, as in Daily's examples", async () => {
    const person = { user_id: null, participant_id: "p1", user_name: null, join_time: 1773860662, duration: 303 };
    const one = {
      id: "m1",
      room: "my-room",
      start_time: 1773860661,
      duration: 304,
      ongoing: false,
      max_participants: 2,
    };
    const here = {
      room: "my-room",
      id: "p1",
      userId: null,
      userName: "Alice",
      mtgSessionId: "m1",
      joinTime: "2026-03-27T16:37:22.000Z",
      duration: 22,
    };
    const { daily } = await start({
      meetings: [{ ...one, participants: [person] }],
      participants: { m1: [person] },
      presence: { "my-room": [here], "other room": [{ ...here, id: "p2", mtgSessionId: undefined }] },
    });
    expect(await collect(daily.meetings())).toMatchObject([
      { ...one, participants: [{ participant_id: "p1", duration: 303 }] },
    ]);
    expect(await daily.meeting("m1")).toMatchObject(one);
    expect(await collect(daily.participants("m1"))).toMatchObject([{ participant_id: "p1", raw: person }]);
    expect(await collect(daily.participants("unknown"))).toEqual([]);
    expect((await daily.presence()).map(({ id, mtgSessionId }) => [id, mtgSessionId])).toEqual([
      ["p1", "m1"],
      ["p2", undefined],
    ]);
    expect(await daily.roomPresence("other room")).toMatchObject([{ id: "p2", userName: "Alice" }]);
  });
});

describe("paging", () => {
  it.each([1000, 100, 30])("metrics to the end, when a page has at most %i", async (pageMost) => {
    const { daily, server } = await start({ metrics: metricsOf(250), pageMost });
    const all = await collect(daily.allMetrics({ meeting }));
    expect(all.map(({ raw }) => raw.n)).toEqual(Array.from({ length: 250 }, (_, i) => i));
    expect(server.requests[0]).toContain("includeLogs=false&includeMetrics=true");
  });

  it("a server that knows no offset does not hold us for ever", async () => {
    const { daily, server } = await start();
    const body = JSON.stringify({ metrics: metricsOf(3) });
    server.faults = Array.from({ length: 50 }, () => ({ status: 200, body }));
    expect(await collect(daily.allMetrics({ meeting }))).toHaveLength(3);
  });

  it("a limit, and nothing beyond it", async () => {
    const { daily } = await start({ metrics: metricsOf(250) });
    expect(await collect(daily.allMetrics({ meeting, limit: 130 }))).toHaveLength(130);
  });

  it("meetings and participants by cursor, to the empty page and to the 404", async () => {
    const meetings = Array.from({ length: 230 }, (_, i) => ({ id: `m${i}`, start_time: 1000 - i }));
    const people = Array.from({ length: 205 }, (_, i) => ({ participant_id: `p${i}` }));
    const { daily, server } = await start({ meetings, participants: { m0: people } });
    expect((await collect(daily.meetings())).map(({ id }) => id)).toEqual(meetings.map(({ id }) => id));
    expect(server.requests.at(-1)).toContain("starting_after=m229");
    expect(await collect(daily.participants("m0"))).toHaveLength(205);
    expect(server.requests.at(-1)).toContain("joined_after=p204");
    expect(await collect(daily.meetings({ timeframeStart: 990, timeframeEnd: 995 }))).toHaveLength(5);
  });
});

describe("failures", () => {
  it.each<[string, Fault, RegExp, RegExp]>([
    [
      "400",
      { status: 400, body: '{"error":"invalid-request-error","info":"room not found"}' },
      /HTTP 400 to \/logs: invalid-request-error: room not found/,
      /ids/,
    ],
    ["401", { status: 401, body: '{"error":"authentication-error"}' }, /401 .*authentication-error/, /API key/],
    ["400 of the header", { status: 400, body: '{"error":"authorization-header-error"}' }, /400/, /API key/],
    ["403", { status: 403, body: '{"error":"forbidden-error","info":"no"}' }, /forbidden-error: no/, /no right/],
    ["404", { status: 404, body: "" }, /404/, /id or the name/],
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:9/" } }, /302/, /proxy/],
    [
      "info that repeats the key",
      { status: 400, body: `{"error":"x","info":"bad ${KEY}\\n!"}` },
      /x: bad \[key\] !/,
      /./,
    ],
  ])("%s is told at once, with what to do", async (_, fault, message, hint) => {
    const { daily, server } = await start();
    server.faults = [fault];
    const error = await failureOf(daily.logs({ meeting }));
    expect(error).toMatchObject({
      code: "ERR_DAILY",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(error.message).not.toMatch(/\n/);
    expect(server.requests).toHaveLength(1);
  });

  const passing: [string, Fault][] = [
    ["429", { status: 429, body: '{"error":"rate-limit-error"}' }],
    ["429 without a word", { status: 429 }],
    ["500", { status: 500, body: '{"error":"server-error"}' }],
    ["a proxy's page", { status: 502, body: "<html>" }],
    ["HTML", "html"],
    ["truncated JSON", "truncated"],
    ["a closed connection", "reset"],
    ["no answer", "slow"],
  ];
  it.each(passing)("%s is tried again", async (_, fault) => {
    const { daily, server } = await start({ metrics: [METRIC] });
    server.faults = [fault, fault];
    expect(await collect(daily.allMetrics({ meeting }))).toHaveLength(1);
    expect(server.violations).toBe(0);
  });

  it.each(passing)("%s for ever is told after six tries", async (_, fault) => {
    const { daily, server, clock } = await start();
    server.faults = Array.from({ length: 9 }, () => fault);
    const error = await failureOf(daily.logs({ meeting }));
    expect(error.isPassing).toBe(true);
    expect(server.requests).toHaveLength(6);
    // Waits of at most 0.5, 1, 2, 4 and 8 s.
    expect(clock.ms).toBeLessThan(15_500);
  });

  it.each(["17", () => new Date(Date.now() + 18_000).toUTCString()])("Retry-After is kept: %s", async (header) => {
    const { daily, server, clock } = await start({ metrics: [METRIC] });
    const value = typeof header === "string" ? header : header();
    server.faults = [{ status: 429, headers: { "retry-after": value } }];
    await collect(daily.allMetrics({ meeting }));
    expect(clock.ms).toBeGreaterThan(16_000);
  });

  it("a Retry-After beyond the deadline is an error, not a wait", async () => {
    const { daily, server, clock } = await start();
    server.faults = [{ status: 429, headers: { "retry-after": "9999" } }];
    expect((await failureOf(daily.logs({ meeting }))).hint).toMatch(/limits/);
    expect(clock.ms).toBeLessThan(1000);
  });

  it("an aborted signal ends it", async () => {
    const { daily, server } = await start();
    server.faults = ["slow"];
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await expect(daily.logs({ meeting }, stop.signal)).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("the client shows its key to nobody who prints it", async () => {
    const { daily } = await start();
    expect(show(daily)).toContain("Daily");
    expect(show(daily) + JSON.stringify(daily)).not.toContain(KEY);
  });

  it("a key that HTTP cannot carry is refused without being shown", () => {
    for (const key of [`${KEY} x`, `${KEY}\n`, "ключ", ""]) {
      expect(() => new Daily({ key })).toThrow(expect.objectContaining({ code: "ERR_CONFIG" }));
      expect(() => new Daily({ key })).not.toThrow(KEY);
    }
  });
});

describe("limits", () => {
  it("10 000 calls from 16 askers, and none beyond a limit", { timeout: 120_000 }, async () => {
    const { daily, server, clock } = await start({}, 30_000);
    const asker = async (): Promise<void> => {
      for (let i = 0; i < 625; i++) await daily.presence();
    };
    await Promise.all(Array.from({ length: 16 }, asker));
    expect([server.requests.length, server.violations]).toEqual([10_000, 0]);
    // Never more than 20 a second; and the limiter does not give away more than half of it.
    expect(clock.ms).toBeGreaterThan(495_000);
    expect(clock.ms).toBeLessThan(900_000);
  });

  it("one asker after another: exactly what the limits allow", async () => {
    const { daily, server, clock } = await start({}, 30_000);
    for (let i = 0; i < 300; i++) await daily.presence();
    // 20 at once, and 20 more each second.
    expect([server.violations, clock.ms]).toEqual([0, 14_000]);
  });

  it("the server does enforce them: without a limiter it refuses", async () => {
    const { server } = await start();
    const headers = { authorization: `Bearer ${KEY}` };
    for (let i = 0; i < 25; i++) await fetch(`${server.url}/presence`, { headers });
    expect(server.violations).toBe(5);
  });
});
