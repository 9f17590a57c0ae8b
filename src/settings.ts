// SPDX-License-Identifier: MIT
/** Every setting once: its name in the file, its flag and its variable. What values it may have: schema.ts. */

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
export const PAYLOAD_TYPE_HELP = "codec of a payload type, as 111=opus/48000/2; may be given again";
export const SDP_HELP = "offer or answer that says what payload types and SSRCs mean; may be given again";

export const SETTINGS: readonly Setting[] = [
  { path: "interval", argument: "<duration>", help: "time between two samples (1s)" },
  { path: "cgroup", argument: "<path>", help: "watch the sockets of this cgroup v2 and below (the whole host)" },
  { path: "source", argument: "<auto|ebpf|packet>", help: "where datagrams are seen (auto: eBPF, else packets)" },
  { path: "interface", argument: "<name>", help: "packet source: this network interface only (all)" },
  { path: "maxStreams", argument: "<number>", help: "streams at one time (8192)" },
  { path: "maxPairs", argument: "<number>", help: "candidate pairs at one time (2048)" },
  { path: "clockRates", argument: "<PT=HZ>", flag: "--clock-rate", help: CLOCK_RATE_HELP, isList: true },
  { path: "payloadTypes", argument: "<PT=CODEC>", flag: "--payload-type", help: PAYLOAD_TYPE_HELP, isList: true },
  { path: "sdp", argument: "<file>", help: SDP_HELP, isList: true },
  {
    path: "probes",
    argument: "<names>",
    flag: "--probe",
    help: "probes that are on (rtp,stun,rtcp; depth costs more)",
    isList: true,
  },
  { path: "host", argument: "<name>", help: "name of this host in what is stored (its hostname)" },
  { path: "journal.directory", argument: "<path>", help: "where samples are kept (/var/lib/rtcprobe/journal)" },
  { path: "journal.maxBytes", argument: "<size>", help: "size of the journal (256MiB)" },
  { path: "journal.maxAge", argument: "<duration>", help: "age of the journal (7d)" },
  { path: "influx.url", argument: "<url>", help: "InfluxDB to write to, for example http://localhost:8086" },
  { path: "influx.database", argument: "<name>", help: "database (rtcprobe)" },
  { path: "influx.retentionPolicy", argument: "<name>", help: "retention policy (the database's default)" },
  { path: "influx.username", argument: "<name>", help: "user; the password comes by file, variable or credential" },
  { path: "influx.passwordFile", argument: "<path>", help: "file that holds the user's password" },
  { path: "influx.tokenFile", argument: "<path>", help: "file that holds a token" },
  { path: "influx.createDatabase", argument: "<yes|no>", help: "create the database if it is missing (yes)" },
  { path: "influx.perStream", argument: "<yes|no>", help: "a series per stream, told apart by its SSRC (yes)" },
  { path: "influx.gzip", argument: "<yes|no>", help: "compress what is written (yes, but for a server on this host)" },
  { path: "influx.password", argument: "", flag: false, help: "" },
  { path: "influx.token", argument: "", flag: false, help: "" },
  { path: "calls.directory", argument: "<path>", help: "where calls are kept (/var/lib/rtcprobe/calls)" },
  { path: "calls.maxAge", argument: "<duration>", help: "how long they are kept (30d)" },
  { path: "daily.keyFile", argument: "<path>", help: "file that holds the API key of a Daily domain" },
  { path: "daily.url", argument: "<url>", help: "where Daily's REST API is (https://api.daily.co/v1)" },
  { path: "daily.rooms", argument: "<names>", help: "rooms whose presence makes calls", isList: true },
  { path: "daily.participantName", argument: "<name>", help: "user name of this host's participant in those rooms" },
  { path: "daily.firstPoll", argument: "<duration>", help: "from a call's end to the first look for metrics (20s)" },
  { path: "daily.pollInterval", argument: "<duration>", help: "between two looks (15s)" },
  { path: "daily.deadline", argument: "<duration>", help: "from a call's end to the last look (10m)" },
  { path: "daily.webhook", argument: "<ADDRESS:PORT>", help: "listen there for Daily's webhooks (off)" },
  { path: "daily.webhookSecretFile", argument: "<path>", help: "file that holds the webhook's hmac" },
  { path: "daily.key", argument: "", flag: false, help: "" },
  { path: "daily.webhookSecret", argument: "", flag: false, help: "" },
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

export const VARIABLE_PREFIX = "RTCPROBE_";

export function settingVariable(setting: Setting): string {
  return `${VARIABLE_PREFIX}${words(setting.path).join("_").toUpperCase()}`;
}
