// SPDX-License-Identifier: MIT
/** UDP sockets and the processes that hold them, as /proc tells. Synchronous: procfs never waits for a disk. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isIPv4 } from "node:net";
import { endianness } from "node:os";

/** Content or target, undefined where the process is gone or closed to us. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export interface SocketEnds {
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
}

/** IPv6 text to its eight groups of four hex digits. */
function groups(address: string): string {
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail] = text.split("::", 2);
  const split = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const [before, after] = [split(head), split(tail ?? "")];
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join("");
}

/** Address as /proc/net/udp prints it: 32-bit words in the order of the machine. */
function procAddress(address: string): string {
  const bytes = isIPv4(address)
    ? Buffer.from(address.split(".").map(Number))
    : Buffer.from(groups(address.split("%", 1)[0] as string), "hex");
  return (endianness() === "LE" ? bytes.swap32() : bytes).toString("hex").toUpperCase();
}

const MAPPED = procAddress("::ffff:0.0.0.0").slice(0, 24);

const procPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** A socket's end as text: IPv4-mapped addresses are IPv4. */
function unmap(hex: string): string {
  return hex.length === 32 && hex.startsWith(MAPPED) ? hex.slice(24) : hex;
}

const isAny = (hex: string): boolean => /^0+$/.test(hex);

/** How well a socket fits, as the kernel chooses: -1 not at all, else the more the better. */
function fitness({ local, remote, remotePort }: SocketLine, wanted: SocketLine): number {
  let score = 0;
  if (local === wanted.local) score += 2;
  else if (!isAny(local) || local.length < wanted.local.length) return -1;
  if (remotePort !== "0000") {
    if (remote !== wanted.remote || remotePort !== wanted.remotePort) return -1;
    score += 4;
  }
  return score;
}

/** Addresses and ports of one socket as procfs prints them. */
interface SocketLine {
  local: string;
  remote: string;
  remotePort: string;
  inode: string;
}

/** The UDP sockets of one network namespace, by local port. */
export class UdpTable {
  readonly #byPort = new Map<string, SocketLine[]>();

  /** Of the namespace that this process lives in. */
  constructor(pid: number) {
    for (const name of ["udp", "udp6"]) {
      const text = tryRead(() => readFileSync(`/proc/${pid}/net/${name}`, "latin1")) ?? "";
      for (const line of text.split("\n").slice(1)) this.#add(line.trim().split(/\s+/));
    }
  }

  /** Inodes of the sockets that receive this traffic: more than one where they share the port. */
  inodes(ends: SocketEnds): string[] {
    const wanted = {
      local: procAddress(ends.localAddress),
      remote: procAddress(ends.remoteAddress),
      remotePort: procPort(ends.remotePort),
      inode: "",
    };
    let best = 0;
    let inodes: string[] = [];
    for (const socket of this.#byPort.get(procPort(ends.localPort)) ?? []) {
      const score = fitness(socket, wanted);
      if (score > best) [best, inodes] = [score, []];
      if (score === best) inodes.push(socket.inode);
    }
    return inodes;
  }

  #add([, local = "", remote = "", , , , , , , inode = "0"]: string[]): void {
    const [localAddress = "", localPort = ""] = local.split(":");
    const [remoteAddress = "", remotePort = ""] = remote.split(":");
    if (inode === "0") return;
    const line = { local: unmap(localAddress), remote: unmap(remoteAddress), remotePort, inode };
    const sockets = this.#byPort.get(localPort);
    if (sockets) sockets.push(line);
    else this.#byPort.set(localPort, [line]);
  }
}

/** All processes. */
export function listPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The processes in a cgroup; those of other pid namespaces are 0 and left out. */
export function listCgroupPids(directory: string): number[] {
  const text = tryRead(() => readFileSync(`${directory}/cgroup.procs`, "latin1")) ?? "";
  return [...new Set(text.split("\n").map(Number))].filter((pid) => pid > 0);
}

/** Name of the network namespace a process lives in. */
export function networkNamespace(pid: number): string | undefined {
  return tryRead(() => readlinkSync(`/proc/${pid}/ns/net`));
}

/** Name of a process: up to 15 bytes of its own choice, any bytes. */
export function readComm(pid: number): string | undefined {
  return tryRead(() => readFileSync(`/proc/${pid}/comm`, "utf8").replace(/\n$/, ""));
}

/** A socket in the hands of a process. */
export interface Holding {
  pid: number;
  fd: string;
  inode: string;
}

/** Does the process hold the socket still? */
export function isHeld({ pid, fd, inode }: Holding): boolean {
  return tryRead(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) === `socket:[${inode}]`;
}

/** Descriptors of the process that are one of these sockets; gives up when `expired` says so. */
export function findHoldings(pid: number, inodes: { has(inode: string): boolean }, expired: () => boolean): Holding[] {
  const holdings: Holding[] = [];
  const fds = tryRead(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  for (const [i, fd] of fds.entries()) {
    if (i % 256 === 255 && expired()) break;
    const target = tryRead(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const inode = target?.startsWith("socket:[") ? target.slice(8, -1) : undefined;
    if (inode !== undefined && inodes.has(inode)) holdings.push({ pid, fd, inode });
  }
  return holdings;
}
