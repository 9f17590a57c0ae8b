// SPDX-License-Identifier: MIT
/** Every setting once: its name in the file, its flag, its variable, its check. */
import { z } from "zod";
import { parseBytes, parseDuration, parseWhole, quoteText } from "./duration.js";
import { RtcprobeError } from "./errors.js";
import { parseProbes } from "./probes.js";

/** How one setting is given on the command line and in the environment. */
export interface Setting {
  /** Key in the file; a dot stands between a section and its key. */
  path: string;
  /** What stands for the value in the help. */
  argument: string;
  help: string;
  /** Flag, where it is not the path in kebab-case; false for a secret, which has none: argv is public. */
  flag?: string | false;
  /** The flag may be given more than once. */
  isList?: true;
}

export const CLOCK_RATE_HELP = "clock rate of a payload type, over inference; may be given again";

export const SETTINGS: readonly Setting[] = [
  { path: "interval", argument: "<duration>", help: "time between two samples (1s)" },
  { path: "cgroup", argument: "<path>", help: "watch the sockets of this cgroup v2 and below (the whole host)" },
  { path: "source", argument: "<auto|ebpf|packet>", help: "where datagrams are seen (auto: eBPF, else packets)" },
  { path: "interface", argument: "<name>", help: "packet source: this network interface only (all)" },
  { path: "maxStreams", argument: "<number>", help: "streams at one time (16384)" },
  { path: "maxPairs", argument: "<number>", help: "candidate pairs at one time (4096)" },
  { path: "clockRates", argument: "<PT=HZ>", flag: "--clock-rate", help: CLOCK_RATE_HELP, isList: true },
  { path: "probes", argument: "<names>", flag: "--probe", help: "probes that are on (rtp,stun,rtcp)", isList: true },
  { path: "host", argument: "<name>", help: "name of this host in what is stored (its hostname)" },
  { path: "journal.directory", argument: "<path>", help: "journal of samples, when no InfluxDB is configured" },
  { path: "journal.maxBytes", argument: "<size>", help: "size of the journal (256MiB)" },
  { path: "journal.maxAge", argument: "<duration>", help: "age of the journal (7d)" },
  { path: "influx.url", argument: "<url>", help: "InfluxDB to write to, for example http://localhost:8086" },
  { path: "influx.database", argument: "<name>", help: "database (rtcprobe)" },
  { path: "influx.retentionPolicy", argument: "<name>", help: "retention policy (the database's default)" },
  { path: "influx.username", argument: "<name>", help: "user; the password comes by file, variable or credential" },
  { path: "influx.passwordFile", argument: "<path>", help: "file that holds the user's password" },
  { path: "influx.tokenFile", argument: "<path>", help: "file that holds a token" },
  { path: "influx.createDatabase", argument: "<yes|no>", help: "create the database if it is missing (yes)" },
  { path: "influx.password", argument: "", flag: false, help: "" },
  { path: "influx.token", argument: "", flag: false, help: "" },
  // Every command takes it: the CLI adds it to all of them.
  { path: "socket", argument: "<path>", help: "control socket (/run/rtcprobe/control.sock)" },
];

/** "journal.maxBytes" → ["journal", "max", "bytes"] */
function words(path: string): string[] {
  return path
    .replace(/[A-Z]/g, (letter) => `.${letter}`)
    .toLowerCase()
    .split(".");
}

/** The flag of a setting; undefined for a secret. */
export function settingFlag(setting: Setting): string | undefined {
  if (setting.flag === false) return undefined;
  return setting.flag ?? `--${words(setting.path).join("-")}`;
}

export function settingVariable(setting: Setting): string {
  return `RTCPROBE_${words(setting.path).join("_").toUpperCase()}`;
}

/** A schema that reads the value by a function that throws RtcprobeError. */
function readBy<T>(read: (value: unknown) => T) {
  return z.unknown().transform((value, context): T => {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof RtcprobeError)) throw error;
      context.addIssue({ code: "custom", message: error.message, params: { hint: error.hint } });
      return z.NEVER;
    }
  });
}

function refuse(message: string, hint?: string): never {
  throw new RtcprobeError("ERR_USAGE", message, hint);
}

/** The text of a scalar; YAML makes numbers of what a flag gives as text. */
function scalarText(value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  if (typeof value === "number") return String(value);
  return refuse(value === null || value === "" ? "has no value" : "must be one value");
}

function quantity(parse: (text: string) => number, least: number, most: number, shown: string) {
  return readBy((value) => {
    const text = scalarText(value);
    const number = parse(text);
    if (number < least || number > most) refuse(`${quoteText(text)} is out of range`, `it must be ${shown}`);
    return number;
  });
}

const text = (pattern: RegExp, shown: string) =>
  readBy((value) => {
    const given = scalarText(value);
    return pattern.test(given) ? given : refuse(`${quoteText(given)} cannot be used`, `it must be ${shown}`);
  });

/** Never quotes what it was given. */
const secret = readBy((value) =>
  typeof value === "string" && value !== "" ? value : refuse("must be a text", "put it in quotes"),
);

const path = text(/^[^\0]{1,4095}$/, "a path");
/** sun_path has 108 bytes, the last of which is 0. */
const socketPath = path.refine((given) => Buffer.byteLength(given) <= 107, "is longer than the 107 bytes Linux allows");
const name = text(/^[^\p{Cc}]{1,255}$/u, "at most 255 printable characters");

const choice = <const T extends string>(...allowed: T[]) =>
  readBy((value): T => {
    const given = allowed.find((word) => word === value);
    return given ?? refuse(`${quoteText(scalarText(value))} is none of ${allowed.join(", ")}`);
  });

const truth = readBy((value) => {
  if (value === true || value === "yes" || value === "true") return true;
  if (value === false || value === "no" || value === "false") return false;
  return refuse("must be yes or no");
});

function readClockRate(entry: string): [number, number] {
  const [type = "", rate = "", ...rest] = entry.split("=");
  if (rest.length > 0 || type === "" || rate === "") {
    refuse(`${quoteText(entry)} is no clock rate`, "write for example 96=48000");
  }
  const [payloadType, hertz] = [parseWhole(type), parseWhole(rate)];
  if (payloadType > 127) refuse(`payload type ${payloadType} is out of range`, "it must be 0 to 127");
  if (hertz < 1000 || hertz > 1_000_000) {
    refuse(`clock rate ${hertz} is out of range`, "it must be 1000 to 1000000 Hz");
  }
  return [payloadType, hertz];
}

/** Items of a list that is given as a YAML sequence, as a repeated flag, or separated by commas. */
function listItems(value: unknown): string[] {
  const parts = Array.isArray(value) ? value.map(scalarText) : [scalarText(value)];
  return parts.flatMap((part) => part.split(",")).map((part) => part.trim());
}

/**
 * "96=48000,111=48000", a list of such, or a map, as { 96: 48000, … }.
 * @throws RtcprobeError ERR_USAGE
 */
export function parseClockRates(value: unknown): Record<number, number> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = isMap ? Object.entries(value).map(([type, rate]) => `${type}=${scalarText(rate)}`) : listItems(value);
  return Object.fromEntries(entries.map(readClockRate));
}

/** The text never appears in the error: an operator may have put a password into it. */
const url = readBy((value) => {
  const given = URL.canParse(String(value)) ? new URL(String(value)) : undefined;
  if (given === undefined || !/^https?:$/.test(given.protocol)) {
    return refuse("is no http or https URL", "write for example http://localhost:8086");
  }
  if (given.username !== "" || given.password !== "" || given.search !== "" || given.hash !== "") {
    refuse(
      "must not hold a user, a password or a query",
      "use influx.username, and RTCPROBE_INFLUX_PASSWORD, influx.passwordFile or influx.tokenFile",
    );
  }
  return String(value);
});

const INTERVAL = quantity(parseDuration, 100, 3_600_000, "100ms to 1h");
const TABLE_SIZE = quantity(parseWhole, 1, 2 ** 20, "1 to 1048576");

/** A file's content; a layer of flags or variables has the same shape. */
export const layerSchema = z.strictObject({
  interval: INTERVAL.optional(),
  cgroup: path.optional(),
  source: choice("auto", "ebpf", "packet").optional(),
  interface: text(/^[^\s/:]{1,15}$/, "the name of a network interface").optional(),
  maxStreams: TABLE_SIZE.optional(),
  maxPairs: TABLE_SIZE.optional(),
  clockRates: readBy(parseClockRates).optional(),
  probes: readBy((value) => parseProbes(listItems(value))).optional(),
  host: name.optional(),
  socket: socketPath.optional(),
  journal: z
    .strictObject({
      directory: path.optional(),
      maxBytes: quantity(parseBytes, 2 ** 16, 2 ** 50, "64KiB or more").optional(),
      maxAge: quantity(parseDuration, 60_000, 3650 * 86_400_000, "1m to 3650d").optional(),
    })
    .optional(),
  influx: z
    .strictObject({
      url: url.optional(),
      database: name.optional(),
      retentionPolicy: name.optional(),
      username: name.optional(),
      password: secret.optional(),
      passwordFile: path.optional(),
      token: secret.optional(),
      tokenFile: path.optional(),
      createDatabase: truth.optional(),
    })
    .optional(),
});

/** Settings that one place gave: the file, the variables, or the flags. */
export type Layer = z.output<typeof layerSchema>;
