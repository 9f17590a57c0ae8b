// SPDX-License-Identifier: MIT
/**
 * The stores beside InfluxDB 1: a real VictoriaMetrics, asked in its own language; and InfluxDB 2 and 3 by what their sources
 * say they answer (influxversion.ts), where the oracle is the set of lines that they took.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { checkInflux } from "../src/influx.js";
import { formatLine } from "../src/line.js";
import { can } from "./capability.js";
import { BEHAVIOURS, type FaultServer, startFaultServer } from "./faultserver.js";
import { feedInflux } from "./feeds.js";
import { freePort } from "./influxd.js";
import { influxDb2, influxDb3, type VersionState } from "./influxversion.js";
import { samplePoints } from "./points.js";
import { DATAGRAMS, inboundStream, makeSample } from "./samples.js";

const TOKEN = "s3cr3t-t0ken";

describe.each([
  ["InfluxDB 2", influxDb2, "InfluxDB 2.7.10"],
  ["InfluxDB 3", influxDb3, "InfluxDB 3.9.0"],
])("%s", (name, behave, shown) => {
  const state: VersionState = { token: TOKEN, mapped: new Set(), lines: new Set() };
  let server: FaultServer;
  const said: string[] = [];
  const options = (changes: object = {}) => ({
    url: server.url,
    database: "calls",
    createDatabase: false,
    token: TOKEN,
    ...changes,
  });

  beforeEach(async () => {
    server = await startFaultServer(behave(state));
    state.mapped = new Set(["calls"]);
    state.lines.clear();
    said.length = 0;
  });
  afterEach(() => server.close());

  it("is known, and takes points with a token", async () => {
    expect(await checkInflux(options())).toMatchObject({
      ok: true,
      message: `${shown} at ${server.url}: takes points for database "calls"`,
    });
    const sample = makeSample();
    const sink = feedInflux(options({ gzip: true }), (line) => said.push(line));
    sink.write(sample);
    await sink.close(2_000);
    expect([sink.status(), said]).toMatchObject([{ written: 4, dropped: 0 }, []]);
    expect([...state.lines]).toEqual(samplePoints(sample, { host: "h1", perStream: true }).map(formatLine));
  });

  it("a wrong token: what to do, without the token", async () => {
    const found = await checkInflux(options({ token: "wr0ng" }));
    expect(found).toMatchObject({ ok: false, message: expect.stringContaining("answered HTTP 401: ") });
    expect(found.message).toContain("influx.tokenFile");
    expect(found.message).not.toContain("wr0ng");
    if (name === "InfluxDB 2") expect(found.message).toContain("run: influx auth create --write-buckets");
  });

  it("a point of another type costs itself; the rest is stored", async () => {
    // What an older version of a schema could have left: an integer where a float is.
    const streams = [1, 2, 3].map((ssrc) => inboundStream({ ssrc }));
    const points = samplePoints(makeSample({ streams, candidatePairs: [] }), { host: "h1", perStream: true });
    const bad = points.map(formatLine).map((line) => line.replace(/ssrc=2 (.*)jitter=[^,]*/, "ssrc=2 $1jitter=1i"));
    expect(bad.filter((line) => line.includes("jitter=1i"))).toHaveLength(1);
    server.behave((response, served) => {
      const body = served.body.replace(/(ssrc=2 .*?)jitter=[^,]*/, "$1jitter=1i");
      behave(state)(response, { ...served, body });
    });
    const sink = feedInflux(options(), (line) => said.push(line));
    sink.write(makeSample({ streams, candidatePairs: [] }));
    await sink.close(2_000);
    expect(sink.status()).toMatchObject({ written: 3, dropped: 1, droppedBy: { refused: 1 }, queued: 0 });
    expect(state.lines.size).toBe(3);
    expect(said).toEqual([expect.stringMatching(/1 points are refused and dropped: answered HTTP 4\d\d: .*float/)]);
  });

  it("an unreadable line is found, and the rest is stored", async () => {
    server.behave((response, served) => {
      const body = served.body.replace(/(ssrc=2 .*?)jitter=[^,]*/, "$1jitter=x");
      behave(state)(response, { ...served, body });
    });
    const streams = [1, 2, 3].map((ssrc) => inboundStream({ ssrc }));
    const sink = feedInflux(options(), (line) => said.push(line));
    sink.write(makeSample({ streams, candidatePairs: [] }));
    await sink.close(2_000);
    expect(sink.status()).toMatchObject({ written: 3, dropped: 1, queued: 0 });
    expect(state.lines.size).toBe(3);
  });

  it("what else it cannot process is waited for", async () => {
    server.behave((response) => response.writeHead(422).end('{"error":"limit of 5 databases","data":null}'));
    const sink = feedInflux(options(), (line) => said.push(line), { holdMs: 20 });
    sink.write(makeSample());
    await vi.waitFor(() => expect(sink.status()).toMatchObject({ state: "failing", queued: 4, dropped: 0 }));
    server.behave(BEHAVIOURS.take);
    await vi.waitFor(() => expect(sink.status()).toMatchObject({ written: 4 }));
    await sink.close(1_000);
  });
});

describe("InfluxDB 2 without a mapping", () => {
  it("points wait, and check has the commands that make it", async () => {
    const state: VersionState = { token: TOKEN, mapped: new Set(), lines: new Set() };
    const server = await startFaultServer(influxDb2(state));
    const options = { url: server.url, database: "calls", createDatabase: true, token: TOKEN };
    const found = await checkInflux(options);
    expect(found).toMatchObject({
      ok: false,
      message: expect.stringContaining("HTTP 404: no dbrp mapping found; run: "),
    });
    expect(found.message).toContain(
      "influx bucket create --name 'calls'; influx v1 dbrp create --db 'calls' --rp 'autogen' --default --bucket-id",
    );
    const sink = feedInflux({ ...options, createDatabase: false }, () => {}, { holdMs: 20 });
    sink.write(makeSample());
    await vi.waitFor(() => expect(sink.status()).toMatchObject({ state: "failing", queued: 4, dropped: 0 }));
    state.mapped.add("calls");
    await vi.waitFor(() => expect(sink.status()).toMatchObject({ state: "ok", written: 4, queued: 0 }));
    await sink.close(1_000);
    await server.close();
  });
});

describe.skipIf(!can.victoriaMetrics.ok)(`VictoriaMetrics — ${can.victoriaMetrics.why}`, () => {
  const directory = mkdtempSync(join(tmpdir(), "rtcprobe-victoria-"));
  let child: ChildProcess;
  let url = "";

  beforeAll(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    child = spawn("victoria-metrics", [`-storageDataPath=${directory}`, `-httpListenAddr=${address}`], {
      stdio: "ignore",
    });
    const isUp = async () => expect((await fetch(`${url}/ping`)).status).toBe(204);
    await vi.waitFor(isUp, { timeout: 20_000, interval: 50 });
  }, 30_000);
  afterAll(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    rmSync(directory, { recursive: true, force: true });
  });

  interface Series {
    metric: Record<string, string>;
    values: number[];
    timestamps: number[];
  }

  async function readSeries(selector: string): Promise<Series[]> {
    await fetch(`${url}/internal/force_flush`);
    const answer = await fetch(`${url}/api/v1/export`, {
      method: "POST",
      body: new URLSearchParams({ "match[]": selector }),
    });
    return (await answer.text())
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  it("is known, with what it does not keep", async () => {
    expect(await checkInflux({ url, database: "calls", createDatabase: true })).toMatchObject({
      ok: true,
      server: { product: "VictoriaMetrics" },
      message: `VictoriaMetrics at ${url}: takes points for database "calls"; it keeps ms and numbers only, and is asked by PromQL, not InfluxQL`,
    });
  });

  it.each([false, true])("every number is there, under a name of measurement and field (gzip %s)", async (gzip) => {
    const said: string[] = [];
    const host = `h-${gzip}`;
    const influx = { url, database: "calls", createDatabase: true, gzip };
    const sink = feedInflux(influx, (line) => said.push(line), {}, { host });
    const begin = Date.now();
    for (let n = 0; n < 3; n++) sink.write(makeSample({ timeNs: `${begin + n}000000` }));
    await sink.close(5_000);
    expect([sink.status(), said]).toMatchObject([{ written: 12, dropped: 0 }, []]);
    const timestamps = [begin, begin + 1, begin + 2];
    await vi.waitFor(
      async () => {
        const series = await readSeries(`{host="${host}",db="calls"}`);
        const jitter = series.find(({ metric }) => metric.__name__ === "inbound_rtp_jitter");
        const { ssrc, jitter: value } = inboundStream();
        expect(jitter).toMatchObject({ metric: { ssrc: String(ssrc) }, values: [value, value, value], timestamps });
        const counted = series.filter(({ metric }) => metric.__name__?.startsWith("rtcprobe_"));
        expect(Object.fromEntries(counted.map(({ metric, values }) => [metric.__name__, values]))).toEqual(
          Object.fromEntries(Object.entries(DATAGRAMS).map(([name, n]) => [`rtcprobe_${name}`, [n, n, n]])),
        );
      },
      { timeout: 15_000, interval: 200 },
    );
  });
});
