// SPDX-License-Identifier: MIT
/**
 * The least and the greatest that a setting takes, and one beyond each. Oracle: the bounds that its error tells, written here once more;
 * RFC 3551 for payload types, the 16 bits of a port; a file that Linux lets nobody read.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findSocket, loadConfig } from "../src/config.js";
import { RtcprobeError } from "../src/errors.js";

const SECRET = "s3cr3t-Xyzzy";
/** For writing only, by whoever it may be. */
const UNREADABLE = "/proc/sys/net/ipv4/route/flush";
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rtcprobe-bounds-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function load(yaml: string, flags: Record<string, unknown> = {}) {
  const path = join(directory, "config.yaml");
  await writeFile(path, yaml);
  return loadConfig({ flags, env: {}, path });
}

async function failure(yaml: string, flags: Record<string, unknown> = {}): Promise<RtcprobeError> {
  const error = await load(yaml, flags).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RtcprobeError);
  return error as RtcprobeError;
}

interface Bounded {
  setting: string;
  yaml(value: string): string;
  /** Beyond, at, at, beyond. */
  values: readonly [below: string | undefined, least: string, most: string, above: string];
}

const inSection = (section: string, key: string) => (value: string) => `${section}: { ${key}: "${value}" }`;
const AGES = ["59999ms", "1m", "3650d", "315360000001ms"] as const;
const SIZES = ["0", "1", "1048576", "1048577"] as const;
const BYTES = ["65535", "64KiB", "1048576GiB", "1048577GiB"] as const;
const WAITS = [undefined, "0s", "1d", "86400001ms"] as const;
const INTERVALS = ["99ms", "100ms", "1h", "3600001ms"] as const;

const BOUNDED: Bounded[] = [
  { setting: "interval", yaml: (value) => `interval: ${value}`, values: INTERVALS },
  { setting: "maxStreams", yaml: (value) => `maxStreams: ${value}`, values: SIZES },
  { setting: "maxPairs", yaml: (value) => `maxPairs: ${value}`, values: SIZES },
  { setting: "journal.maxAge", yaml: inSection("journal", "maxAge"), values: AGES },
  { setting: "journal.maxBytes", yaml: inSection("journal", "maxBytes"), values: BYTES },
  { setting: "calls.maxAge", yaml: inSection("calls", "maxAge"), values: AGES },
  { setting: "daily.firstPoll", yaml: inSection("daily", "firstPoll"), values: WAITS },
  { setting: "daily.deadline", yaml: inSection("daily", "deadline"), values: WAITS },
  { setting: "daily.pollInterval", yaml: inSection("daily", "pollInterval"), values: INTERVALS },
  {
    setting: "clockRates",
    yaml: (value) => `clockRates: { 96: ${value} }`,
    values: ["999", "1000", "1000000", "1000001"],
  },
  { setting: "clockRates", yaml: (value) => `clockRates: { ${value}: 8000 }`, values: [undefined, "0", "127", "128"] },
  {
    setting: "daily.webhook",
    yaml: (value) => `daily: { webhook: "[::1]:${value}", webhookSecret: x }`,
    values: [undefined, "0", "65535", "65536"],
  },
];

const TAKEN = BOUNDED.flatMap(({ setting, yaml, values: [, least, most] }) =>
  [least, most].map((value) => [setting, value, yaml(value)] as const),
);
const REFUSED = BOUNDED.flatMap(({ setting, yaml, values: [below, , , above] }) =>
  [below, above].flatMap((value) => (value === undefined ? [] : [[setting, value, yaml(value)] as const])),
);

describe("a bound", () => {
  it.each(TAKEN)("%s of %s is taken", async (_, __, yaml) => {
    await expect(load(yaml)).resolves.toBeDefined();
  });

  it.each(REFUSED)("%s of %s is beyond it", async (setting, _, yaml) => {
    const error = await failure(yaml);
    expect(error.code).toBe("ERR_CONFIG");
    expect(error.message).toMatch(new RegExp(`^${setting.replace(".", "\\.")} in .*: .*(out of range|no address)`));
  });

  it("is what the value comes to", async () => {
    const config = await load(
      'interval: 1h\njournal: { maxAge: 3650d, maxBytes: 64KiB }\ndaily: { webhook: "1.2.3.4:65535", webhookSecret: x }',
    );
    expect(config).toMatchObject({
      interval: 3_600_000,
      journal: { maxAge: 315_360_000_000, maxBytes: 65_536 },
      daily: { webhook: { address: "1.2.3.4", port: 65_535 } },
    });
  });
});

describe("a URL", () => {
  it.each(["influx", "daily"])("of %s that holds a password and no user is refused, and not shown", async (section) => {
    const error = await failure(`${section}: { url: "http://:${SECRET}@db" }`);
    expect(error.message).toMatch(/must not hold a user, a password or a query$/);
    expect(`${error.message}${error.hint}`).not.toContain(SECRET);
  });
});

describe("Daily's rooms", () => {
  it("want a key, for nobody else says who is in them", async () => {
    const error = await failure("daily: { rooms: [r1] }");
    expect(error).toMatchObject({ code: "ERR_CONFIG", message: "daily.rooms is given without a Daily key" });
    expect((await load("daily: { rooms: [r1], key: k }")).daily).toMatchObject({ rooms: ["r1"], key: "k" });
  });
});

describe("the socket, for commands that need nothing else", () => {
  it.each([
    ["--config", { flags: {}, env: {}, path: UNREADABLE }],
    ["RTCPROBE_CONFIG", { flags: {}, env: { RTCPROBE_CONFIG: UNREADABLE } }],
    ["--config beside --socket", { flags: { socket: "/flag.sock" }, env: {}, path: UNREADABLE }],
  ])("a file that %s names and that may not be read is an error", async (_, input) => {
    await expect(findSocket(input)).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: `cannot read the config file ${UNREADABLE}: EACCES`,
    });
  });
});
