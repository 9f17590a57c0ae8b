// SPDX-License-Identifier: MIT
/** Flag over variable over file over default; each layer is checked where it comes from, so that the error can say it. */
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { type CodecTable, statedClockRates } from "./codec.js";
import { type CallsConfig, type DailyConfig, makeCallsConfig, makeDailyConfig } from "./dailyconfig.js";
import { quoteText } from "./duration.js";
import { errnoName, RtcprobeError } from "./errors.js";
import type { HookProbe } from "./native.js";
import { DEFAULT_PROBES } from "./probes.js";
import { type Layer, layerSchema } from "./schema.js";
import { loadCodecs } from "./sdp.js";
import { SETTINGS, type Setting, settingFlag, settingVariable, VARIABLE_PREFIX } from "./settings.js";
import { makeSinkConfigs, SINK_KEYS, type SinkConfig } from "./sinkconfig.js";
import { suggestWord } from "./suggestion.js";
import { readTextFile } from "./textfile.js";

export const DEFAULT_CONFIG_PATH = "/etc/rtcprobe/config.yaml";
export const DEFAULT_SOCKET = "/run/rtcprobe/control.sock";

export interface Config {
  /** Milliseconds between two samples. */
  interval: number;
  /** Absent: the root of the cgroup v2 tree. */
  cgroup?: string;
  source: "auto" | "ebpf" | "packet";
  interface?: string;
  maxStreams: number;
  maxPairs: number;
  /** Payload type → Hz, of `clockRates`, `payloadTypes` and `sdp` in this order. */
  clockRates: Record<number, number>;
  codecs: CodecTable;
  probes: HookProbe[];
  socket: string;
  /** Milliseconds and bytes. */
  journal: { directory: string; maxBytes: number; maxAge: number };
  /** Beside the journal; none: the journal is the store. */
  sinks: SinkConfig[];
  calls: CallsConfig;
  daily?: DailyConfig;
  host?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a layer comes from, in the words of its errors. */
interface Place {
  code: "ERR_USAGE" | "ERR_CONFIG";
  nameSetting(path: string): string;
  /** " in FILE" */
  where: string;
}

function nameBy(name: (setting: Setting) => string | undefined): (path: string) => string {
  return (path) => {
    const setting = SETTINGS.find((s) => s.path === path);
    return (setting && name(setting)) ?? path;
  };
}

const FLAGS: Place = { code: "ERR_USAGE", nameSetting: nameBy(settingFlag), where: "" };
const VARIABLES: Place = { code: "ERR_CONFIG", nameSetting: nameBy(settingVariable), where: "" };

function filePlace(file: string): Place {
  return {
    code: "ERR_CONFIG",
    nameSetting: (path) => `${path} in ${file}`,
    where: ` in ${file}`,
  };
}

function unknownKey(keys: readonly string[], section: readonly PropertyKey[], place: Place): RtcprobeError {
  const key = keys[0] ?? "";
  const prefix = section.length > 0 ? `${section.join(".")}.` : "";
  const settings = SETTINGS.map((s) => s.path)
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length).split(".", 1)[0] as string);
  const known = section[0] === "sinks" ? SINK_KEYS : prefix === "" ? [...settings, "sinks"] : settings;
  // A secret may have slipped into the place of a key: beside secrets, only what looks like a word is shown.
  const pattern = prefix === "" ? /^[\w.-]{1,32}$/ : /^[A-Za-z]{1,32}$/;
  const shown = pattern.test(key)
    ? quoteText(prefix + key)
    : prefix === ""
      ? "at the top"
      : `in the section ${section.join(".")}`;
  const hint = suggestWord(key, known) ?? `the keys are ${[...new Set(known)].join(", ")}`;
  return new RtcprobeError(place.code, `unknown key ${shown}${place.where}`, hint);
}

function issueError(issue: z.core.$ZodIssue, place: Place): RtcprobeError {
  if (issue.code === "unrecognized_keys") return unknownKey(issue.keys, issue.path, place);
  const hint = issue.code === "custom" ? (issue.params?.hint as string | undefined) : undefined;
  // zod's own words name types only, never the value.
  return new RtcprobeError(place.code, `${place.nameSetting(issue.path.join("."))}: ${issue.message}`, hint);
}

function checkLayer(tree: unknown, place: Place): Layer {
  const result = layerSchema.safeParse(tree);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw issue ? issueError(issue, place) : result.error;
}

/** Builds { section: { key: value } } from what is given for each setting. */
function makeTree(given: (setting: Setting) => unknown): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const setting of SETTINGS) {
    const value = given(setting);
    if (value === undefined) continue;
    const [first = "", second] = setting.path.split(".");
    if (second === undefined) tree[first] = value;
    else tree[first] = { ...(tree[first] as Record<string, unknown> | undefined), [second]: value };
  }
  return tree;
}

/** Name under which commander keeps the value of a flag. */
function flagAttribute(setting: Setting): string {
  return (settingFlag(setting) ?? "--").slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The parser's texts quote the file, which holds secrets: its code says enough beside the line. */
function parseYaml(content: string, file: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(content, { prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  if (error) {
    const { line } = lines.linePos(error.pos[0]);
    const fault = error.code.toLowerCase().replaceAll("_", " ");
    throw new RtcprobeError("ERR_CONFIG", `${file} line ${line} is no YAML: ${fault}`, "mend the line");
  }
  try {
    return document.toJS() ?? {};
  } catch {
    throw new RtcprobeError("ERR_CONFIG", `${file} is no YAML: an alias without its anchor, or too many`, "mend it");
  }
}

function causeName(error: RtcprobeError): string | undefined {
  return error.cause === undefined ? undefined : errnoName(error.cause);
}

async function readFileLayer(file: string, mayBeMissing: boolean): Promise<Layer> {
  const place = filePlace(file);
  const content = await readTextFile(file, "the config file").catch((error: RtcprobeError) => {
    if (mayBeMissing && causeName(error) === "ENOENT") return "";
    throw error;
  });
  const tree = parseYaml(content, file);
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) {
    throw new RtcprobeError("ERR_CONFIG", `${file} holds no settings`, "write one `key: value` per line");
  }
  return checkLayer(tree, place);
}

/** `--interface` is the packet source's; told beside `auto`, it chooses. */
function chooseSource(source: Config["source"], networkInterface: string | undefined): Config["source"] {
  if (networkInterface === undefined) return source;
  if (source === "ebpf") {
    throw new RtcprobeError(
      "ERR_USAGE",
      `interface ${networkInterface} cannot be chosen with the ebpf source`,
      "add --source packet, or leave the interface out",
    );
  }
  return "packet";
}

const withoutPrefix = (variable: string): string => variable.slice(VARIABLE_PREFIX.length);

/**
 * Refuses a misspelt variable. The environment is not ours alone: what is not like one of ours, and is in no section of ours, is
 * somebody else's, as is what Kubernetes tells of a service called rtcprobe or rtcprobe-influx.
 */
function checkVariables(env: Environment): void {
  const known = [...SETTINGS.map(settingVariable), `${VARIABLE_PREFIX}CONFIG`].map(withoutPrefix);
  const sections = SETTINGS.flatMap(({ path }) =>
    path.includes(".") ? `${path.split(".", 1)[0]}_`.toUpperCase() : [],
  );
  for (const [name, value] of Object.entries(env)) {
    if (!value || !name.startsWith(VARIABLE_PREFIX) || /_(PORT|SERVICE)(_|$)/.test(name)) continue;
    const word = withoutPrefix(name);
    const section = sections.find((begin) => word.startsWith(begin));
    const near = suggestWord(word, known, VARIABLE_PREFIX);
    if (known.includes(word) || (near === undefined && section === undefined)) continue;
    const there = known.filter((other) => other.startsWith(section ?? "")).map((other) => VARIABLE_PREFIX + other);
    throw new RtcprobeError(
      "ERR_CONFIG",
      `unknown variable ${quoteText(name)}`,
      near ?? `there are ${there.join(", ")}`,
    );
  }
}

export interface ConfigInput {
  /** Values of commander, as text: by the attribute of their flags. */
  flags: Readonly<Record<string, unknown>>;
  env: Environment;
  /** `--config`; absent: the default file, which may be missing. */
  path?: string | undefined;
}

/** The layers, strongest first. */
async function readLayers({ flags, env, path }: ConfigInput): Promise<Layer[]> {
  const flagTree = makeTree((setting) => (setting.flag === false ? undefined : flags[flagAttribute(setting)]));
  const flagLayer = checkLayer(flagTree, FLAGS);
  checkVariables(env);
  const variableLayer = checkLayer(
    makeTree((setting) => env[settingVariable(setting)] || undefined),
    VARIABLES,
  );
  const file = path ?? env.RTCPROBE_CONFIG;
  return [flagLayer, variableLayer, await readFileLayer(file ?? DEFAULT_CONFIG_PATH, file === undefined)];
}

/**
 * What the daemon is to do.
 * @throws RtcprobeError ERR_USAGE (flags) or ERR_CONFIG (variables, file); the message never holds a secret
 */
export async function loadConfig(input: ConfigInput): Promise<Config> {
  const layers = await readLayers(input);
  const weakestFirst = layers.toReversed();
  const given: Layer = Object.assign({}, ...weakestFirst);
  const journal: NonNullable<Layer["journal"]> = Object.assign({}, ...weakestFirst.map((layer) => layer.journal));
  const sinks = await makeSinkConfigs(layers, input.env);
  const daily = await makeDailyConfig(layers, input.env);
  const codecs = await loadCodecs(given.payloadTypes, given.sdp);
  return {
    interval: given.interval ?? 1000,
    ...(given.cgroup === undefined ? {} : { cgroup: given.cgroup }),
    source: chooseSource(given.source ?? "auto", given.interface),
    ...(given.interface === undefined ? {} : { interface: given.interface }),
    maxStreams: given.maxStreams ?? 8192,
    maxPairs: given.maxPairs ?? 2048,
    clockRates: { ...statedClockRates(codecs), ...given.clockRates },
    codecs,
    probes: given.probes ?? [...DEFAULT_PROBES],
    socket: given.socket ?? DEFAULT_SOCKET,
    journal: {
      directory: journal.directory ?? "/var/lib/rtcprobe/journal",
      maxBytes: journal.maxBytes ?? 2 ** 28,
      maxAge: journal.maxAge ?? 7 * 86_400_000,
    },
    sinks,
    calls: makeCallsConfig(layers),
    ...(daily === undefined ? {} : { daily }),
    ...(given.host === undefined ? {} : { host: given.host }),
  };
}

/**
 * Path of the control socket, for commands that need nothing else: a default file that only root may read does not stop
 * them.
 * @throws RtcprobeError as loadConfig
 */
export async function findSocket(input: ConfigInput): Promise<string> {
  try {
    const layers = await readLayers(input);
    return layers.find((layer) => layer.socket !== undefined)?.socket ?? DEFAULT_SOCKET;
  } catch (error) {
    const isDefault = input.path === undefined && input.env.RTCPROBE_CONFIG === undefined;
    const unreadable = error instanceof RtcprobeError && causeName(error) === "EACCES";
    if (!isDefault || !unreadable) throw error;
    const flag = input.flags.socket ?? input.env.RTCPROBE_SOCKET;
    return flag === undefined ? DEFAULT_SOCKET : String(flag);
  }
}
