// SPDX-License-Identifier: MIT
/**
 * The process behind a socket: the creator that the kernel program saw, if it holds the socket still, else the one process
 * of the socket's cgroup that does. Where several fit, none is named.
 */
import { setImmediate } from "node:timers/promises";
import type { CgroupTree } from "./cgroup.js";
import type { Origin } from "./native.js";
import {
  findHoldings,
  type Holding,
  isHeld,
  listCgroupPids,
  listPids,
  networkNamespace,
  readComm,
  type SocketEnds,
  UdpTable,
} from "./procfs.js";
import type { OwnerFinder } from "./sampler.js";
import type { Owner } from "./stats.js";

/** Time one look into procfs may take, and how long it may hold up everything else; milliseconds. */
const BUDGET_MS = 250;
const TURN_MS = 5;
/** Sockets whose holders are remembered. */
const MAX_HOLDINGS = 8192;

/** One socket that is looked for, by whichever of its streams and pairs. */
interface Wanted extends SocketEnds {
  key: string;
  cgroupId: string;
  creator: number | undefined;
  /** Processes that hold it, each once. */
  holders: Map<number, Holding>;
}

function socketEnds(origin: Origin): SocketEnds {
  const { srcAddress, srcPort, dstAddress, dstPort } = origin;
  return origin.direction === "in"
    ? { localAddress: dstAddress, localPort: dstPort, remoteAddress: srcAddress, remotePort: srcPort }
    : { localAddress: srcAddress, localPort: srcPort, remoteAddress: dstAddress, remotePort: dstPort };
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

/** The sockets of a namespace that are looked for, by inode. */
type ByInode = Map<string, Wanted[]>;

/** One look into procfs for all that is wanted: each namespace's table is read once. */
class Search {
  readonly #tables = new Map<string, UdpTable>();
  readonly #deadline = performance.now() + BUDGET_MS;
  #turn = performance.now();

  /**
   * Notes which of these processes hold which of the sockets.
   * @returns false when time was up before all had been looked at
   */
  async look(pids: readonly number[], wanted: readonly Wanted[]): Promise<boolean> {
    const inodes = new Map<string, ByInode>();
    for (const pid of pids) {
      if (this.#expired()) return false;
      this.#lookAt(pid, wanted, inodes);
      if (performance.now() - this.#turn < TURN_MS) continue;
      await setImmediate();
      this.#turn = performance.now();
    }
    return !this.#expired();
  }

  #expired = (): boolean => performance.now() > this.#deadline;

  #lookAt(pid: number, wanted: readonly Wanted[], inodes: Map<string, ByInode>): void {
    const namespace = networkNamespace(pid);
    if (namespace === undefined) return;
    const byInode = inodes.get(namespace) ?? this.#findInodes(namespace, pid, wanted);
    inodes.set(namespace, byInode);
    if (byInode.size === 0) return;
    for (const holding of findHoldings(pid, byInode, this.#expired)) {
      for (const socket of byInode.get(holding.inode) ?? []) socket.holders.set(pid, holding);
    }
  }

  #findInodes(namespace: string, pid: number, wanted: readonly Wanted[]): ByInode {
    const table = this.#tables.get(namespace) ?? new UdpTable(pid);
    this.#tables.set(namespace, table);
    const byInode: ByInode = new Map();
    for (const socket of wanted) {
      for (const inode of table.inodes(socket)) append(byInode, inode, socket);
    }
    return byInode;
  }
}

export class ProcessFinder implements OwnerFinder {
  readonly #tree: CgroupTree;
  readonly #known = new Map<string, Holding>();

  constructor(tree: CgroupTree) {
    this.#tree = tree;
  }

  /** Owners of the sockets behind these origins; undefined where there is no socket. */
  async find(origins: readonly Origin[]): Promise<(Owner | undefined)[]> {
    const sockets = new Map<string, Wanted>();
    const keys = origins.map((origin) => {
      if (origin.cgroupId === undefined) return undefined;
      const ends = socketEnds(origin);
      const key = [origin.cgroupId, ...Object.values(ends)].join(" ");
      const { cgroupId, pid: creator } = origin;
      if (!sockets.has(key)) sockets.set(key, { ...ends, key, cgroupId, creator, holders: new Map() });
      return key;
    });
    await this.#tree.learn(new Set([...sockets.values()].map((socket) => socket.cgroupId)));
    await this.#search([...sockets.values()].filter((socket) => !this.#isKnown(socket.key)));
    return keys.map((key) => (key === undefined ? undefined : this.#owner(sockets.get(key) as Wanted)));
  }

  #isKnown(key: string): boolean {
    const holding = this.#known.get(key);
    if (holding === undefined || isHeld(holding)) return holding !== undefined;
    this.#known.delete(key);
    return false;
  }

  async #search(wanted: Wanted[]): Promise<void> {
    const search = new Search();
    const byCgroup = new Map<string, Wanted[]>();
    for (const socket of wanted) {
      if (socket.creator !== undefined) await search.look([socket.creator], [socket]);
      if (socket.holders.size === 0) append(byCgroup, socket.cgroupId, socket);
    }
    for (const [cgroupId, sockets] of byCgroup) {
      const path = this.#tree.path(cgroupId);
      if (path === undefined) continue;
      const pids = path === "/" ? listPids() : listCgroupPids(this.#tree.directory(path));
      const complete = await search.look(pids, sockets);
      // A second holder may have been missed, and one of two is a guess.
      if (!complete) for (const socket of sockets) socket.holders.clear();
    }
    for (const { key, holders } of wanted) {
      const [holding] = holders.values();
      if (holding !== undefined && holders.size === 1) this.#remember(key, holding);
    }
  }

  #remember(key: string, holding: Holding): void {
    if (this.#known.size >= MAX_HOLDINGS) this.#known.clear();
    this.#known.set(key, holding);
  }

  #owner({ key, cgroupId }: Wanted): Owner {
    const cgroup = this.#tree.path(cgroupId);
    const pid = this.#known.get(key)?.pid;
    const comm = pid === undefined ? undefined : readComm(pid);
    return {
      ...(comm === undefined ? {} : { pid: pid as number, comm }),
      ...(cgroup === undefined ? {} : { cgroup }),
    };
  }
}
