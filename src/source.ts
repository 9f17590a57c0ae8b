// SPDX-License-Identifier: MIT
/** Opens where live records come from, and puts what the kernel refuses into words. */
import { checkCgroup, findCgroupRoot } from "./cgroup.js";
import type { Config } from "./config.js";
import { errnoName, RtcprobeError, type SystemError } from "./errors.js";
import { addon, type HookProbe, type PacketSource, type Probe } from "./native.js";

export type LiveConfig = Pick<
  Config,
  "cgroup" | "source" | "interface" | "maxStreams" | "maxPairs" | "clockRates" | "probes"
>;

export type LiveSource =
  | { kind: "ebpf"; source: Probe; cgroup: string }
  | { kind: "packet"; source: PacketSource; interface?: string };

/** What a probe needs in words: which right, and which way out. */
interface Need {
  what: string;
  permission: string;
  otherwise: string;
}

const EBPF: Need = {
  what: "eBPF",
  permission: "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
  otherwise: "use --source packet",
};

const PACKETS: Need = {
  what: "the packet source",
  permission: "run as root, or with CAP_NET_RAW",
  otherwise: "use --source ebpf",
};

/** One of our errors from one of the addon's, which carry errno, syscall and the verifier's log. */
function explainNative(error: unknown, need: Need, subject: string): RtcprobeError {
  if (error instanceof RtcprobeError) return error;
  const { message, syscall, log } = error as SystemError;
  const name = errnoName(error);
  const where = `${need.what} on ${subject}`;
  const cause = { cause: error };
  const said = name === undefined ? message : `${name}${syscall === undefined ? "" : ` from ${syscall}`}`;
  if (log) {
    const hint = `${need.otherwise}, and report it with what --debug shows`;
    return new RtcprobeError("ERR_LOAD", `the kernel refuses to load ${where}: ${said}`, hint, cause);
  }
  switch (name) {
    case "EPERM":
    case "EACCES":
      return new RtcprobeError("ERR_PERMISSION", `no permission for ${where}: ${said}`, need.permission, cause);
    case "ENOSYS":
    case "EINVAL":
    case "EOPNOTSUPP":
    case "ENOTSUP":
    case "EAFNOSUPPORT":
      return new RtcprobeError("ERR_KERNEL_UNSUPPORTED", `no support for ${where}: ${said}`, need.otherwise, cause);
    case "ENODEV":
    case "ENXIO":
      return new RtcprobeError("ERR_UNAVAILABLE", `there is no ${subject}`, "see: ip link", cause);
    case "ENOMEM":
    case "E2BIG":
      return new RtcprobeError("ERR_LOAD", `no memory for ${where}: ${said}`, "lower --max-streams", cause);
    default:
      return new RtcprobeError("ERR_LOAD", `cannot open ${where}: ${said}`, need.otherwise, cause);
  }
}

function openProbe(config: LiveConfig, cgroup: string): LiveSource {
  const { maxStreams, maxPairs, clockRates, probes } = config;
  try {
    const source = addon.openProbe({ cgroup, maxStreams, maxPairs, clockRates, probes });
    return { kind: "ebpf", source, cgroup };
  } catch (error) {
    throw explainNative(error, EBPF, `cgroup ${cgroup}`);
  }
}

/**
 * The kernel program on the configured cgroup.
 * @throws RtcprobeError ERR_CGROUP, ERR_PERMISSION, ERR_KERNEL_UNSUPPORTED, ERR_LOAD
 */
export async function openEbpf(config: LiveConfig): Promise<LiveSource> {
  const cgroup = config.cgroup ?? (await findCgroupRoot());
  await checkCgroup(cgroup);
  return openProbe(config, cgroup);
}

/**
 * The packet socket.
 * @throws RtcprobeError ERR_PERMISSION, ERR_UNAVAILABLE (no such interface), ERR_KERNEL_UNSUPPORTED, ERR_LOAD
 */
export function openPackets(config: LiveConfig): LiveSource {
  const { maxStreams, maxPairs, clockRates, probes, interface: name } = config;
  const chosen = name === undefined ? {} : { interface: name };
  try {
    const source = addon.openPacketSource({ ...chosen, maxStreams, maxPairs, clockRates, probes });
    return { kind: "packet", source, ...chosen };
  } catch (error) {
    throw explainNative(error, PACKETS, name === undefined ? "all interfaces" : `interface ${name}`);
  }
}

/** A wrong --cgroup is the operator's mistake, not the host's refusal: packets would be of what was not asked for. */
export function isMistake(refusal: unknown, { cgroup, source }: LiveConfig): boolean {
  const isCgroup = refusal instanceof RtcprobeError && refusal.code === "ERR_CGROUP";
  return isCgroup && cgroup !== undefined && source !== "packet";
}

/**
 * The configured source; `auto` goes on with packets where eBPF is refused.
 * @param say - takes the one line that says why
 * @throws RtcprobeError of the source; for `auto`, of eBPF when packets are refused as well
 */
export async function openLive(config: LiveConfig, say: (line: string) => void): Promise<LiveSource> {
  if (config.source === "packet") return openPackets(config);
  if (config.source === "ebpf") return openEbpf(config);
  try {
    return await openEbpf(config);
  } catch (refusal) {
    if (!(refusal instanceof RtcprobeError) || isMistake(refusal, config)) throw refusal;
    const live = openInstead(config, refusal);
    say(`${refusal.message}; going on with packets of the whole host, which tell no process`);
    return live;
  }
}

function openInstead(config: LiveConfig, refusal: RtcprobeError): LiveSource {
  try {
    return openPackets(config);
  } catch (error) {
    const { message, hint } = error as RtcprobeError;
    const way = refusal.code === "ERR_PERMISSION" ? refusal.hint : hint;
    throw new RtcprobeError(refusal.code, `${refusal.message}, and ${message}`, way, { cause: refusal.cause });
  }
}

/** Attach and detach in a running source. @throws RtcprobeError as on opening */
export function switchProbes(live: LiveSource, probes: HookProbe[]): void {
  try {
    live.source.setProbes(probes);
  } catch (error) {
    throw explainNative(error, live.kind === "ebpf" ? EBPF : PACKETS, "the running source");
  }
}
