// SPDX-License-Identifier: MIT
/** What values each setting may have, wherever it is given. */
import { isIP } from "node:net";
import * as z from "zod";
import { parseBytes, parseDuration, parseWhole, quoteText } from "./duration.js";
import { RtcprobeError } from "./errors.js";
import { parseProbes } from "./probes.js";
import { listItems, parseClockRates, parsePayloadTypes, refuse, scalarText } from "./value.js";

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

/** It is part of a file's name. */
const sinkName = text(/^[a-z0-9][a-z0-9-]{0,31}$/, "at most 32 of a to z, 0 to 9 and -");

const choice = <const T extends string>(...allowed: T[]) =>
  readBy((value): T => {
    if (value === undefined) refuse("is missing", `give one of ${allowed.join(", ")}`);
    const given = allowed.find((word) => word === value);
    return given ?? refuse(`${quoteText(scalarText(value))} is none of ${allowed.join(", ")}`);
  });

const truth = readBy((value) => {
  if (value === true || value === "yes" || value === "true") return true;
  if (value === false || value === "no" || value === "false") return false;
  return refuse("must be yes or no");
});

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

/** "127.0.0.1:8090" or "[::1]:8090". */
const listenAddress = readBy((value) => {
  const given = scalarText(value);
  const [, bracketed, plain, port = ""] = /^(?:\[([\da-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(given) ?? [];
  const address = bracketed ?? plain ?? "";
  if (isIP(address) !== 0 && Number(port) <= 65_535) return { address, port: Number(port) };
  return refuse(`${quoteText(given)} is no address and port`, "write for example 127.0.0.1:8090");
});

/** What should be there, in our words. */
const orElse = (shown: string) => ({
  error: ({ code, input }: { code: string; input?: unknown }) => {
    if (code !== "invalid_type") return undefined;
    return input === null ? "has no value" : shown;
  },
});
const section = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, orElse("must hold settings of its own"));
const list = <Item extends z.ZodType>(item: Item) => z.array(item, orElse("must be a list"));

const WAIT = quantity(parseDuration, 0, 86_400_000, "0s to 1d");
const AGE = quantity(parseDuration, 60_000, 3650 * 86_400_000, "1m to 3650d");
const INTERVAL = quantity(parseDuration, 100, 3_600_000, "100ms to 1h");
const TABLE_SIZE = quantity(parseWhole, 1, 2 ** 20, "1 to 1048576");

const INFLUX = {
  url: url.optional(),
  database: name.optional(),
  retentionPolicy: name.optional(),
  username: name.optional(),
  password: secret.optional(),
  passwordFile: path.optional(),
  token: secret.optional(),
  tokenFile: path.optional(),
  createDatabase: truth.optional(),
  perStream: truth.optional(),
  gzip: truth.optional(),
};

/** A file's content; a layer of flags or variables has the same shape. */
export const layerSchema = section({
  interval: INTERVAL.optional(),
  cgroup: path.optional(),
  source: choice("auto", "ebpf", "packet").optional(),
  interface: text(/^[^\s/:]{1,15}$/, "the name of a network interface").optional(),
  maxStreams: TABLE_SIZE.optional(),
  maxPairs: TABLE_SIZE.optional(),
  clockRates: readBy(parseClockRates).optional(),
  payloadTypes: readBy(parsePayloadTypes).optional(),
  sdp: readBy((value) => listItems(value).filter((file) => file !== "")).optional(),
  probes: readBy((value) => parseProbes(listItems(value))).optional(),
  host: name.optional(),
  socket: socketPath.optional(),
  journal: section({
    directory: path.optional(),
    maxBytes: quantity(parseBytes, 2 ** 16, 2 ** 50, "64KiB or more").optional(),
    maxAge: AGE.optional(),
  }).optional(),
  influx: section(INFLUX).optional(),
  sinks: list(
    section({
      type: choice("influxdb", "file", "stdout"),
      name: sinkName.optional(),
      path: path.optional(),
      maxBytes: quantity(parseBytes, 2 ** 16, 2 ** 50, "64KiB or more").optional(),
      ...INFLUX,
    }),
  ).optional(),
  calls: section({ directory: path.optional(), maxAge: AGE.optional() }).optional(),
  daily: section({
    key: secret.optional(),
    keyFile: path.optional(),
    url: url.optional(),
    rooms: readBy((value) => listItems(value).filter((room) => room !== "")).optional(),
    participantName: name.optional(),
    firstPoll: WAIT.optional(),
    pollInterval: quantity(parseDuration, 100, 3_600_000, "100ms to 1h").optional(),
    deadline: WAIT.optional(),
    webhook: listenAddress.optional(),
    webhookSecret: secret.optional(),
    webhookSecretFile: path.optional(),
  }).optional(),
});

/** Settings that one place gave: the file, the variables, or the flags. */
export type Layer = z.output<typeof layerSchema>;
