// SPDX-License-Identifier: MIT
/** Network namespaces of one run, joined by cables. Nothing of them is ever seen in the host's own namespace. */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { RtcprobeError } from "../src/errors.js";

/** Debian keeps ip and sysctl where only root's PATH looks. */
const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;

const LINK_PATIENCE_MS = 5_000;
const LINK_PAUSE_MS = 20;

/** One end of a cable: an interface with its addresses ("192.0.2.1/24", "2001:db8::1/64"). */
export interface CableEnd {
  namespace: string;
  interface: string;
  addresses: string[];
}

/** What `ip` with these arguments prints. */
function ip(...args: string[]): string {
  try {
    const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
    return execFileSync("ip", args, { encoding: "utf8", stdio, env: { ...process.env, PATH } });
  } catch (cause) {
    const { code, stderr } = cause as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT") {
      throw new RtcprobeError("ERR_UNAVAILABLE", "there is no program ip", "apt-get install iproute2", { cause });
    }
    const said = stderr?.trim().split("\n")[0];
    throw new RtcprobeError("ERR_UNAVAILABLE", `ip ${args.join(" ")}: ${said}`, "this needs root", { cause });
  }
}

/** The kernel tells IPv6 of a carrier up to a second later, and IPv6 sends nothing before. */
async function waitForLink(end: CableEnd): Promise<void> {
  const isUp = () => ip("-n", end.namespace, "link", "show", end.interface).includes("state UP");
  for (let waited = 0; !isUp(); waited += LINK_PAUSE_MS) {
    if (waited >= LINK_PATIENCE_MS) {
      throw new RtcprobeError("ERR_UNAVAILABLE", `${end.interface} in ${end.namespace} does not come up`);
    }
    await sleep(LINK_PAUSE_MS);
  }
}

/** Namespaces with names of their own; `close` deletes them, and with them all that is inside. */
export class Network {
  readonly #prefix: string;
  readonly #names: string[] = [];

  /** `prefix` must be unique among the runs of this host. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Returns the full name, as `ip netns` shows it. */
  add(role: string): string {
    const name = `${this.#prefix}-${role}`;
    ip("netns", "add", name);
    this.#names.push(name);
    ip("-n", name, "link", "set", "lo", "up");
    return name;
  }

  /** A veth pair, ready for use at both ends when this resolves. */
  async join(one: CableEnd, other: CableEnd): Promise<void> {
    const peer = ["peer", "name", other.interface, "netns", other.namespace];
    ip("link", "add", one.interface, "netns", one.namespace, "type", "veth", ...peer);
    for (const end of [one, other]) {
      for (const address of end.addresses) {
        const nodad = address.includes(":") ? ["nodad"] : []; // else the address is of no use for a second
        ip("-n", end.namespace, "address", "add", address, "dev", end.interface, ...nodad);
      }
      ip("-n", end.namespace, "link", "set", end.interface, "up");
    }
    for (const end of [one, other]) await waitForLink(end);
  }

  /** Idempotent. The processes inside must have ended. */
  close(): void {
    for (const name of this.#names.splice(0)) ip("netns", "delete", name);
  }
}
