// SPDX-License-Identifier: MIT
/** Settings from flags, variables and a file. Oracle: the documented order and bounds; secrets planted by the test. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Config, type ConfigInput, findSocket, loadConfig } from "../src/config.js";
import { parseBytes, parseDuration, parseWhole } from "../src/duration.js";
import { RtcprobeError } from "../src/errors.js";
import { SETTINGS, settingFlag, settingVariable } from "../src/settings.js";

const SECRET = "s3cr3t-Xyzzy";
let directory: string;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-config-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function write(content: string, name = `${files++}.yaml`): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

/** Loads with an empty file in place of this machine's own. */
async function load(input: Partial<ConfigInput> & { yaml?: string } = {}) {
  const { flags = {}, env = {}, yaml = "" } = input;
  return loadConfig({ flags, env, path: input.path ?? (await write(yaml)) });
}

/** The first InfluxDB of a configuration. */
function influxOf({ sinks }: Config) {
  return sinks
    .map((sink) => (sink.type === "influxdb" ? sink.influx : undefined))
    .find((influx) => influx !== undefined);
}

async function failure(input: Parameters<typeof load>[0]): Promise<RtcprobeError> {
  const error = await load(input).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RtcprobeError);
  const { message, hint = "" } = error as RtcprobeError;
  expect(`${message}${hint}`, "an error is one line").not.toMatch(/\n/);
  expect(`${message}${hint}`, "an error holds no secret").not.toContain(SECRET);
  return error as RtcprobeError;
}

describe("quantities are read whole", () => {
  it.each([
    ["1s", 1000],
    ["500ms", 500],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
    ["3", 3000],
    ["0.25", 250],
  ])("%s is %i ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["12abc", "", "s", "1 000ms", "-1s", "1e3", "1s2", "0x10", "١s", "Infinity", "1sec", "1.s", "__proto__"])(
    "%j is no duration",
    (text) => expect(() => parseDuration(text)).toThrow(/is no duration/),
  );

  it.each([
    ["64KiB", 65_536],
    ["1GB", 1e9],
    ["4096", 4096],
    ["1.5MiB", 1_572_864],
  ])("%s is %i bytes", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(["1.5", "12abc", "9999999999GiB", "1mb"])("%j is no size", (text) =>
    expect(() => parseBytes(text)).toThrow(/is no size/),
  );

  it("any text gives a number or an error of ours", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const parse of [parseDuration, parseBytes, parseWhole]) {
          try {
            expect(parse(text)).toBeGreaterThanOrEqual(0);
          } catch (error) {
            expect(error).toBeInstanceOf(RtcprobeError);
          }
        }
      }),
    );
  });
});

describe("layers", () => {
  it("without any, the defaults", async () => {
    expect(await load()).toEqual({
      interval: 1000,
      source: "auto",
      maxStreams: 8192,
      maxPairs: 2048,
      clockRates: {},
      codecs: { payloadTypes: {}, sources: {}, repairs: {} },
      probes: ["rtp", "stun", "rtcp"],
      socket: "/run/rtcprobe/control.sock",
      journal: { directory: "/var/lib/rtcprobe/journal", maxBytes: 268_435_456, maxAge: 604_800_000 },
      sinks: [],
      calls: { directory: "/var/lib/rtcprobe/calls", maxAge: 2_592_000_000 },
    });
  });

  it("a flag is stronger than a variable, a variable than the file", async () => {
    const yaml = "interval: 1s\nmaxStreams: 10\nhost: file\n";
    const env = { RTCPROBE_INTERVAL: "2s", RTCPROBE_MAX_STREAMS: "20" };
    expect(await load({ yaml, env, flags: { interval: "3s" } })).toMatchObject({
      interval: 3000,
      maxStreams: 20,
      host: "file",
    });
  });

  it("sections are merged key by key", async () => {
    const yaml = "journal: { directory: /a, maxAge: 1h }\ninflux: { url: http://db, database: one }\n";
    const config = await load({ yaml, flags: { journalDirectory: "/b" }, env: { RTCPROBE_INFLUX_DATABASE: "two" } });
    expect(config.journal).toEqual({ directory: "/b", maxAge: 3_600_000, maxBytes: 268_435_456 });
    expect(influxOf(config)).toEqual({ url: "http://db", database: "two", createDatabase: true });
  });

  it("the file, the flags and the variables say the same things", async () => {
    const yaml = `
interval: 250ms
cgroup: /c
source: packet
interface: eth0
maxStreams: 100
maxPairs: 50
clockRates: { 96: 48000, 97: 90000 }
payloadTypes: { 111: opus/48000/2, 98: VP8/90000 }
probes: [stun, rtp]
host: box
socket: /s.sock
journal: { directory: /j, maxBytes: 1MiB, maxAge: 1h }
influx: { url: http://db, database: d, retentionPolicy: rp, username: u, createDatabase: no }
`;
    const flags = {
      interval: "250ms",
      cgroup: "/c",
      source: "packet",
      interface: "eth0",
      maxStreams: "100",
      maxPairs: "50",
      clockRate: ["96=48000", "97=90000"],
      payloadType: ["111=opus/48000/2,98=VP8/90000"],
      probe: ["stun,rtp"],
      host: "box",
      socket: "/s.sock",
      journalDirectory: "/j",
      journalMaxBytes: "1MiB",
      journalMaxAge: "1h",
      influxUrl: "http://db",
      influxDatabase: "d",
      influxRetentionPolicy: "rp",
      influxUsername: "u",
      influxCreateDatabase: "no",
    };
    const env = Object.fromEntries(
      SETTINGS.flatMap((setting) => {
        const attribute = (settingFlag(setting) ?? "").slice(2).replace(/-(.)/g, (_, c: string) => c.toUpperCase());
        const value = flags[attribute as keyof typeof flags];
        return value === undefined ? [] : [[settingVariable(setting), String(value)]];
      }),
    );
    const expected = await load({ yaml });
    expect(expected).toMatchObject({ probes: ["rtp", "stun"], clockRates: { 96: 48_000, 97: 90_000 } });
    expect(expected.codecs.payloadTypes).toMatchObject({ 98: { mimeType: "video/VP8" }, 111: { channels: 2 } });
    expect(await load({ flags })).toEqual(expected);
    expect(await load({ env })).toEqual(expected);
  });

  it("an empty variable is none", async () => {
    expect(await load({ env: { RTCPROBE_INTERVAL: "" } })).toMatchObject({ interval: 1000 });
  });
});

describe("sinks", () => {
  const two = `
influx: { url: http://one, perStream: no }
sinks:
  - { type: influxdb, name: far, url: http://two, token: x }
  - { type: file, path: /p.lp }
  - { type: stdout, perStream: no }
`;

  it("the section influx and the list are one list", async () => {
    expect((await load({ yaml: two })).sinks).toEqual([
      {
        type: "influxdb",
        name: "influxdb",
        perStream: false,
        influx: { url: "http://one", database: "rtcprobe", createDatabase: true },
      },
      {
        type: "influxdb",
        name: "far",
        perStream: true,
        influx: { url: "http://two", database: "rtcprobe", token: "x", createDatabase: false },
      },
      { type: "file", name: "file", perStream: true, path: "/p.lp", maxBytes: 268_435_456 },
      { type: "stdout", name: "stdout", perStream: false },
    ]);
  });

  it.each([
    ["sinks: [{ type: file }]", "sinks.0 has no path", "path"],
    ["sinks: [{ type: influxdb }]", "sinks.0 has no url", "URL"],
    ["sinks: [{ type: kafka }]", 'sinks.0.type in .*: "kafka" is none of', undefined],
    ["sinks: [{ type: stdout, path: /x }]", "sinks.0.path is given, but a sink of type stdout has none", "remove"],
    ["sinks: [{ type: file, path: /x }, { type: file, path: /y }]", "two sinks are called file", "name of its own"],
    ["sinks: [{ type: file, path: /x, name: ../up }]", "cannot be used", "a to z"],
    // The journal stands beside the sinks in /v1/health and /metrics, where two of one name are one series twice.
    ["sinks: [{ type: file, path: /x, name: journal }]", "sinks.0.name is journal, as the journal", "another name"],
    ["sinks: [{ name: a }]", "sinks.0.type in .*: is missing", "influxdb, file, stdout"],
    ["sinks: [{ type: file, pat: /x }]", "unknown key .*sinks.0.pat", "path"],
    ["influx: { url: http://a }\nsinks: [{ type: influxdb, url: http://b }]", "two sinks are called influxdb", "name"],
  ])("%s is refused", async (yaml, message, hint) => {
    const error = await failure({ yaml });
    expect(error).toMatchObject({ code: "ERR_CONFIG", message: expect.stringMatching(message) });
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });
});

describe("what is refused", () => {
  it.each([
    [{ interval: "0" }, '--interval: "0" is out of range', "100ms to 1h"],
    [{ interval: "12abc" }, '--interval: "12abc" is no duration', "1s"],
    [{ source: "bpf" }, '--source: "bpf" is none of', undefined],
    [{ maxStreams: "1e3" }, '--max-streams: "1e3" is no whole number', undefined],
    [{ clockRate: ["96"] }, '--clock-rate: "96" is no clock rate', "96=48000"],
    [{ clockRate: ["128=8000"] }, "--clock-rate: payload type 128", "0 to 127"],
    [{ clockRate: ["96=48k"] }, '--clock-rate: "48k" is no whole number', undefined],
    [{ probe: ["rtq"] }, '--probe: no probe is called "rtq"', 'did you mean "rtp"?'],
    [{ probe: ["drops"] }, "--probe: the probe drops is not in this build yet", "rtp, stun, rtcp"],
    [{ interface: "eth0", source: "ebpf" }, "interface eth0 cannot be chosen", "--source packet"],
    [{ interface: "a/b" }, "--interface", undefined],
    [{ socket: `/${"a".repeat(107)}` }, "--socket", undefined],
    [{ influxDatabase: "x" }, "influx.database is given without influx.url", "URL"],
  ])("flags %j", async (flags, message, hint) => {
    const error = await failure({ flags });
    expect(error.message).toContain(message);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  it.each([
    ["intervall: 1s", /^unknown key "intervall" in .*\.yaml$/, 'did you mean "interval"?'],
    ["journal: { maxSize: 1 }", /^unknown key "journal\.maxSize" in /, "maxBytes"],
    ["influx: { url: http://a, tokn: x }", /^unknown key "influx\.tokn" in /, 'did you mean "token"?'],
    ["interval: 0", /^interval in .*: "0" is out of range$/, "100ms"],
    ["interval:", /^interval in .*: has no value$/, undefined],
    ["interval: [1s]", /^interval in .*: must be one value$/, undefined],
    ["- 1\n- 2", /holds no settings$/, "key: value"],
    ["just text", /holds no settings$/, undefined],
    ["a: 1\nb: [1\nc: 2", /line [23] is no YAML/, undefined],
    ["interval: 1s\ninterval: 2s", /line 2 is no YAML: duplicate key/, undefined],
    ["interval: *nowhere", /is no YAML/, undefined],
    ["journal: text", /^journal in \S*: must hold settings of its own$/, undefined],
    ["influx:", /^influx in \S*: has no value$/, undefined],
    ["sinks:", /^sinks in \S*: has no value$/, undefined],
    ["sinks: text", /^sinks in \S*: must be a list$/, undefined],
    ["sinks: [text]", /^sinks\.0 in \S*: must hold settings of its own$/, undefined],
  ])("file %j", async (yaml, message, hint) => {
    const error = await failure({ yaml });
    expect(error.code).toBe("ERR_CONFIG");
    expect(error.message).toMatch(message);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  it("a variable, by its name", async () => {
    const error = await failure({ env: { RTCPROBE_MAX_PAIRS: "x" } });
    expect(error.message).toMatch(/^RTCPROBE_MAX_PAIRS: "x" is no whole number$/);
  });

  it.each([
    ["RTCPROBE_INFLUX_URLL", 'did you mean "RTCPROBE_INFLUX_URL"?'],
    ["RTCPROBE_INTREVAL", 'did you mean "RTCPROBE_INTERVAL"?'],
    ["RTCPROBE_JOURNAL_SIZE", "RTCPROBE_JOURNAL_MAX_BYTES"],
  ])("a variable of ours that is unknown: %s", async (name, hint) => {
    const error = await failure({ env: { [name]: SECRET } });
    expect(error).toMatchObject({ code: "ERR_CONFIG", message: `unknown variable "${name}"` });
    expect(error.hint).toContain(hint);
  });

  it("but not a variable of another's: the environment is not ours alone", async () => {
    // As Kubernetes makes them for the services rtcprobe and rtcprobe-influx (Service environment variables).
    const links = ["RTCPROBE_SERVICE_HOST", "RTCPROBE_PORT", "RTCPROBE_PORT_80_TCP_ADDR", "RTCPROBE_INFLUX_PORT"];
    const others = [...links, "RTCPROBE_INFLUX_SERVICE_HOST", "RTCPROBE_INFLUX_SERVICE_PORT", "RTCPROBE_REQUIRE_ALL"];
    const env = Object.fromEntries([...others, "INFLUX_URLL"].map((name) => [name, "1"]));
    expect(await load({ env: { ...env, RTCPROBE_INFLUX_URLL: "", RTCPROBE_CONFIG: "/x" } })).toEqual(await load());
  });

  it("--config that is missing, a directory, or without an end", async () => {
    expect((await failure({ path: join(directory, "missing") })).message).toMatch(/ENOENT$/);
    expect((await failure({ path: directory })).message).toMatch(/EISDIR$/);
    expect((await failure({ path: "/dev/zero" })).message).toMatch(/larger than/);
  });

  it("any bytes as a file: settings or an error of one line", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (yaml) => {
        const path = await write(yaml, "any.yaml");
        await loadConfig({ flags: {}, env: {}, path }).catch((error: unknown) => {
          expect(error).toBeInstanceOf(RtcprobeError);
          expect((error as RtcprobeError).message).not.toMatch(/\n/);
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe("secrets", () => {
  const yaml = "influx: { url: http://db, username: u }";

  it("no flag takes one", () => {
    const flags = SETTINGS.map(settingFlag).filter((flag) => flag !== undefined);
    expect(flags).not.toContain("--influx-token");
    expect(flags).not.toContain("--influx-password");
  });

  it("come from the file, from a file of their own, a variable, or a credential", async () => {
    const secret = await write(`${SECRET}\n`, "secret");
    await write(`${SECRET}\n`, "influx-password");
    const inputs = [
      { yaml: `influx: { url: http://db, username: u, password: "${SECRET}" }` },
      { yaml: `influx: { url: http://db, username: u, passwordFile: ${secret} }` },
      { yaml, env: { RTCPROBE_INFLUX_PASSWORD: SECRET } },
      { yaml, env: { RTCPROBE_INFLUX_PASSWORD_FILE: secret } },
      { yaml, flags: { influxPasswordFile: secret } },
      { yaml, env: { CREDENTIALS_DIRECTORY: directory } },
    ];
    for (const input of inputs) expect(influxOf(await load(input))?.password).toBe(SECRET);
  });

  it("a token is for InfluxDB 2 and 3, which create no database by this interface", async () => {
    const config = await load({ yaml: "influx: { url: http://db }", env: { RTCPROBE_INFLUX_TOKEN: SECRET } });
    expect(influxOf(config)).toEqual({ url: "http://db", database: "rtcprobe", token: SECRET, createDatabase: false });
  });

  it.each([
    [`influx: { url: "http://u:${SECRET}@db" }`, "influx.passwordFile"],
    [`influx: { url: "http://${SECRET}@db" }`, "influx.passwordFile"],
    [`influx: { url: "http://db?p=${SECRET}" }`, "influx.passwordFile"],
    [`influx: { url: "ftp://${SECRET}" }`, "http://localhost:8086"],
    [`influx: { url: http://db, username: u, password: [${SECRET}] }`, "quotes"],
    [`influx: { url: http://db, ${SECRET}: x }`, undefined],
    [`influx: { url: http://db, "token=${SECRET}": x }`, "token"],
    [`influx: { url: http://db, password: ${SECRET} }`, "user"],
    [`influx: { url: http://db, username: u, token: ${SECRET} }`, "one of them"],
    [`influx: { url: http://db, token: ${SECRET}, tokenFile: /x }`, "one of them"],
    [`influx: { url: http://db, password: *${SECRET} }`, undefined],
    [`influx: { url: http://db, password: "${SECRET} }`, undefined],
    [`influx:\n  password: ${SECRET}: ${SECRET}\n`, undefined],
    [`influx: ${SECRET}`, undefined],
  ])("are in no error: %s", async (content, hint) => {
    const error = await failure({ yaml: content });
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  it("an empty or long file for one is refused", async () => {
    for (const content of ["", "\n", "a\nb\n", "x".repeat(70_000)]) {
      const path = await write(content, "odd");
      await failure({ yaml: `influx: { url: http://db, tokenFile: ${path} }` });
    }
  });
});

describe("the socket, for commands that need nothing else", () => {
  it("follows the same order", async () => {
    const path = await write("socket: /file.sock\n");
    expect(await findSocket({ flags: {}, env: {}, path })).toBe("/file.sock");
    expect(await findSocket({ flags: {}, env: { RTCPROBE_SOCKET: "/env.sock" }, path })).toBe("/env.sock");
    expect(await findSocket({ flags: { socket: "/flag.sock" }, env: {}, path })).toBe("/flag.sock");
    expect(await findSocket({ flags: {}, env: { RTCPROBE_CONFIG: path } })).toBe("/file.sock");
  });

  it("a --config that cannot be read is an error all the same", async () => {
    const path = await write("socket: /file.sock\n");
    await chmod(path, 0);
    const missing = join(directory, "missing");
    await expect(findSocket({ flags: {}, env: {}, path: missing })).rejects.toMatchObject({ code: "ERR_CONFIG" });
  });
});
