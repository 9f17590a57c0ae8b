// SPDX-License-Identifier: MIT
/** The control socket and its client. Oracles: HTTP by hand over the Unix socket, stat(2), and what the test put in. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { askDaemon } from "../src/client.js";
import { type Control, type Controlled, openControl } from "../src/control.js";
import { RtcprobeError } from "../src/errors.js";
import { checkConservation, type Health } from "../src/health.js";
import { freePath } from "../src/listener.js";
import { formatMetrics } from "../src/metrics.js";
import type { HookProbe } from "../src/native.js";
import { HOOK_PROBES, listProbes } from "../src/probes.js";
import type { Sample } from "../src/stats.js";
import { makeBook } from "./callbook.js";
import { DATAGRAMS, inboundStream } from "./samples.js";

const SAMPLE: Sample = {
  timestamp: 1_760_000_000_123,
  timeNs: "1760000000123000000",
  streams: [inboundStream()],
  candidatePairs: [],
  iceServers: [],
  reports: [],
  datagrams: DATAGRAMS,
};

const HEALTH: Health = {
  version: "0.0.0",
  pid: 1,
  uptimeSeconds: 10,
  intervalSeconds: 1,
  source: { kind: "ebpf", cgroup: "/", programIds: [5, 6] },
  probes: listProbes(["rtp"]),
  streams: 1,
  candidatePairs: 0,
  samples: 10,
  sampleFailures: 2,
  clockSteps: 0,
  datagrams: DATAGRAMS,
  conservation: checkConservation(DATAGRAMS),
  sinks: [{ name: 'a"b\\c\nd', state: "failing", written: 3, queued: 2, dropped: 1, droppedBy: { full: 1 } }],
  cost: { cpuSeconds: 1.5, rssBytes: 1024 },
};

class FakeDaemon implements Controlled {
  enabled: HookProbe[] = ["rtp", "stun", "rtcp"];
  refusal: RtcprobeError | undefined;
  sample = (): Sample => SAMPLE;
  health = (): Health => HEALTH;
  probes = () => listProbes(this.enabled);
  calls = makeBook(join(directory, "calls"));

  switchProbes(enable: readonly HookProbe[], disable: readonly HookProbe[]): void {
    if (this.refusal) throw this.refusal;
    this.enabled = [...new Set([...this.enabled, ...enable])].filter((name) => !disable.includes(name));
  }
}

let directory: string;
const open: (Control | Server)[] = [];
let sockets = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-control-"));
});
afterAll(() => rm(directory, { recursive: true }));
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const newPath = (): string => join(directory, `${sockets++}.sock`);

async function serve(daemon: Controlled = new FakeDaemon(), path = newPath()): Promise<string> {
  open.push(await openControl(path, daemon, () => undefined));
  return path;
}

/** A socket whose server was killed. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log())`;
  const dead = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(dead.stdout, "data");
  dead.kill("SIGKILL");
  await once(dead, "exit");
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

/** One request, by Node's own client and not by ours. */
function ask(socketPath: string, path: string, method = "GET", body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, agent: false }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("what it answers", () => {
  it("/v1/streams is the latest sample", async () => {
    const { status, headers, text } = await ask(await serve(), "/v1/streams");
    expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
    const { timeNs, ...shown } = SAMPLE;
    expect(timeNs).not.toBe("");
    expect(JSON.parse(text)).toEqual(shown);
  });

  it("/v1/health is what the daemon says of itself; the samples' sum is 136 by hand", async () => {
    const { text } = await ask(await serve(), "/v1/health");
    expect(JSON.parse(text)).toEqual(HEALTH);
    expect(HEALTH.conservation).toEqual({ seen: 136, accounted: 136, holds: true });
    expect(checkConservation({ ...DATAGRAMS, rtp: 15 })).toEqual({ seen: 136, accounted: 135, holds: false });
  });

  it("/v1/probes lists, switches, and names what is not available", async () => {
    const path = await serve();
    const state = (text: string) =>
      (JSON.parse(text) as { probes: { name: string; enabled: boolean }[] }).probes
        .filter((probe) => probe.enabled)
        .map((probe) => probe.name);
    expect(state((await ask(path, "/v1/probes")).text)).toEqual(["rtp", "stun", "rtcp"]);
    const disabled = await ask(path, "/v1/probes", "POST", '{"disable":["rtp","rtcp"]}');
    expect([disabled.status, state(disabled.text)]).toEqual([200, ["stun"]]);
    expect(state((await ask(path, "/v1/probes", "POST", '{"enable":["rtp"]}')).text)).toEqual(["rtp", "stun"]);
    const { text } = await ask(path, "/v1/probes");
    expect(JSON.parse(text).probes[4]).toMatchObject({ name: "drops", available: false, reason: expect.any(String) });
  });

  it("depth without rtp measures nothing: it is off, and says what it waits for", async () => {
    const path = await serve();
    const depth = async (change: string) =>
      JSON.parse((await ask(path, "/v1/probes", "POST", change)).text).probes[HOOK_PROBES.indexOf("depth")];
    expect(await depth('{"enable":["depth"]}')).toMatchObject({ name: "depth", enabled: true });
    const waiting = { name: "depth", enabled: false, available: true, reason: "switched on, and waits for rtp" };
    expect(await depth('{"disable":["rtp"]}')).toMatchObject(waiting);
    const again = await depth('{"enable":["rtp"]}');
    expect(again).toMatchObject({ enabled: true });
    expect(again).not.toHaveProperty("reason");
  });

  it("HEAD is GET without a body, and a query is no other path", async () => {
    const path = await serve();
    expect(await ask(path, "/v1/streams", "HEAD")).toMatchObject({ status: 200, text: "" });
    expect(await ask(path, "/v1/streams?x=1")).toMatchObject({ status: 200 });
  });

  it.each([
    ["GET", "/", undefined, 404],
    ["GET", "/v1/streams/", undefined, 404],
    ["POST", "/v1/streams", "{}", 405],
    ["DELETE", "/v1/probes", undefined, 405],
    ["POST", "/v1/probes", "", 400],
    ["POST", "/v1/probes", "{", 400],
    ["POST", "/v1/probes", "{}", 400],
    ["POST", "/v1/probes", "[]", 400],
    ["POST", "/v1/probes", '{"enable":"rtp"}', 400],
    ["POST", "/v1/probes", '{"enable":["rtp"],"x":1}', 400],
    ["POST", "/v1/probes", '{"enable":["nope"]}', 400],
    ["POST", "/v1/probes", '{"enable":["drops"]}', 400],
    ["POST", "/v1/probes", '{"enable":["rtp"],"disable":["rtp"]}', 400],
    ["POST", "/v1/probes", `{"enable":["${"x".repeat(70_000)}"]}`, 413],
  ])("%s %s %.40s is %4$i, with an error in JSON", async (method, path, body, status) => {
    const answer = await ask(await serve(), path, method, body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toHaveProperty("error", expect.stringMatching(/^[^\n]{5,300}$/));
    if (status === 405) expect(answer.headers.allow).toMatch(/GET/);
  });

  it("a kernel that refuses is a 500 with its reason", async () => {
    const daemon = new FakeDaemon();
    daemon.refusal = new RtcprobeError("ERR_LOAD", "the kernel refuses", "try this");
    const answer = await ask(await serve(daemon), "/v1/probes", "POST", '{"enable":["rtp"]}');
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toEqual({ error: "the kernel refuses", code: "ERR_LOAD", hint: "try this" });
  });

  it("clients that send nothing, half a request or read nothing do not hold up another", async () => {
    const path = await serve();
    const slow = Array.from({ length: 20 }, (_, i) => {
      const socket = connect(path);
      socket.on("error", () => undefined).pause();
      if (i % 2 === 0) socket.write("GET /v1/streams HTTP/1.1\r\nHost: x\r\n");
      if (i % 3 === 0) socket.write("\r\n".repeat(50));
      return socket;
    });
    const begun = performance.now();
    expect((await ask(path, "/v1/health")).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(1000);
    for (const socket of slow) socket.destroy();
  });

  it("of more connections than it bears the oldest without a request makes room, and none that is being answered", async () => {
    const path = await serve();
    const open = (first = ""): Promise<Socket> =>
      new Promise((resolve) => {
        const socket = connect(path, () => resolve(socket));
        socket.on("error", () => undefined).resume();
        socket.write(first);
      });
    const body = '{"disable":["stun"]}';
    const head = `POST /v1/probes HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    const asking = await open(head + body.slice(0, 5));
    const idle = await Promise.all(Array.from({ length: 100 }, () => open()));
    expect((await askDaemon<Sample>({ socket: path, path: "/v1/streams" })).timestamp).toBe(SAMPLE.timestamp);
    expect((await ask(path, "/v1/health")).status).toBe(200);
    const ended = () => idle.filter(({ destroyed }) => destroyed).length;
    await expect.poll(ended).toBeGreaterThanOrEqual(100 - 64);
    expect(ended()).toBeLessThan(50);
    asking.write(body.slice(5));
    const [answer] = (await once(asking, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
    for (const socket of [asking, ...idle]) socket.destroy();
  });
});

describe("/metrics", () => {
  it("is Prometheus text: every series once, numbers only, labels escaped", () => {
    const lines = formatMetrics(HEALTH).trimEnd().split("\n");
    const series = lines.filter((line) => !line.startsWith("#"));
    for (const line of series)
      expect(line).toMatch(/^[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? -?\d/);
    expect(new Set(series).size).toBe(series.length);
    expect(lines).toContain('rtcprobe_sink_points_written_total{sink="a\\"b\\\\c\\nd"} 3');
    expect(lines).toContain('rtcprobe_datagrams_total{outcome="rtp"} 16');
    expect(lines).toContain("rtcprobe_datagrams_seen_total 136");
    expect(lines).toContain('rtcprobe_probe_enabled{probe="stun"} 0');
    const outcomes = series.filter((line) => line.startsWith("rtcprobe_datagrams_total"));
    expect(outcomes.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0)).toBe(136);
  });

  it("what was not measured has no series", () => {
    expect(formatMetrics(HEALTH)).not.toMatch(/program_|frames_missed/);
    const cost = { ...HEALTH.cost, programRuns: 7, programSeconds: 0.5 };
    expect(formatMetrics({ ...HEALTH, cost })).toMatch(/^rtcprobe_program_seconds_total 0\.5$/m);
  });

  it("is served with its type", async () => {
    expect((await ask(await serve(), "/metrics")).headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  });
});

/** It looks each second. */
const PATIENT = { timeout: 10_000 };

describe("the place of the socket", { timeout: 20_000 }, () => {
  it("has mode 0660 in a directory of 0750, and nothing is left after the end", async () => {
    const path = join(directory, "made", "here", "c.sock");
    const control = await openControl(path, new FakeDaemon(), () => undefined);
    expect((await lstat(path)).mode & 0o7777).toBe(0o660);
    expect((await lstat(join(directory, "made", "here"))).mode & 0o027).toBe(0);
    expect(await readdir(join(directory, "made", "here"))).toEqual(["c.sock"]);
    await control.close();
    expect(await readdir(join(directory, "made", "here"))).toEqual([]);
  });

  it("is not taken from a daemon that lives", async () => {
    const path = await serve();
    const refusal = { code: "ERR_DAEMON_RUNNING", message: expect.stringContaining(path) };
    await expect(freePath(path)).rejects.toMatchObject(refusal);
    await expect(openControl(path, new FakeDaemon(), () => undefined)).rejects.toMatchObject(refusal);
    expect((await ask(path, "/v1/health")).status).toBe(200);
  });

  it("is taken from a daemon that was killed", async () => {
    const path = newPath();
    await leaveSocket(path);
    expect((await lstat(path)).isSocket()).toBe(true);
    await freePath(path);
    await serve(new FakeDaemon(), path);
    expect((await ask(path, "/v1/health")).status).toBe(200);
  });

  it("a file, a directory or a link in its place is refused and stays", async () => {
    const [file, folder, dangling] = [newPath(), newPath(), newPath()];
    await writeFile(file, "precious");
    await mkdir(folder);
    await symlink("/nowhere", dangling);
    for (const path of [file, folder, dangling]) {
      const refusal = { code: "ERR_CONTROL", message: `${path} exists and is no socket` };
      await expect(freePath(path)).rejects.toMatchObject(refusal);
      await expect(lstat(path)).resolves.toBeDefined();
    }
    expect(await readFile(file, "utf8")).toBe("precious");
  });

  it.each([
    ["on a free path", false],
    ["over a socket that a dead one left", true],
  ])("of several that begin at once, one gets it: %s", async (_, isStale) => {
    for (let round = 0; round < 10; round++) {
      const path = newPath();
      if (isStale) await leaveSocket(path);
      const results = await Promise.allSettled(
        [0, 1, 2, 3].map(async (i) => {
          await freePath(path);
          await sleep(i % 2);
          return openControl(path, new FakeDaemon(), () => undefined);
        }),
      );
      for (const result of results) {
        if (result.status === "fulfilled") open.push(result.value);
        else expect(result.reason).toMatchObject({ code: "ERR_DAEMON_RUNNING" });
      }
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await ask(path, "/v1/health")).status).toBe(200);
    }
  });

  it("one that belongs to another by now is left alone", async () => {
    const path = newPath();
    const control = await openControl(path, new FakeDaemon(), () => undefined);
    await rm(path);
    await serve(new FakeDaemon(), path);
    await control.close();
    expect((await ask(path, "/v1/health")).status).toBe(200);
  });

  it("is made again when somebody removes it or its directory, said once, and is gone after the end", async () => {
    const folder = join(directory, "swept");
    const path = join(folder, "c.sock");
    const said: string[] = [];
    const control = await openControl(path, new FakeDaemon(), (line) => said.push(line));
    const waiting = await new Promise<Socket>((resolve) => {
      const socket = connect(path, () => resolve(socket));
    });
    for (const victim of [path, folder]) {
      await rm(victim, { recursive: true });
      await expect.poll(() => ask(path, "/v1/health").catch(() => undefined), PATIENT).toMatchObject({ status: 200 });
      expect((await lstat(path)).mode & 0o7777).toBe(0o660);
      await expect(freePath(path)).rejects.toMatchObject({ code: "ERR_DAEMON_RUNNING" });
    }
    // It is there a moment before it is said.
    const line = `the control socket ${path} was removed, and is there again`;
    await expect.poll(() => said, PATIENT).toEqual([line, line]);
    // Who was connected before is answered still.
    waiting.write("GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(String((await once(waiting, "data"))[0])).toMatch(/^HTTP\/1.1 200 /);
    await control.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("cannot be made again: said once, and made when it can", async () => {
    const folder = join(directory, "blocked");
    const path = join(folder, "c.sock");
    const said: string[] = [];
    open.push(await openControl(path, new FakeDaemon(), (line) => said.push(line)));
    await rm(folder, { recursive: true });
    await writeFile(folder, "");
    await expect.poll(() => said.length, PATIENT).toBe(1);
    await sleep(1_500);
    expect(said).toEqual([expect.stringMatching(/^cannot make the control socket .*blocked.*: E[A-Z]+; .*--socket/)]);
    await rm(folder);
    await expect.poll(() => ask(path, "/v1/health").catch(() => undefined), PATIENT).toMatchObject({ status: 200 });
  });

  it("of another daemon that took its place while it was away is left to it", async () => {
    const path = newPath();
    const said: string[] = [];
    const first = await openControl(path, new FakeDaemon(), (line) => said.push(line));
    await rm(path);
    const { ino } = await serve(new FakeDaemon(), path).then(lstat);
    await sleep(1_500);
    expect((await lstat(path)).ino).toBe(ino);
    expect(said).toEqual([]);
    await first.close();
    expect((await lstat(path)).ino).toBe(ino);
  });

  it("a directory that cannot be made is told with what to do", async () => {
    const path = join(directory, "file", "c.sock");
    await writeFile(join(directory, "file"), "");
    await expect(openControl(path, new FakeDaemon(), () => undefined)).rejects.toMatchObject({
      code: "ERR_CONTROL",
      hint: expect.stringMatching(/--socket/),
    });
  });
});

describe("the client", () => {
  /** A server that is no daemon. */
  async function answerWith(bytes: string | undefined): Promise<string> {
    const path = newPath();
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      if (bytes === undefined) socket.destroy();
      else socket.once("data", () => socket.end(bytes));
    });
    server.listen(path);
    await once(server, "listening");
    open.push(server);
    return path;
  }
  const http = (status: string, body: string): string =>
    `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;

  it("gets what the daemon says, and its refusals in its words", async () => {
    const socket = await serve();
    expect(await askDaemon({ socket, path: "/v1/health" })).toEqual(HEALTH);
    await expect(askDaemon({ socket, path: "/v1/probes", body: { enable: ["drops"] } })).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
      message: "the probe drops is not in this build yet",
      hint: "the probes are rtp, stun, rtcp, depth",
    });
    await expect(askDaemon({ socket, path: "/v1/calls", body: {} })).rejects.toMatchObject({ code: "ERR_USAGE" });
  });

  it("without a daemon says so", async () => {
    await expect(askDaemon({ socket: join(directory, "no.sock"), path: "/" })).rejects.toMatchObject({
      code: "ERR_NO_DAEMON",
      hint: "start one: rtcprobe run",
    });
  });

  it.each([
    ["nothing", undefined],
    ["no HTTP", "SSH-2.0-OpenSSH_9\r\n"],
    ["HTML", http("200 OK", "<html>")],
    ["half an answer", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"],
    ["an error of its own", http("503 Busy", "{}")],
    ["an error that is no object", http("500 No", "null")],
  ])("answered by %s, says that this is not the daemon", async (_, bytes) => {
    const socket = await answerWith(bytes);
    await expect(askDaemon({ socket, path: "/v1/health" })).rejects.toMatchObject({
      code: "ERR_CONTROL",
      message: expect.stringContaining(socket),
    });
  });

  it("answered with a code that is none of ours, takes the words only", async () => {
    const socket = await answerWith(http("500 No", '{"error":"so it is","code":"ERR_NONE"}'));
    const refusal = { code: "ERR_CONTROL", message: "so it is" };
    await expect(askDaemon({ socket, path: "/v1/health" })).rejects.toMatchObject(refusal);
  });

  it("gives up on one that never answers", { timeout: 10_000 }, async () => {
    const path = newPath();
    const server = createServer((socket) => open.push({ close: async () => void socket.destroy() }));
    server.listen(path);
    await once(server, "listening");
    open.push({ close: async () => void server.close() });
    await expect(askDaemon({ socket: path, path: "/" })).rejects.toMatchObject({ code: "ERR_CONTROL" });
  });
});
