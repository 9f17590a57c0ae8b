// SPDX-License-Identifier: MIT
/** The probes by name: what can be switched, and what is known but not to be had. */
import { quoteText } from "./duration.js";
import { RtcprobeError } from "./errors.js";
import type { HookProbe } from "./native.js";
import { suggestWord } from "./suggestion.js";

export const HOOK_PROBES: readonly HookProbe[] = ["rtp", "stun", "rtcp", "depth"];

/** Those that a live source begins with: what costs more per packet is asked for. */
export const DEFAULT_PROBES: readonly HookProbe[] = ["rtp", "stun", "rtcp"];

const MEASURES: Readonly<Record<HookProbe, string>> = {
  rtp: "loss, jitter, reordering and bit rate of each stream",
  stun: "round trip of each candidate pair",
  rtcp: "RTCP and SRTCP, counted by kind",
  depth: "delay, frames and header extensions of each stream, packet by packet; needs rtp",
};

/** Known names that this build has no program for. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  drops: "loss inside the host, by the kernel's reason",
  "read-delay": "time from the socket's queue to the application's read",
};

/** One probe as `/v1/probes` and `rtcprobe probes --json` show it. */
export interface ProbeState {
  name: string;
  enabled: boolean;
  available: boolean;
  measures: string;
  /** Why it is not available, or not on although it was switched on. */
  reason?: string;
}

const NOT_BUILT = "not in this build yet";

/** Every known probe; `enabled` are those that are attached. */
export function listProbes(enabled: readonly HookProbe[]): ProbeState[] {
  const hooks = HOOK_PROBES.map((name) => {
    const waits = name === "depth" && enabled.includes(name) && !enabled.includes("rtp");
    return {
      name,
      enabled: enabled.includes(name) && !waits,
      available: true,
      measures: MEASURES[name],
      ...(waits ? { reason: "switched on, and waits for rtp" } : {}),
    };
  });
  const others = Object.entries(UNAVAILABLE).map(([name, measures]) => ({
    name,
    enabled: false,
    available: false,
    measures,
    reason: NOT_BUILT,
  }));
  return [...hooks, ...others];
}

/**
 * The probes of these names, each once, in the order of HOOK_PROBES.
 * @throws RtcprobeError ERR_USAGE for an unknown name, ERR_UNAVAILABLE for one that this build does not have
 */
export function parseProbes(names: readonly string[]): HookProbe[] {
  for (const name of names) {
    if (Object.hasOwn(MEASURES, name)) continue;
    const list = `the probes are ${HOOK_PROBES.join(", ")}`;
    if (Object.hasOwn(UNAVAILABLE, name)) {
      throw new RtcprobeError("ERR_UNAVAILABLE", `the probe ${name} is ${NOT_BUILT}`, list);
    }
    const known = [...HOOK_PROBES, ...Object.keys(UNAVAILABLE)];
    throw new RtcprobeError("ERR_USAGE", `no probe is called ${quoteText(name)}`, suggestWord(name, known) ?? list);
  }
  return HOOK_PROBES.filter((probe) => names.includes(probe));
}
