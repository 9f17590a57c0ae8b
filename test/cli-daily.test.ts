// SPDX-License-Identifier: MIT
/** `rtcprobe daily …` and the examples as a user runs them. Oracle: the records that a fake Daily gives. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Control, openControl } from "../src/control.js";
import { makeBook } from "./callbook.js";
import { type DailyServer, KEY, LOG, METRIC, startDaily } from "./dailyserver.js";
import { checkBuild, runProgram } from "./program.js";
import { makeSample } from "./samples.js";

const run = promisify(execFile);
let directory: string;
let daily: DailyServer;

beforeAll(async () => {
  checkBuild();
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-cli-daily-"));
  await writeFile(join(directory, "key"), `${KEY}\n`);
  await writeFile(join(directory, "config.yaml"), `calls: { directory: ${directory}/calls }\n`);
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  const person = {
    user_id: "u1",
    participant_id: "p1",
    user_name: "A \u001b[31mBot",
    join_time: 1773860662,
    duration: 303,
  };
  const meeting = {
    id: "m1",
    room: "my-room",
    start_time: 1773860661,
    duration: 304,
    ongoing: false,
    max_participants: 2,
  };
  daily = await startDaily({
    meetings: [meeting, { ...meeting, id: "m2", room: "other", start_time: 1773860600, ongoing: true }],
    participants: { m1: [person] },
    presence: {
      "my-room": [
        {
          room: "my-room",
          id: "p1",
          userName: "Bot",
          mtgSessionId: "m1",
          joinTime: "2026-03-27T16:37:22.000Z",
          duration: 22,
        },
      ],
    },
    logs: [LOG, { ...LOG, time: "2026-03-23T16:32:50Z", message: 'with "quotes", commas' }],
    metrics: [
      METRIC,
      { ...METRIC, time: "2020-09-29T18:01:56.791Z", userRecvBitsPerSecAvg: null, metrics: { a: { b: 1 } } },
    ],
  });
  return () => daily.close();
});

async function ask(words: string[], options: { env?: Record<string, string>; key?: string[] } = {}) {
  const { key = ["--daily-key-file", join(directory, "key")], env = {} } = options;
  const common = ["--config", join(directory, "config.yaml"), "--daily-url", daily.url];
  const finished = await runProgram(["daily", ...words, ...key, ...common], { env });
  expect(finished.stdout + finished.stderr).not.toContain(KEY);
  return finished;
}

describe("tables and JSON", () => {
  it("meetings", async () => {
    const { code, stdout, stderr } = await ask(["meetings"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^m1 +my-room +2026-03-18T19:04:21Z +304 +no +2\nm2 +other .* yes +2$/m);
    expect((await ask(["meetings", "--ongoing", "--json"])).stdout).toMatch(/^\{"meetings":\[\{"id":"m2",.*\}\]\}\n$/);
    expect((await ask(["meetings", "--room", "none"])).stdout).toBe("no meetings\n");
    expect((await ask(["meetings", "--limit", "1"])).stdout).not.toContain("m2");
    await ask(["meetings", "--since", "2026-03-18T19:04:00Z", "--until", "2026-03-19"]);
    expect(daily.requests.at(-1)).toMatch(/timeframe_start=1773860640&timeframe_end=1773878400/);
  });

  it("participants, without what would colour the terminal", async () => {
    const { stdout } = await ask(["participants", "m1"]);
    expect(stdout).toMatch(/^p1 +A \\x1b\[31mBot +u1 +2026-03-18T19:04:22Z +303$/m);
    expect((await ask(["participants", "nobody"])).stdout).toBe("no participants\n");
  });

  it("presence, of all rooms and of one", async () => {
    for (const room of [[], ["my-room"]]) {
      const { stdout } = await ask(["presence", ...room]);
      expect(stdout).toMatch(/^my-room +p1 +Bot +m1 +2026-03-27T16:37:22\.000Z +22$/m);
    }
  });

  it("logs, oldest first, and metrics", async () => {
    const { stdout } = await ask(["logs", "--meeting", LOG.mtgSessionId]);
    expect(stdout).toMatch(
      /^2026-03-23T16:32:50\.000Z +debug .*commas\n2026-03-23T16:32:55\.473Z +debug .* 7991 +disconnect/m,
    );
    const metrics = await ask(["logs", "--meeting", METRIC.mtgSessionId, "--metrics"]);
    expect(metrics.stdout).toMatch(/^2020-09-29T18:01:41\.791Z .* 1\.04 Mbit\/s +1\.06 Mbit\/s +0\.0 %\n.* - +1\.06/m);
  });

  it("CSV: a column for each name, quoted where it must be", async () => {
    const { stdout } = await ask(["logs", "--meeting", METRIC.mtgSessionId, "--metrics", "--csv"]);
    const [titles = "", first = "", second = ""] = stdout.split("\n");
    expect(titles).toMatch(/^time,clientTime,mtgSessionId,.*,metrics\.a\.b$/);
    expect(first.split(",")).toHaveLength(titles.split(",").length);
    expect(second).toMatch(/^2020-09-29T18:01:56\.791Z,.*,1$/);
    expect((await ask(["logs", "--meeting", LOG.mtgSessionId, "--csv"])).stdout).toContain('"with ""quotes"", commas"');
  });
});

describe("the key", () => {
  it.each([
    ["its variable", { RTCPROBE_DAILY_KEY: KEY }],
    ["the variable of Daily's own tools", { DAILY_API_KEY: KEY }],
  ])("from %s", async (_, env) => {
    expect((await ask(["presence"], { env, key: [] })).code).toBe(0);
  });

  it("from a credential of systemd", async () => {
    await writeFile(join(directory, "daily-key"), KEY);
    expect((await ask(["presence"], { env: { CREDENTIALS_DIRECTORY: directory }, key: [] })).code).toBe(0);
  });

  it("none, a wrong one, and one on the command line", async () => {
    const none = await ask(["presence"], { env: { DAILY_API_KEY: "" }, key: [] });
    expect([none.code, none.said]).toEqual([2, [expect.stringMatching(/there is no Daily key; put the API key/)]]);
    const wrong = await ask(["presence"], { env: { DAILY_API_KEY: "wrong" }, key: [] });
    expect([wrong.code, wrong.said]).toEqual([
      1,
      [expect.stringMatching(/401 to \/presence: authentication-error; put the API key/)],
    ]);
    expect((await ask(["presence", "--daily-key", "x"])).code).toBe(2);
  });
});

it("--debug shows the stack of an error, and the key in none of it", async () => {
  for (const fault of [
    { status: 400, body: JSON.stringify({ error: "invalid-request-error", info: `what is ${KEY}?` }) },
    { status: 403, body: "{}" },
    { status: 302, headers: { location: "http://127.0.0.1:9/" } },
  ]) {
    daily.faults = [fault];
    const { code, stderr } = await ask(["presence", "--debug"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/HTTP \d+ to \/presence.*\n.*RtcprobeError.*\n +at /s)]);
  }
});

it("tells on a terminal how far it is, and only there", async () => {
  daily.state.logs = Array.from({ length: 250 }, (_, i) => ({ ...LOG, time: new Date(1.6e12 + i).toISOString() }));
  const words = ["daily", "logs", "--meeting", LOG.mtgSessionId, "--daily-url", daily.url];
  const common = ["--config", join(directory, "config.yaml"), "--daily-key-file", join(directory, "key")];
  const through = ["python3", "-c", "import pty, sys; pty.spawn(sys.argv[1:])"];
  const shown = await runProgram([...words, ...common], { through });
  expect(shown.stdout).toContain("\r100 logs …\x1b[K\r200 logs …\x1b[K\r\x1b[K");
  const piped = await runProgram([...words, ...common]);
  expect([piped.stderr, piped.stdout.split("\n").length]).toEqual(["", 252]);
});

it.each([
  [["logs"], /neither --meeting nor --participant/],
  [["logs", "--meeting", "m", "--level", "loud"], /--level: "LOUD" is no level/],
  [["meetings", "--since", "12abc"], /--since: "12abc" is no time/],
  [["meetings", "--limit", "0"], /--limit: 0 is out of range/],
])("%j is refused in one line", async (words, message) => {
  const { code, said } = await ask(words);
  expect([code, said]).toEqual([2, [expect.stringMatching(message)]]);
  expect(daily.requests).toEqual([]);
});

describe("calls, over the control socket", () => {
  let control: Control;
  let socket: string;
  const book = () => makeBook(join(directory, "calls"));

  beforeEach(async () => {
    socket = join(directory, "c.sock");
    const calls = book();
    const nothing = () => expect.fail("not asked");
    const target = { calls, sample: makeSample, health: nothing, probes: nothing, switchProbes: nothing };
    control = await openControl(socket, target, nothing);
    return () => control.close();
  });
  const rtcprobe = (...words: string[]) =>
    runProgram([...words, "--socket", socket, "--config", join(directory, "config.yaml")]);

  it("start, list and stop", async () => {
    const started = await rtcprobe("calls", "start", "--meeting", "m1", "--pid", String(process.pid));
    const id = started.stdout.trim();
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    expect((await rtcprobe("calls")).stdout).toMatch(new RegExp(`^${id} .* m1 +- +- +${process.pid} +on$`, "m"));
    expect((await rtcprobe("calls", "stop", "m1")).stdout).toMatch(/stopped, Daily's pending$/m);
    expect(JSON.parse((await rtcprobe("calls", "list", "--json")).stdout).calls).toMatchObject([
      { id, endReason: "stopped" },
    ]);
    expect((await rtcprobe("report", "last")).stdout).toMatch(/The host measured nothing of it/);
    expect(await rtcprobe("calls", "stop", "nothing")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no call nothing/),
    });
    expect(await rtcprobe("calls", "start")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/the call says nothing/),
    });
    expect((await rtcprobe("calls", "start", "--pid", "12abc")).code).toBe(2);
  });

  it("the agent in Node", async () => {
    const { stdout } = await run(process.execPath, ["examples/agent.mjs", "m9", "p9"], {
      env: { ...process.env, RTCPROBE_SOCKET: socket },
    });
    const id = /as ([0-9a-f]{8})/.exec(stdout)?.[1];
    const kept = JSON.parse(await readFile(join(directory, "calls", `${id}.call.json`), "utf8"));
    expect(kept).toMatchObject({ meeting: "m9", participant: "p9", endReason: "stopped" });
  });

  it("the agent in Python", async () => {
    const script = `
import asyncio, sys
sys.path.insert(0, "examples")
from pipecat_agent import CallProbe, network_stats
class Transport:
    def __init__(self): self.handlers = {}
    def event_handler(self, name): return lambda f: self.handlers.setdefault(name, f)
t = Transport()
probe = CallProbe(t)
joined = {"meetingSession": {"id": "m8"}, "participants": {"local": {"id": "p8"}}}
asyncio.run(t.handlers["on_joined"](t, joined))
print(probe.call, network_stats(probe.call))
asyncio.run(t.handlers["on_left"](t))
`;
    const { stdout } = await run("python3", ["-c", script], { env: { ...process.env, RTCPROBE_SOCKET: socket } });
    expect(stdout).toMatch(/^[0-9a-f]{8} None\n$/);
    const kept = JSON.parse(await readFile(join(directory, "calls", `${stdout.slice(0, 8)}.call.json`), "utf8"));
    expect(kept).toMatchObject({ meeting: "m8", participant: "p8", endReason: "stopped" });
    const alone = await run("python3", ["-c", script], { env: { ...process.env, RTCPROBE_SOCKET: "/nowhere" } });
    expect(alone.stdout).toBe("None None\n");
  });
});
