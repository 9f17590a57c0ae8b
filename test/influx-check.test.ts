// SPDX-License-Identifier: MIT
/**
 * What `checkInflux` says of a server. Oracle: the state that the test put a real influxd, with and without authentication,
 * or a server of nonsense into; and that the command it proposes mends what it found.
 */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkInflux, type InfluxOptions } from "../src/influx.js";
import { can } from "./capability.js";
import { BEHAVIOURS, type FaultServer, startFaultServer, startGarbageServer } from "./faultserver.js";
import { feedInflux } from "./feeds.js";
import { type Influxd, startInfluxd } from "./influxd.js";
import { makeSample } from "./samples.js";

const OPTIONS = { database: "calls", createDatabase: false };

describe.skipIf(!can.influxd.ok)(`influx check: a real server — ${can.influxd.why}`, () => {
  let influxd: Influxd;
  const check = (options: Partial<InfluxOptions> = {}) => checkInflux({ url: influxd.url, ...OPTIONS, ...options });
  const runProposed = (message: string) => {
    const command = message.slice(message.indexOf("run: ") + "run: ".length);
    execFileSync("sh", ["-c", command], { stdio: "ignore" });
  };

  beforeAll(async () => {
    influxd = await startInfluxd();
  });
  afterAll(() => influxd?.stop());

  it("no database: says so with the command, which mends it", async () => {
    const missing = await check();
    expect(missing).toMatchObject({
      ok: false,
      server: { product: "InfluxDB", version: expect.stringMatching(/^1\.\d/) },
    });
    expect(missing.message).toContain('database not found: "calls"; run: curl');
    runProposed(missing.message);
    expect(await check()).toMatchObject({
      ok: true,
      message: expect.stringMatching(/^InfluxDB 1\.\S+ at http:\S+: takes points for database "calls"$/),
    });
  });

  it("no database, but we may create it", async () => {
    const found = await check({ database: "later", createDatabase: true });
    expect(found).toMatchObject({ ok: true, message: expect.stringContaining("the first write makes it") });
    expect((await influxd.query("SHOW DATABASES")).map((row) => row.name)).not.toContain("later");
  });

  it("no retention policy: says so with the command, which mends it", async () => {
    await influxd.query('CREATE DATABASE "calls"');
    const missing = await check({ retentionPolicy: "weeks" });
    expect(missing).toMatchObject({ ok: false, message: expect.stringContaining("retention policy not found: weeks") });
    runProposed(missing.message);
    expect(await check({ retentionPolicy: "weeks" })).toMatchObject({ ok: true });
  });
});

describe.skipIf(!can.influxd.ok)(`influx check: a real server that asks who we are — ${can.influxd.why}`, () => {
  let influxd: Influxd;
  const check = (options: Partial<InfluxOptions> = {}) => checkInflux({ url: influxd.url, ...OPTIONS, ...options });

  beforeAll(async () => {
    influxd = await startInfluxd({ auth: true });
    await influxd.query('CREATE DATABASE "calls"');
    for (const user of ["writer", "reader"]) await influxd.query(`CREATE USER "${user}" WITH PASSWORD 'hunter2'`);
    await influxd.query('GRANT WRITE ON "calls" TO "writer"');
    await influxd.query('GRANT READ ON "calls" TO "reader"');
  });
  afterAll(() => influxd?.stop());

  it.each([
    ["nobody", {}, "answered HTTP 401: unable to parse authentication credentials; set influx.username"],
    ["a wrong password", { username: "writer", password: "wr0ng" }, "answered HTTP 401: authorization failed; set"],
    ["one who may not write", { username: "reader", password: "hunter2" }, "answered HTTP 403: "],
  ])("%s is refused, with what to do and without the password", async (_, options, message) => {
    const found = await check(options);
    expect(found).toMatchObject({ ok: false, message: expect.stringContaining(message) });
    expect(found.message).not.toMatch(/hunter2|wr0ng/);
  });

  it("one who may write is taken, and so are his points", async () => {
    const options = { username: "writer", password: "hunter2" };
    expect(await check(options)).toMatchObject({ ok: true });
    const sink = feedInflux({ url: influxd.url, ...OPTIONS, ...options }, () => {});
    sink.write(makeSample());
    await sink.close(5_000);
    expect(sink.status()).toMatchObject({ written: 4, dropped: 0 });
    expect(await influxd.query('SELECT * FROM "inbound_rtp"', "calls")).toHaveLength(1);
  });
});

describe("influx check: nonsense", () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await startFaultServer(BEHAVIOURS.take);
  });
  afterAll(() => server.close());

  it.each([
    [
      "a page for every request",
      BEHAVIOURS.html,
      "HTTP 200 with something that is not InfluxDB's; see whether influx.url",
    ],
    ["a page that is not there", BEHAVIOURS.htmlError, "HTTP 404; see whether influx.url is that of an InfluxDB"],
    ["a proxy without its server", BEHAVIOURS.badGateway, "HTTP 502; see whether it runs there"],
    ["a redirection", BEHAVIOURS.redirect, "HTTP 301; see whether influx.url"],
    ["no answer", BEHAVIOURS.stall, "no answer within 0.2 s; see whether it runs there"],
    ["an answer without end", BEHAVIOURS.truncate, "HTTP 200 and no end of it within 0.2 s"],
    ["a reset", BEHAVIOURS.reset, "socket hang up; see whether it runs there"],
  ])("%s", async (_, behaviour, message) => {
    server.behave(behaviour);
    const begin = performance.now();
    const found = await checkInflux({ url: server.url, ...OPTIONS }, 200);
    expect(found).toMatchObject({ ok: false, message: expect.stringContaining(message) });
    expect(found.message).not.toContain("\n");
    expect(performance.now() - begin).toBeLessThan(1_000);
  });

  it("no HTTP", async () => {
    const garbage = await startGarbageServer();
    const found = await checkInflux({ url: garbage.url, ...OPTIONS }, 200);
    expect(found).toMatchObject({ ok: false, message: expect.stringContaining("what answered speaks no HTTP") });
    garbage.server.close();
  });

  it("nobody there, or no such name", async () => {
    const closed = await checkInflux({ url: "http://127.0.0.1:9", ...OPTIONS }, 1_000);
    expect(closed).toMatchObject({ ok: false, message: expect.stringContaining("ECONNREFUSED") });
    const nameless = await checkInflux({ url: "http://influx.invalid:8086", ...OPTIONS }, 5_000);
    expect(nameless).toMatchObject({ ok: false, message: expect.stringContaining("influx.invalid") });
  });

  it("TLS asked of a server without it", async () => {
    const found = await checkInflux({ url: server.url.replace("http:", "https:"), ...OPTIONS }, 1_000);
    expect(found.ok).toBe(false);
    expect(found.message).not.toContain("\n");
  });

  it("an unusable URL is a message, not an exception", async () => {
    expect(await checkInflux({ url: "localhost", ...OPTIONS })).toEqual({
      ok: false,
      message: "influx.url is no http or https URL; write for example http://localhost:8086",
    });
  });
});
