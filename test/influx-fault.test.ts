// SPDX-License-Identifier: MIT
/**
 * The InfluxDB sink against a server that does everything wrong. Oracle: what the server was sent and took, the conservation
 * of points (made = written + queued + dropped), and the clock.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkInflux, type InfluxOptions } from "../src/influx.js";
import type { Lines } from "../src/lines.js";
import {
  BEHAVIOURS,
  type Behaviour,
  type FaultServer,
  type ServedRequest,
  startFaultServer,
  startGarbageServer,
} from "./faultserver.js";
import { type FedSink, feedInflux } from "./feeds.js";
import { inboundStream, makeSample } from "./samples.js";

const LIMITS = { deadlineMs: 150, backoffMinMs: 10, backoffMaxMs: 40, holdMs: 40 };
const SECRETS = ["hunter2", "s3cr3t-t0ken"];

let server: FaultServer;
let sinks: FedSink[] = [];
let events: string[] = [];
let refused: { points: number; reason: string }[] = [];
const unhandled = vi.fn();

const quarantine = async (points: Lines, reason: string): Promise<void> => {
  refused.push({ points: points.length, reason });
};

function open(options: Partial<InfluxOptions> = {}, limits: object = {}): FedSink {
  const all = { url: server.url, database: "db", createDatabase: false, ...options };
  const sink = feedInflux(all, (line) => events.push(line), { ...LIMITS, ...limits }, { quarantine });
  sinks.push(sink);
  return sink;
}

/** Soon on an idle machine, later on a busy one. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });

/** The n-th sample: one stream, so two points, at a time of its own. */
const sampleAt = (n: number) =>
  makeSample({
    timeNs: String(1_760_000_000_000_000_000n + BigInt(n)),
    streams: [inboundStream()],
    candidatePairs: [],
  });

const times = (lines: string[]) => [...new Set(lines.map((line) => Number(line.slice(-3))))];

beforeEach(async () => {
  process.on("unhandledRejection", unhandled);
  server = await startFaultServer(BEHAVIOURS.take);
  sinks = [];
  events = [];
  refused = [];
});

afterEach(async () => {
  await Promise.all(sinks.map((sink) => sink.close(0)));
  await server.close();
  await delay(10);
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

type Case = [name: string, behaviour: Behaviour, said: string];

const PASSING = (<Case[]>[
  ["no answer at all", BEHAVIOURS.stall, "no answer within 0.15 s"],
  ["head, then no end", BEHAVIOURS.stallAfterHead, "answered HTTP 200 and no end of it within 0.15 s"],
  ["head of an error, then no end", BEHAVIOURS.stallInError, "answered HTTP 400 and no end of it within 0.15 s"],
  ["connection reset", BEHAVIOURS.reset, "socket hang up"],
  ["answer cut off", BEHAVIOURS.truncate, "answered HTTP 200 and no end of it within 0.15 s"],
  ["500", BEHAVIOURS.internal, "answered HTTP 500: timeout"],
  ["502 of a proxy", BEHAVIOURS.badGateway, "answered HTTP 502"],
  ["429 without Retry-After", (response) => response.writeHead(429).end(), "answered HTTP 429"],
  ["408", BEHAVIOURS.requestTimeout, "answered HTTP 408"],
]).map(([name, behaviour, said]): Case => [name, behaviour, `${said}; points wait in the journal until it answers`]);

const MENDABLE: Case[] = [
  ["401", BEHAVIOURS.unauthorized, "answered HTTP 401: authorization failed; set influx.username"],
  ["403", BEHAVIOURS.forbidden, "answered HTTP 403: not authorized to write; give this user"],
  ["404", BEHAVIOURS.noDatabase, 'answered HTTP 404: database not found: "db"; create the database'],
  ["404 of another server", BEHAVIOURS.htmlError, "answered HTTP 404; see whether influx.url is that of an InfluxDB"],
  ["301", BEHAVIOURS.redirect, "answered HTTP 301; see whether influx.url is that of an InfluxDB"],
  ["200 with a page", BEHAVIOURS.html, "answered HTTP 200 with something that is not InfluxDB's; see whether"],
];

describe("influx: a failure that may pass, or that somebody mends", () => {
  it.each([...PASSING, ...MENDABLE])(
    "%s: nothing hangs, one line at each end, every point arrives once mended",
    async (_, behaviour, said) => {
      server.behave(behaviour);
      const sink = open();
      for (let n = 0; n < 5; n++) sink.write(sampleAt(n));
      await eventually(() => expect(server.requests.length).toBeGreaterThan(2));
      expect(sink.status()).toMatchObject({ state: "failing", written: 0, queued: 10, dropped: 0 });
      expect(events).toEqual([expect.stringContaining(`InfluxDB at ${server.url}: ${said}`)]);
      server.behave(BEHAVIOURS.take);
      await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 10, queued: 0, dropped: 0 }));
      expect(times(server.lines)).toEqual([0, 1, 2, 3, 4]);
      expect(events).toHaveLength(2);
      expect(events[1]).toMatch(/points are taken again after \d+\.\d s$/);
    },
  );

  it("a stalled connection is not left open", async () => {
    server.behave(BEHAVIOURS.stallAfterHead);
    const sink = open();
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status().state).toBe("failing"));
    server.behave(BEHAVIOURS.take);
    await eventually(() => expect(sink.status().written).toBe(2));
    await eventually(() => expect(server.requests[0]?.request.socket.destroyed).toBe(true));
  });

  it("nobody listens, then somebody does", async () => {
    await server.close();
    const sink = open();
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status().lastError).toContain("ECONNREFUSED"));
    await delay(100);
    expect(sink.status()).toMatchObject({ state: "failing", queued: 2, dropped: 0 });
    server = await startFaultServer(BEHAVIOURS.take, server.port);
    await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 2 }));
    expect(events).toHaveLength(2);
  });

  it("what answers speaks no HTTP", async () => {
    const garbage = await startGarbageServer();
    const sink = open({ url: garbage.url });
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status().lastError).toBe("what answered speaks no HTTP"));
    garbage.server.close();
  });

  it("waits longer each time, up to the bound", async () => {
    server.behave(BEHAVIOURS.internal);
    const random = vi.spyOn(Math, "random").mockReturnValue(1);
    const sink = open({}, { backoffMinMs: 20, backoffMaxMs: 80 });
    sink.write(sampleAt(1));
    await delay(600);
    random.mockRestore();
    // 0, 21, 62, 143, 224, … : 20, 40, 80, 80 and so on between them.
    expect(server.requests.length).toBeGreaterThanOrEqual(6);
    expect(server.requests.length).toBeLessThanOrEqual(10);
  });
});

describe("influx: points that the server will never take", () => {
  it("a partial write is done, and its losses are counted", async () => {
    server.behave(BEHAVIOURS.partial);
    const sink = open();
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 1, queued: 0, dropped: 1 }));
    expect(sink.status().lastError).toContain("points beyond retention policy");
    expect(server.requests).toHaveLength(1);
  });

  it("unparsable points are looked for by halves and kept apart; the others are stored", async () => {
    server.behave((response, served) => {
      const lines = served.body.split("\n");
      const bad = lines.some((line) => /00000000[37]$/.test(line) && line.startsWith("inbound_rtp"));
      (bad ? BEHAVIOURS.unparsable : BEHAVIOURS.take)(response);
      if (!bad) server.lines.push(...lines);
    });
    const sink = open();
    for (let n = 0; n < 10; n++) sink.write(sampleAt(n));
    await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", queued: 0, written: 18, dropped: 2 }));
    expect(sink.status().droppedBy).toEqual({ unreadable: 2 });
    expect(new Set(server.lines).size).toBe(18);
    expect(refused).toEqual(Array(2).fill({ points: 1, reason: expect.stringContaining("unable to parse") }));
    expect(events).toEqual([expect.stringContaining("1 points are refused and dropped: answered HTTP 400: unable to")]);
  });

  it("a batch of which nothing can be read costs a bounded number of requests", async () => {
    server.behave(BEHAVIOURS.unparsable);
    const sink = open();
    for (let n = 0; n < 500; n++) sink.write(sampleAt(n));
    await eventually(() => expect(sink.status()).toMatchObject({ queued: 0, dropped: 1_000, written: 0 }));
    expect(server.requests.length).toBeLessThan(300);
  });

  it("429 with Retry-After is heeded", async () => {
    server.behave(BEHAVIOURS.tooMany);
    const sink = open();
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status().state).toBe("failing"));
    server.behave(BEHAVIOURS.take);
    await delay(700);
    expect(server.requests).toHaveLength(1);
    await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 2 }));
  });

  it("a number that is not finite costs its own point, and the sink says which field", async () => {
    const sink = open();
    sink.write(makeSample({ streams: [inboundStream({ jitter: Number.NaN })], candidatePairs: [] }));
    await eventually(() => expect(sink.status()).toMatchObject({ written: 1, dropped: 1, queued: 0 }));
    expect(sink.status().lastError).toContain("inbound_rtp.jitter is NaN");
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status()).toMatchObject({ written: 3 }));
  });

  it("too large: the batch is halved until it fits", async () => {
    server.behave((response, served) => {
      const small = served.body.split("\n").length <= 3;
      (small ? BEHAVIOURS.take : BEHAVIOURS.tooLarge)(response);
      if (small) server.lines.push(...served.body.split("\n"));
    });
    const sink = open();
    for (let n = 0; n < 10; n++) sink.write(sampleAt(n));
    await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 20, dropped: 0, queued: 0 }));
    expect(times(server.lines)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(events).toEqual([]);
  });

  it("too large, and one point only", async () => {
    server.behave(BEHAVIOURS.tooLarge);
    const sink = open();
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status()).toMatchObject({ written: 0, dropped: 2, queued: 0 }));
  });
});

describe("influx: bounds", () => {
  it("of a request", async () => {
    server.behave(BEHAVIOURS.internal);
    const sink = open({}, { maxRequestPoints: 7 });
    for (let n = 0; n < 10; n++) sink.write(sampleAt(n));
    await delay(30);
    server.behave(BEHAVIOURS.take);
    await eventually(() => expect(sink.status()).toMatchObject({ written: 20 }));
    expect(Math.max(...server.requests.map((served) => served.body.split("\n").length))).toBe(7);
  });

  it("write returns at once while a request stalls", () => {
    server.behave(BEHAVIOURS.stall);
    const sink = open();
    const begin = performance.now();
    for (let n = 0; n < 100; n++) sink.write(sampleAt(n));
    expect(performance.now() - begin).toBeLessThan(100);
  });
});

describe("influx: a database that is not there", () => {
  it("is created, and the points follow, without a line", async () => {
    let exists = false;
    server.behave((response, served) => {
      if (served.path === "/query") {
        exists = true;
        response.end('{"results":[{"statement_id":0}]}');
      } else (exists ? BEHAVIOURS.take : BEHAVIOURS.noDatabase)(response);
    });
    const sink = open({ createDatabase: true });
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status()).toMatchObject({ state: "ok", written: 2 }));
    expect(server.requests.map((served) => served.path)).toEqual(["/write", "/query", "/write"]);
    expect(events).toEqual([]);
  });

  it("cannot be created: one line says why, and trying goes on slowly", async () => {
    server.behave((response, served) => {
      const refusal = '{"results":[{"statement_id":0,"error":"not authorized to execute CREATE DATABASE"}]}';
      if (served.path === "/query") response.end(refusal);
      else BEHAVIOURS.noDatabase(response);
    });
    const sink = open({ createDatabase: true });
    sink.write(sampleAt(1));
    await eventually(() => expect(server.requests.length).toBeGreaterThan(5));
    expect(events).toEqual([
      expect.stringContaining(
        "cannot be created: Error from InfluxDB: not authorized to execute CREATE DATABASE; create",
      ),
    ]);
    expect(sink.status()).toMatchObject({ queued: 2, dropped: 0 });
  });

  it("is created and missing still: no endless circle", async () => {
    server.behave((response, served) => {
      if (served.path === "/query") response.end('{"results":[{"statement_id":0}]}');
      else BEHAVIOURS.noDatabase(response);
    });
    const sink = open({ createDatabase: true }, { holdMs: 10_000 });
    sink.write(sampleAt(1));
    await delay(200);
    expect(server.requests.map((served) => served.path)).toEqual(["/write", "/query", "/write"]);
    expect(events).toHaveLength(1);
  });
});

describe("influx: close", () => {
  it("writes what waits", async () => {
    const sink = open();
    for (let n = 0; n < 5; n++) sink.write(sampleAt(n));
    await sink.close(1_000);
    expect(sink.status()).toMatchObject({ written: 10, queued: 0, dropped: 0 });
    expect(times(server.lines)).toEqual([0, 1, 2, 3, 4]);
  });

  it("ends within its bound, and says what is left", async () => {
    server.behave(BEHAVIOURS.stall);
    const sink = open({}, { deadlineMs: 60_000 });
    sink.write(sampleAt(1));
    const begin = performance.now();
    await sink.close(100);
    expect(performance.now() - begin).toBeLessThan(400);
    expect(sink.status()).toMatchObject({ written: 0, queued: 2, dropped: 0 });
    expect(events.at(-1)).toContain("2 points are still to be written and stay in the journal");
  });

  it("does not wait out a server that is down", async () => {
    server.behave(BEHAVIOURS.internal);
    const sink = open({}, { backoffMinMs: 60_000, backoffMaxMs: 60_000 });
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status().state).toBe("failing"));
    const begin = performance.now();
    await sink.close(10_000);
    expect(performance.now() - begin).toBeLessThan(1_000);
    expect(server.requests).toHaveLength(2);
  });

  it("is idempotent", async () => {
    const sink = open();
    expect(sink.close(100)).toBe(sink.close(100));
    await sink.close(100);
    sink.write(sampleAt(1));
    await delay(20);
    expect(server.requests).toEqual([]);
  });
});

describe("influx: the process", () => {
  const module = JSON.stringify(resolve(import.meta.dirname, "feeds.ts"));
  const script = (end: string) => `
    const { feedInflux } = await import(${module});
    const options = { url: "http://127.0.0.1:9", database: "db", createDatabase: true };
    const sink = feedInflux(options, console.log, { backoffMinMs: 60_000 });
    sink.write(${JSON.stringify(sampleAt(1))});
    await new Promise((resolve) => setTimeout(resolve, 100));
    ${end}`;

  it.each([
    ["ends while points wait for a server that is down", "", 1],
    ["sees its close resolve", "await sink.close(5_000); console.log(sink.status().dropped)", 3],
  ])("%s", (_, end, lines) => {
    const options = { encoding: "utf8", timeout: 10_000 } as const;
    const args = ["--import", "tsx", "--input-type=module", "-e", script(end)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trim().split("\n")).toHaveLength(lines);
  });
});

describe("influx: credentials", () => {
  it.each([
    ["none", {}, undefined],
    ["user and password", { username: "u", password: "hunter2" }, `Basic ${btoa("u:hunter2")}`],
    ["user alone", { username: "u" }, `Basic ${btoa("u:")}`],
    ["token", { token: "s3cr3t-t0ken" }, "Token s3cr3t-t0ken"],
    ["token before user", { token: "s3cr3t-t0ken", username: "u", password: "hunter2" }, "Token s3cr3t-t0ken"],
  ])("%s", async (_, options, header) => {
    const sink = open(options);
    sink.write(sampleAt(1));
    await sink.close(1_000);
    expect(server.requests[0]?.request.headers.authorization).toBe(header);
  });

  it("never show, whatever the server answers", async () => {
    for (const behaviour of Object.values(BEHAVIOURS)) {
      server.behave(behaviour);
      const sink = open({ username: "u", password: "hunter2" });
      const other = open({ token: "s3cr3t-t0ken" });
      sink.write(sampleAt(1));
      other.write(sampleAt(1));
      await Promise.all([sink.close(200), other.close(200)]);
    }
    const shown = JSON.stringify([events, sinks.map((sink) => sink.status())]);
    for (const secret of [...SECRETS, btoa("u:hunter2")]) expect(shown).not.toContain(secret);
  });

  /** Passwords may hold anything; a token is base64 as InfluxDB 2 makes it. */
  const PASSWORD = 'p4ss w0rd/"ü+%=?';
  const TOKEN = "s3cr3t+t0ken/9A==";
  const lowerCase = (text: string): string => text.toLowerCase();
  /** The user and the password; the bytes of a token. */
  const decodeHeader = (header: string): string => Buffer.from(header.replace(/^\w+ /, ""), "base64").toString("utf8");
  /** How a server may repeat the header that it was sent, which must not be read in any line of ours. */
  const ECHOES: [name: string, echo: (header: string) => string][] = [
    ["the header", (header) => header],
    ["the header in a URL", (header) => encodeURIComponent(header)],
    ["the header in a form", (header) => new URLSearchParams({ header }).toString()],
    ["the header in small hexadecimal", (header) => encodeURIComponent(header).replace(/%../g, lowerCase)],
    ["the header behind a text that is cut off", (header) => `${"x".repeat(150)} ${header}`],
    ["what the header holds", (header) => decodeHeader(header)],
    ["that as JSON", (header) => JSON.stringify(decodeHeader(header))],
    ["that in a URL", (header) => encodeURIComponent(decodeHeader(header))],
  ];

  describe.each(ECHOES)("a server that repeats %s", (_, echo) => {
    const said = ({ request }: ServedRequest): string => echo(request.headers.authorization ?? "");
    const refusal: Behaviour = (response, served) =>
      response.writeHead(401).end(JSON.stringify({ error: `no right: ${said(served)}` }));
    const inHead: Behaviour = (response, served) =>
      response.writeHead(500, { "X-Influxdb-Error": said(served).replace(/[^ -~]/g, encodeURIComponent) }).end();
    const onCreation: Behaviour = (response, served) =>
      served.path === "/write" ? BEHAVIOURS.noDatabase(response) : refusal(response, served);
    const inResult: Behaviour = (response, served) =>
      served.path === "/write"
        ? BEHAVIOURS.noDatabase(response)
        : response.writeHead(200).end(JSON.stringify({ results: [{ error: said(served) }] }));

    it.each([
      ["when it refuses", refusal],
      ["in the head of its answer", inHead],
      ["when it is to create the database", onCreation],
      ["in a result", inResult],
    ])("%s: neither the line, nor the status, nor the check shows it", async (_, behaviour) => {
      server.behave(behaviour);
      const shown: unknown[] = [];
      for (const options of [{ username: "u", password: PASSWORD }, { token: TOKEN }]) {
        const sink = open({ ...options, createDatabase: true });
        sink.write(sampleAt(1));
        await eventually(() => expect(sink.status().lastError).toBeDefined());
        await sink.close(0);
        shown.push(
          sink.status().lastError,
          await checkInflux({ url: server.url, database: "db", createDatabase: false, ...options }),
        );
      }
      // By their first letters, for what is cut off is half a secret still.
      const text = decodeURIComponent(JSON.stringify([events, shown]).replace(/%(?![0-9a-f]{2})/gi, "%25"));
      expect(text).toMatch(/\[(credentials|password)\]/);
      expect(text).not.toMatch(/p4ss|w0rd|s3cr3t|t0ken/);
      expect(text).not.toContain(btoa("u:p4ss w").slice(0, 8));
    });
  });

  it.each([
    ["no URL", { url: "localhost:8086" }, "influx.url is no http or https URL"],
    ["another scheme", { url: "ftp://localhost/" }, "influx.url is no http or https URL"],
    ["a password in the URL", { url: "http://u:hunter2@localhost:8086" }, "influx.url holds credentials or a query"],
    ["a password in the query", { url: "http://localhost:8086?p=hunter2" }, "influx.url holds credentials or a query"],
    ["a token with a newline", { token: "s3cr3t-t0ken\n" }, "the InfluxDB token holds a blank"],
  ])("%s is refused when opened, and not shown", (_, options, message) => {
    expect(() => open(options)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG", message: expect.stringContaining(message) }),
    );
    try {
      open(options);
    } catch (error) {
      for (const secret of SECRETS) expect(String((error as Error).stack)).not.toContain(secret);
    }
  });
});

describe("influx: the request", () => {
  it("asks for ns, the database and the retention policy, at the path of a proxy", async () => {
    const sink = open({ url: `${server.url}/influx/`, retentionPolicy: "weeks" });
    sink.write(sampleAt(1));
    await sink.close(1_000);
    const url = new URL(server.requests[0]?.request.url ?? "", server.url);
    expect(url.pathname).toBe("/influx/write");
    expect(Object.fromEntries(url.searchParams)).toEqual({ db: "db", precision: "ns", rp: "weeks" });
  });

  it("is compressed when it is asked to be and large enough to be worth it", async () => {
    const sink = open({ gzip: true });
    sink.write(sampleAt(1));
    await eventually(() => expect(sink.status().written).toBe(2));
    for (let n = 2; n < 20; n++) sink.write(sampleAt(n));
    await sink.close(1_000);
    expect(server.requests.map(({ request }) => request.headers["content-encoding"])).toContain("gzip");
    expect(server.requests[0]?.request.headers["content-encoding"]).toBeUndefined();
    const bytes = server.requests.map(({ request }) => Number(request.headers["content-length"]));
    expect(bytes.at(-1)).toBeLessThan(server.requests.at(-1)?.body.length ?? 0);
    expect(times(server.lines)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
  });

  it("on this host is not, unless asked", async () => {
    const sink = open();
    for (let n = 0; n < 20; n++) sink.write(sampleAt(n));
    await sink.close(1_000);
    expect(server.requests.map(({ request }) => request.headers["content-encoding"])).not.toContain("gzip");
  });

  it("holds the points of one series together", async () => {
    const sink = open();
    const streams = [1, 2, 3].map((ssrc) => inboundStream({ ssrc }));
    for (let n = 0; n < 4; n++) sink.write({ ...sampleAt(n), streams });
    await sink.close(1_000);
    const series = (server.requests.at(-1)?.body ?? "").split("\n").map((line) => line.split(" ")[0]);
    expect(series.length).toBeGreaterThan(4);
    expect(series.filter((one, i) => one !== series[i - 1])).toHaveLength(4);
  });
});
