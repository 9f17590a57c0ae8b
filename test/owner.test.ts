// SPDX-License-Identifier: MIT
/**
 * The process behind a socket. Oracle: children that bind sockets and say so; the tree of cgroups is made of directories of
 * the test's own, with the pids it wants in cgroup.procs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CgroupTree } from "../src/cgroup.js";
import type { Origin } from "../src/native.js";
import { ProcessFinder } from "../src/owner.js";
import { originOf } from "./records.js";

/** Binds what it is told, tells the port, and closes on a line of input. */
const BINDER = `
  const { createSocket } = require("node:dgram");
  const { writeFileSync } = require("node:fs");
  const { type, address, port, remote, comm, share } = JSON.parse(process.argv[1]);
  if (comm) writeFileSync("/proc/self/comm", comm);
  const socket = createSocket({ type, reuseAddr: share ?? false });
  socket.bind(port ?? 0, address, () => {
    const tell = () => console.log(socket.address().port);
    if (remote) socket.connect(remote, "127.0.0.1", tell); else tell();
  });
  process.stdin.on("data", () => socket.close(() => console.log("closed")));
`;

interface Binding {
  type?: "udp4" | "udp6";
  address: string;
  port?: number;
  /** Port on 127.0.0.1 to connect to. */
  remote?: number;
  comm?: string;
  /** Others may bind the same. */
  share?: boolean;
}

interface Bound {
  pid: number;
  port: number;
  child: ChildProcess;
  read(): Promise<string>;
}

const children: ChildProcess[] = [];

async function bind(binding: Binding): Promise<Bound> {
  const child = spawn(process.execPath, ["-e", BINDER, JSON.stringify({ type: "udp4", ...binding })], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const read = async (): Promise<string> => String((await lines.next()).value);
  return { pid: child.pid as number, port: Number(await read()), child, read };
}

let root: string;
let cgroups = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rtcprobe-owner-"));
});
afterAll(() => rm(root, { recursive: true }));
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
});

/** A finder in whose tree these processes are in one cgroup, and the id of that. */
async function findAmong(...pids: number[]): Promise<{ finder: ProcessFinder; cgroupId: string; cgroup: string }> {
  const cgroup = `/${cgroups++}.service`;
  const directory = join(root, cgroup);
  await mkdir(directory);
  await writeFile(join(directory, "cgroup.procs"), pids.map((pid) => `${pid}\n`).join(""));
  const cgroupId = String((await stat(directory, { bigint: true })).ino);
  return { finder: new ProcessFinder(new CgroupTree(root)), cgroupId, cgroup };
}

/** Traffic that arrives at 127.0.0.1:port. */
function inbound(port: number, changes: Partial<Origin> = {}): Origin {
  const ends = { srcAddress: "127.0.0.1", srcPort: 9, dstAddress: "127.0.0.1", dstPort: port };
  return originOf({ ...ends, direction: "in", ...changes });
}

describe("one process", () => {
  it.each<[string, Binding, Partial<Origin>]>([
    ["bound to the address", { address: "127.0.0.1" }, {}],
    ["bound to any address", { address: "0.0.0.0" }, {}],
    ["bound to any address of both families", { type: "udp6", address: "::" }, {}],
    ["bound to the IPv4-mapped address", { type: "udp6", address: "::ffff:127.0.0.1" }, {}],
    ["on IPv6", { type: "udp6", address: "::1" }, { srcAddress: "::1", dstAddress: "::1" }],
  ])("%s is found, with its command and cgroup, for both directions", async (_, binding, ends) => {
    const { pid, port } = await bind({ ...binding, comm: "an agent" });
    const { finder, cgroupId, cgroup } = await findAmong(process.pid, pid);
    const arriving = inbound(port, { cgroupId, ...ends });
    const { srcAddress, dstAddress } = arriving;
    const leaving = originOf({ srcAddress: dstAddress, srcPort: port, dstAddress: srcAddress, dstPort: 9, cgroupId });
    const owner = { pid, comm: "an agent", cgroup };
    expect(await finder.find([arriving, { ...leaving, direction: "out" }])).toEqual([owner, owner]);
  });

  it("may call itself anything", async () => {
    const { pid, port } = await bind({ address: "127.0.0.1", comm: "a\n,b= \x1b[2J " });
    const { finder, cgroupId } = await findAmong(pid);
    expect((await finder.find([inbound(port, { cgroupId })]))[0]?.comm).toBe("a\n,b= \x1b[2J ");
  });

  it("is not found at another port, address, or in another cgroup", async () => {
    const { pid, port } = await bind({ address: "127.0.0.1" });
    const { finder, cgroupId, cgroup } = await findAmong(pid);
    expect(await finder.find([inbound(port + 1, { cgroupId })])).toEqual([{ cgroup }]);
    expect(await finder.find([inbound(port, { cgroupId, dstAddress: "127.0.0.2" })])).toEqual([{ cgroup }]);
    const other = await findAmong(process.pid);
    expect(await other.finder.find([inbound(port, { cgroupId: other.cgroupId })])).toEqual([{ cgroup: other.cgroup }]);
  });

  it("is forgotten with its socket", async () => {
    const bound = await bind({ address: "127.0.0.1" });
    const { finder, cgroupId, cgroup } = await findAmong(bound.pid);
    expect((await finder.find([inbound(bound.port, { cgroupId })]))[0]).toHaveProperty("pid", bound.pid);
    bound.child.stdin?.write("close\n");
    expect(await bound.read()).toBe("closed");
    expect(await finder.find([inbound(bound.port, { cgroupId })])).toEqual([{ cgroup }]);
  });
});

describe("several processes", () => {
  const SHARED: Binding = { address: "127.0.0.1", share: true };

  it("on one address and port: nobody is named, unless one of them created the socket", async () => {
    const first = await bind(SHARED);
    const second = await bind({ ...SHARED, port: first.port });
    const { finder, cgroupId, cgroup } = await findAmong(first.pid, second.pid);
    expect(await finder.find([inbound(first.port, { cgroupId })])).toEqual([{ cgroup }]);
    expect((await finder.find([inbound(first.port, { cgroupId, pid: second.pid })]))[0]?.pid).toBe(second.pid);
  });

  it("the one that is connected to the peer is named, as the kernel would choose", async () => {
    const first = await bind(SHARED);
    const second = await bind({ ...SHARED, port: first.port, remote: 9 });
    const { finder, cgroupId } = await findAmong(first.pid, second.pid);
    const owners = await finder.find([
      inbound(first.port, { cgroupId }),
      inbound(first.port, { cgroupId, srcPort: 10 }),
    ]);
    expect(owners.map((owner) => owner?.pid)).toEqual([second.pid, first.pid]);
  });

  it("a creator that passed its socket on is not named: the holder is", async () => {
    const creator = await bind({ address: "127.0.0.1" });
    const holder = await bind({ address: "127.0.0.1" });
    const { finder, cgroupId } = await findAmong(creator.pid, holder.pid);
    expect((await finder.find([inbound(holder.port, { cgroupId, pid: creator.pid })]))[0]?.pid).toBe(holder.pid);
  });

  it("a creator that is dead is not named", async () => {
    const dead = await bind({ address: "127.0.0.1" });
    dead.child.kill("SIGKILL");
    await once(dead.child, "exit");
    const { finder, cgroupId, cgroup } = await findAmong(process.pid);
    expect(await finder.find([inbound(dead.port, { cgroupId, pid: dead.pid })])).toEqual([{ cgroup }]);
  });
});

describe("what is not there", () => {
  it("without a socket there is no owner", async () => {
    const { finder } = await findAmong();
    expect(await finder.find([inbound(1)])).toEqual([undefined]);
  });

  it("a cgroup that is gone has no path", async () => {
    const { finder } = await findAmong();
    expect(await finder.find([inbound(1, { cgroupId: "123456789012345" })])).toEqual([{}]);
  });
});
