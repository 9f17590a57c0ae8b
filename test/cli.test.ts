// SPDX-License-Identifier: MIT
/**
 * Bad input is a normal day. Oracle for each: the exit code, nothing on standard output, and one line on standard error that
 * names what failed and what to do. The files, servers and lack of rights are made here.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { appendFile, chmod, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asNobody, can } from "./capability.js";
import { checkBuild, PROGRAM, type RunOptions, runProgram, startProgram } from "./program.js";

let directory: string;
let config: string;

beforeAll(async () => {
  checkBuild();
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-cli-"));
  await chmod(directory, 0o777);
  config = join(directory, "config.yaml");
  const kept = ["journal", "calls"].map((kind) => `${kind}: { directory: ${join(directory, kind)} }\n`);
  await writeFile(config, kept.join(""));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const inDirectory = (name: string): string => join(directory, name);

/** The program must fail with this code and say one line that matches both. */
async function expectFailure(args: string[], code: number, what: RegExp, todo: RegExp, options?: RunOptions) {
  const { stdout, said, code: got } = await runProgram(args, options);
  expect(said, "one line").toHaveLength(1);
  expect(said[0]).toMatch(/^rtcprobe: [^\p{Cc}]{10,400}$/u);
  expect(said[0]).toMatch(what);
  expect(said[0]).toMatch(todo);
  expect(stdout).toBe("");
  expect(got).toBe(code);
}

describe("usage: exit 2, before anything starts", () => {
  it.each<[string[], RegExp, RegExp]>([
    [["nonsense"], /unknown command 'nonsense'/, /--help/],
    [["daily", "nonsense"], /unknown command 'nonsense'/, /--help/],
    [["streams", "--jsn"], /unknown option '--jsn'/, /Did you mean --json/],
    [["--nonsense"], /unknown option/, /--help/],
    [["analyze"], /missing required argument 'file'/, /--help/],
    [["analyze", "a", "b"], /too many arguments .* but got 2;/, /--help/],
    [["probes", "enable"], /missing required argument 'names'/, /--help/],
    [["probes", "enable", "rtpp"], /no probe is called "rtpp"/, /did you mean "rtp"/],
    [["probes", "nonsense"], /unknown command 'nonsense'/, /--help/],
    [["probes", "enabel", "rtp"], /unknown command 'enabel'/, /did you mean "enable"/],
    [["probes", "list", "rtp"], /too many arguments for 'list'/, /--help/],
    [["calls", "strat", "--meeting", "x"], /unknown command 'strat'/, /did you mean "start"/],
    [["calls", "--jsn"], /unknown option '--jsn'/, /Did you mean --json/],
    [["help", "nothing"], /unknown command 'nothing'/, /--help/],
    [["help", "analyse"], /unknown command 'analyse'/, /did you mean "analyze"/],
    [["calls", "help", "strat"], /unknown command 'strat'/, /did you mean "start"/],
    [["calls", "start"], /the call says nothing/, /--meeting, --participant, --room .* --pid/],
    [["calls", "start", "--room", "a\nb"], /a call cannot have this room/, /--meeting, --participant, --room .* --pid/],
    [["calls", "stop", ""], /no call is named/, /its id, its meeting, or last/],
    [["report", ""], /no call is named/, /its id, its meeting, or last/],
    [["run", "--interval"], /argument missing/, /--help/],
    [["run", "--interval", "0"], /--interval: "0" is out of range/, /100ms to 1h/],
    [["run", "--interval", "12abc"], /--interval: "12abc" is no duration/, /for example 500ms/],
    [["run", "--interval", "1e3"], /--interval: "1e3" is no duration/, /for example/],
    [["run", "--duration", "12abc"], /--duration: "12abc" is no duration/, /for example/],
    [["run", "--duration", "0"], /--duration: "0" is out of range/, /1ms to 24d/],
    [["run", "--max-streams", "12abc"], /--max-streams: "12abc" is no whole number/, /whole number/],
    [["run", "--source", "magic"], /--source: "magic" is none of/, /auto, ebpf, packet/],
    [["run", "--source", "ebpf", "--interface", "lo"], /interface lo cannot be chosen/, /--source packet/],
    [["run", "--json", "--live"], /--json and --live/, /one of them/],
    [["run", "--influx-token", "x"], /unknown option '--influx-token'/, /--influx-token-file|--help/],
    [["run", "--influx-url", "http://u:hunter2@h"], /--influx-url: must not hold/, /passwordFile/],
    [["run", "--config", "/nowhere.yaml"], /cannot read the config file \/nowhere.yaml: ENOENT/, /can be read/],
    [["top", "--interval", "0"], /"0" is out of range/, /100ms/],
    [["top", "--count", "0"], /--count: 0 is out of range/, /1 or more/],
    [["analyze", "x", "--interval", "12abc"], /--interval: "12abc" is no duration/, /for example/],
    [["analyze", "x", "--interval", "0"], /--interval: "0" is out of range/, /10ms/],
    [["analyze", "x", "--local", "here"], /--local: "here" is no IP address/, /192\.0\.2\.1/],
    [["analyze", "x", "--clock-rate", "96"], /--clock-rate: "96" is no clock rate/, /96=48000/],
  ])("%j", (args, what, todo) => expectFailure(args, 2, what, todo));

  it("an unknown key of the config file, with what was meant", async () => {
    await writeFile(inDirectory("typo.yaml"), "intervall: 1s\n");
    const args = ["run", "--config", inDirectory("typo.yaml")];
    await expectFailure(args, 2, /unknown key "intervall" in .*typo\.yaml/, /did you mean "interval"/);
  });

  it("no command at all shows the help", async () => {
    expect(await runProgram([])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^Usage: rtcprobe/) });
  });

  it("a secret is in no error", async () => {
    const { stderr } = await runProgram(["run", "--influx-url", "http://u:hunter2@h", "--debug"]);
    expect(stderr).toMatch(/must not hold/);
    expect(stderr).not.toMatch(/hunter2/);
  });
});

describe("help and version: exit 0, on standard output", () => {
  it("--version is the package's", async () => {
    const { version } = JSON.parse(await readFile(join(PROGRAM, "../../package.json"), "utf8"));
    expect(await runProgram(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each([
    [["--help"]],
    [["run", "--help"]],
    [["help"]],
    [["help", "analyze"]],
    [["help", "calls"]],
    [["calls", "help", "start"]],
  ])("%j", async (args) => {
    const { code, stdout, stderr } = await runProgram(args);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Usage: rtcprobe/);
  });
});

describe("no daemon: exit 3", () => {
  it.each([
    [["streams"]],
    [["streams", "--json"]],
    [["top"]],
    [["probes"]],
    [["probes", "list"]],
    [["probes", "disable", "rtp"]],
  ])("%j", (args) =>
    expectFailure([...args, "--socket", inDirectory("no.sock")], 3, /no daemon is running on/, /rtcprobe run/),
  );

  it("--socket may stand before the command, or be a variable", async () => {
    const path = inDirectory("no.sock");
    await expectFailure(["--socket", path, "streams"], 3, /no\.sock/, /rtcprobe run/);
    await expectFailure(["streams"], 3, /no\.sock/, /rtcprobe run/, { env: { RTCPROBE_SOCKET: path } });
  });

  it("a probe that is not in this build is exit 1, with or without a daemon", () =>
    expectFailure(
      ["probes", "enable", "drops"],
      1,
      /drops is not in this build yet/,
      /the probes are rtp, stun, rtcp/,
    ));

  it("a socket of somebody else is exit 1", async () => {
    const path = inDirectory("other.sock");
    const server = createNetServer((socket) => socket.on("error", () => undefined).end("hello\n"));
    server.listen(path);
    await once(server, "listening");
    await expectFailure(["streams", "--socket", path], 1, /no answer on/, /is it the daemon's socket/);
    server.close();
  });
});

describe("capture files: exit 1", () => {
  const header = (linkType: number): Buffer => {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt32LE(0xa1b2c3d4, 0);
    bytes.writeUInt16LE(2, 4);
    bytes.writeUInt16LE(4, 6);
    bytes.writeUInt32LE(65_535, 16);
    bytes.writeUInt32LE(linkType, 20);
    return bytes;
  };
  const record = (size: number, length = size): Buffer => {
    const bytes = Buffer.alloc(16 + length);
    bytes.writeUInt32LE(1, 0);
    bytes.writeUInt32LE(size, 8);
    bytes.writeUInt32LE(size, 12);
    return bytes;
  };

  it.each<[string, Buffer | string, RegExp]>([
    ["empty", "", /the file is empty/],
    ["three bytes", "abc", /magic number/],
    ["text", "this is not a capture at all\n", /neither pcap, pcapng, rtpdump nor a log of packets/],
    ["gzip", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), /gzip/],
    ["half a header", header(1).subarray(0, 10), /ends within its header/],
    ["an unknown link type", header(147), /unknown link type 147/],
    ["a corrupt length", Buffer.concat([header(1), record(2 ** 31, 64)]), /2147483648 bytes/],
  ])("%s", async (name, bytes, what) => {
    const file = inDirectory(`${name.replaceAll(" ", "-")}.pcap`);
    await writeFile(file, bytes);
    await expectFailure(["analyze", file, "--json"], 1, what, /pcap or pcapng/);
    await expectFailure(["analyze", file, "--interval", "1s"], 1, what, /pcap or pcapng/);
  });

  it("a file that is not there, and a directory", async () => {
    await expectFailure(["analyze", inDirectory("no.pcap")], 1, /no\.pcap: there is no such file/, /pcap or pcapng/);
    await expectFailure(["analyze", directory], 1, /it is a directory/, /pcap or pcapng/);
  });

  it("a name that would break the line is shown harmless", () =>
    expectFailure(["analyze", inDirectory("a\nb\x1b[2J.pcap")], 1, /a\\x0ab\\x1b\[2J/, /pcap or pcapng/));

  it("a truncated one gives its numbers and one line of warning", async () => {
    const file = inDirectory("truncated.pcap");
    await writeFile(file, Buffer.concat([header(101), record(40), record(40).subarray(0, 30)]));
    const { code, stdout, said } = await runProgram(["analyze", file, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      streams: [],
      candidatePairs: [],
      datagrams: { seen: expect.any(Number) },
    });
    expect(said).toEqual([expect.stringMatching(/truncated\.pcap ends within a packet/)]);
  });

  it("a corrupt one gives what came before the fault, and exit 1", async () => {
    const file = inDirectory("corrupt-later.pcap");
    const ip = Buffer.from("4500001d000040004011000001020304050607081388138800090000aa", "hex");
    const good = Buffer.concat([record(ip.length).subarray(0, 16), ip]);
    await writeFile(file, Buffer.concat([header(101), good]));
    await appendFile(file, record(2 ** 30, 64));
    const { code, stdout, said } = await runProgram(["analyze", file, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ datagrams: { seen: 1, unknown: 1 } });
    expect(said).toEqual([expect.stringMatching(/1073741824 bytes.*; give a pcap or pcapng file/)]);
  });
});

describe("a host that refuses", () => {
  const socketArgs = (name: string): string[] => ["--config", config, "--socket", inDirectory(name)];
  const setpriv = (...args: string[]): string[] => ["setpriv", ...args, "--"];
  const NO_CAPABILITIES = setpriv("--bounding-set=-all", "--inh-caps=-all");
  const ONLY_RAW = setpriv("--bounding-set=-all,+net_raw", "--inh-caps=-all");

  describe.skipIf(!can.nobody.ok)(`without rights — ${can.nobody.why || "as nobody"}`, () => {
    it("not root: what it takes", async () => {
      const args = ["run", "--duration", "1s", "--socket", inDirectory("nobody.sock"), "--config", config];
      // A journal that nobody may keep is the smaller trouble, and not the one that is told.
      const options = { through: asNobody(), env: { RTCPROBE_JOURNAL_DIRECTORY: "/proc/journal" } };
      await expectFailure(args, 1, /no permission for eBPF/, /CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON/, options);
      await expectFailure([...args, "--source", "ebpf"], 1, /no permission for eBPF/, /run as root/, options);
      await expectFailure(
        [...args, "--source", "packet"],
        1,
        /no permission for the packet source/,
        /CAP_NET_RAW/,
        options,
      );
    });

    it("not root: a socket's directory that may not be made", async () => {
      const args = ["run", "--source", "packet", "--config", config, "--socket", "/run/rtcprobe-test/c.sock"];
      const own = { journal: inDirectory("nobody"), calls: inDirectory("nobody-calls") };
      const env = { RTCPROBE_JOURNAL_DIRECTORY: own.journal, RTCPROBE_CALLS_DIRECTORY: own.calls };
      await expectFailure(args, 1, /cannot make the control socket .*: EACCES/, /--socket/, {
        through: asNobody("net_raw"),
        env,
      });
    });

    it("eBPF refused: auto says why in one line and goes on with packets", async () => {
      const args = ["run", "--duration", "300ms", "--json", "--interval", "100ms", ...socketArgs("auto.sock")];
      const { code, stdout, said } = await runProgram(args, { through: ONLY_RAW });
      expect(said).toEqual([
        expect.stringMatching(/no permission for eBPF .*; going on with packets/),
        expect.stringMatching(/watching packets of all interfaces/),
      ]);
      expect(
        stdout
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line).streams),
      ).toEqual([[], [], []]);
      expect(code).toBe(0);
    });

    it("eBPF and packets refused: both reasons in the one line", async () => {
      const args = ["run", ...socketArgs("none.sock")];
      const both = /no permission for eBPF .*, and no permission for the packet source/;
      await expectFailure(args, 1, both, /CAP_BPF/, { through: NO_CAPABILITIES });
    });

    it("check says what is missing, and exits 1", async () => {
      const args = ["check", "--json", ...socketArgs("check.sock")];
      const { code, stdout, stderr } = await runProgram(args, { through: NO_CAPABILITIES });
      const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] };
      expect([code, ok, stderr]).toEqual([1, false, ""]);
      const found = Object.fromEntries(checks.map((check) => [check.name, check.ok]));
      expect(found).toMatchObject({ kernel: true, capabilities: false, ebpf: false, packet: false, daemon: false });
    });
  });

  describe.skipIf(!can.bpf.ok)(`as root — ${can.bpf.why || "eBPF"}`, () => {
    it("a --cgroup that is none", async () => {
      const args = ["run", "--duration", "1s", ...socketArgs("cgroup.sock")];
      await expectFailure(
        [...args, "--cgroup", "/nowhere"],
        1,
        /cannot open the cgroup \/nowhere: ENOENT/,
        /cgroup v2/,
      );
      await expectFailure([...args, "--cgroup", directory], 1, /is not in a cgroup v2 tree/, /mountinfo/);
    });

    it("no cgroup v2 is mounted: the way out", async () => {
      // A mount namespace of its own, in which every cgroup v2 is unmounted.
      const unmount = 'umount $(awk \'$0 ~ / - cgroup2 / {print $5}\' /proc/self/mountinfo) && exec "$0" "$@"';
      const through = ["unshare", "--mount", "sh", "-c", unmount];
      const args = ["run", "--source", "ebpf", ...socketArgs("unmounted.sock")];
      await expectFailure(args, 1, /no cgroup v2 is mounted/, /mount -t cgroup2/, { through });
    });

    it("an interface that is not there", () =>
      expectFailure(["run", "--interface", "nope0", ...socketArgs("if.sock")], 1, /no interface nope0/, /ip link/));

    it("a file where the socket should be: refused, and kept", async () => {
      const path = inDirectory("file.sock");
      await writeFile(path, "precious");
      const args = ["run", "--config", config, "--socket", path];
      await expectFailure(args, 1, /file\.sock exists and is no socket/, /--socket/);
      expect(await readFile(path, "utf8")).toBe("precious");
    });

    it("a second daemon on one socket", async () => {
      const args = ["run", "--interval", "100ms", ...socketArgs("second.sock")];
      const first = startProgram(args);
      try {
        await once(first.stderr as NodeJS.ReadableStream, "data");
        await expectFailure(args, 1, /a daemon is running on .*second\.sock/, /stop it, or give/);
        expect((await runProgram(["streams", ...socketArgs("second.sock")])).code).toBe(0);
      } finally {
        first.kill("SIGTERM");
        expect((await once(first, "exit"))[0]).toBe(0);
      }
    });

    it.each<[string, string, (directory: string) => string[]]>([
      ["a cgroup that is none", "ebpf", () => ["--cgroup", "/nowhere"]],
      ["a journal that is a file", "journal", (at) => ["--journal-directory", join(at, "plain")]],
      ["a journal below a file", "journal", (at) => ["--journal-directory", join(at, "plain", "j")]],
      ["calls below a file", "calls", (at) => ["--calls-directory", join(at, "plain", "c")]],
      ["a socket below a file", "socket", (at) => ["--socket", join(at, "plain", "c.sock")]],
      ["a file in the socket's place", "socket", (at) => ["--socket", join(at, "plain")]],
    ])("check says no to what run refuses: %s", async (_, name, wrong) => {
      await writeFile(inDirectory("plain"), "");
      const args = [...socketArgs("both.sock"), ...wrong(directory)];
      const run = await runProgram(["run", "--duration", "100ms", ...args]);
      const check = await runProgram(["check", "--json", ...args]);
      expect([run.code, check.code]).toEqual([1, 1]);
      const { ok, checks } = JSON.parse(check.stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] };
      expect([ok, checks.find((found) => found.name === name)]).toMatchObject([false, { ok: false, isFinal: true }]);
    });

    it("check says yes to directories that run would make, and makes none", async () => {
      const missing = join(inDirectory("missing"), "by", "far");
      const places = ["--journal-directory", `${missing}/j`, "--calls-directory", `${missing}/c`];
      const { code, stdout } = await runProgram(["check", "--json", ...places, "--socket", `${missing}/c.sock`]);
      const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean }[] };
      const good = checks.flatMap(({ name, ok }) => (ok ? [name] : []));
      expect(good).toEqual(expect.arrayContaining(["journal", "calls", "socket"]));
      expect(code).toBe(0);
      expect(await readdir(directory)).not.toContain("missing");
    });

    it("a journal that cannot be kept", async () => {
      await writeFile(inDirectory("plain"), "");
      const args = ["run", "--journal-directory", join(inDirectory("plain"), "j"), ...socketArgs("journal.sock")];
      await expectFailure(args, 1, /cannot keep a journal in/, /journal/);
    });
  });
});

describe.skipIf(!can.bpf.ok)(`InfluxDB that is not there or talks nonsense — ${can.bpf.why || "eBPF"}`, () => {
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = createServer((_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Hi</html>"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  afterAll(() => void server.close());

  it.each([
    ["absent", () => "http://127.0.0.1:1"],
    ["nonsense", () => url],
  ])("%s: check says so, and that the host can run it all the same", async (_, target) => {
    const args = ["check", "--json", "--config", config, "--socket", inDirectory("no.sock"), "--influx-url", target()];
    const { code, stdout } = await runProgram(args);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; message: string }[] };
    const influx = checks.find((check) => check.name === "InfluxDB");
    expect(influx).toMatchObject({ ok: false, message: expect.stringMatching(/^[^\n]{5,300}$/) });
    expect(code).toBe(0);
  });

  it("absent: the daemon measures on, says it once, and keeps what is not sent", async () => {
    const args = ["run", "--json", "--interval", "100ms", "--duration", "500ms", "--config", config];
    const rest = ["--socket", inDirectory("influx.sock"), "--influx-url", "http://127.0.0.1:1"];
    const { code, stdout, said } = await runProgram([...args, ...rest]);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(5);
    expect(said.filter((line) => /ECONNREFUSED/.test(line))).toHaveLength(1);
    expect(said.at(-1)).toMatch(/points are still to be written and stay in the journal/);
  });
});

describe.skipIf(!can.bpf.ok)(`a reader of standard output — ${can.bpf.why || "eBPF"}`, () => {
  const args = (name: string): string[] => [
    "run",
    "--json",
    "--interval",
    "100ms",
    "--config",
    config,
    "--socket",
    inDirectory(name),
  ];

  it("that goes away ends the daemon quietly", async () => {
    const onLine = (_: string, child: ReturnType<typeof startProgram>) => child.stdout?.destroy();
    const { code, said } = await runProgram(args("pipe.sock"), { onLine });
    expect(code).toBe(0);
    expect(said).toEqual([expect.stringMatching(/watching eBPF/)]);
  });

  /** A daemon that watches, and the pipe it cannot write to. */
  async function startStalled(name: string) {
    const fifo = inDirectory(`${name}.fifo`);
    execFileSync("mkfifo", [fifo]);
    const reader = await open(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    await reader.write(Buffer.alloc(65_536)); // all that a pipe holds
    const child = startProgram(args(`${name}.sock`), { stdout: reader.fd });
    await once(child.stderr as NodeJS.ReadableStream, "data");
    return { child, reader };
  }

  it("that stands still does not hold up who says SIGTERM twice: the second one ends the process", async () => {
    const { child, reader } = await startStalled("twice");
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    await sleep(100); // it waits for its reader now, for a second
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    expect(await exit).toEqual([null, "SIGTERM"]);
    await reader.close();
  });

  it("that stands still stops neither the samples nor SIGTERM", async () => {
    const { child, reader } = await startStalled("still");
    const health = async () =>
      (await runProgram(["check", "--json", "--config", config, "--socket", inDirectory("still.sock")])).stdout;
    expect(JSON.parse(await health()).daemon.samples).toBeGreaterThan(0);
    const begun = performance.now();
    child.kill("SIGTERM");
    const unstoppable = setTimeout(() => child.kill("SIGKILL"), 10_000);
    expect((await once(child, "exit"))[0]).toBe(0);
    clearTimeout(unstoppable);
    expect(performance.now() - begun).toBeLessThan(5000);
    await reader.close();
  });
});
