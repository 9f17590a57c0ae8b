// SPDX-License-Identifier: MIT
/** Two network namespaces with a cable between them, a cgroup, a daemon that watches, and known traffic from one to the other. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { createCgroup, removeCgroup } from "../../demo/cgroup.js";
import { Child } from "../../demo/child.js";
import { Network } from "../../demo/namespace.js";
import { askDaemon } from "../../src/client.js";
import type { Datagrams } from "../../src/native.js";
import type { ReportStats } from "../../src/rtcp.js";
import type { CandidatePairStats, IceServerStats, StreamStats } from "../../src/stats.js";

const ROOT = join(import.meta.dirname, "..", "..");
const RTCPROBE = join(ROOT, "bin", "rtcprobe");
const TRAFFIC = join(ROOT, "build", "traffic");
const INTERVAL_MS = 200;
const PATIENCE_MS = 10_000;

/** Addresses for documentation (RFC 5737, RFC 3849): only our namespaces know them. */
export const SENDER = { v4: "192.0.2.1", v6: "2001:db8::1" };
export const RECEIVER = { v4: "192.0.2.2", v6: "2001:db8::2" };

/** What `rtcprobe streams --json` prints. */
export interface Streams {
  streams: StreamStats[];
  candidatePairs: CandidatePairStats[];
  iceServers: IceServerStats[];
  reports: ReportStats[];
  datagrams: Datagrams;
}

/** What traffic.c says of a stream it sent, by the definitions in schedule.h. */
export interface StreamTruth {
  ssrc: number;
  packets: number;
  unique: number;
  lost: number;
  duplicated: number;
  reordered: number;
  bytes: number;
  headerBytes: number;
}

export interface Truth {
  streams: StreamTruth[];
  datagrams: number;
}

/** What traffic.c says that it sent in `noise`: datagrams of each kind. */
export interface NoiseTruth {
  datagrams: number;
  empty: number;
  dtls: number;
}

export interface Received {
  datagrams: number;
  superPackets: number;
}

export type End = "sender" | "receiver";

/** Options of traffic.c as it takes them, with their values. */
export type TrafficOptions = Record<string, string | number | true>;

/** Where media go, in each end's namespace; and their SSRCs from here on. */
export const PORTS = { source: 40_000, destination: 50_000 };
export const FIRST_SSRC = 1_000_000;
/** A bad network: per mille. */
export const BAD = { loss: 30, duplicate: 20, reorder: 30 };
/** One stream from two CPUs; so slowly that neither falls behind the other by as much as the sequence window. */
export const TOGETHER = { packets: 6000, threads: 2, shared: true, pace: 4000 } as const;

/** One play of known traffic. */
export interface Case {
  name: string;
  family?: "v4" | "v6" | "mapped";
  send: TrafficOptions;
  gro?: true;
  /** Two threads sent one stream: what order it had nobody knows. */
  racy?: true;
}

/** Cases as it.each wants them, to be shown by name. */
export function named<Case extends { name: string }>(cases: Case[]): [string, Case][] {
  return cases.map((one) => [one.name, one]);
}

function flags(options: TrafficOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
}

/** A daemon of ours, watched through the CLI. */
export class Daemon {
  readonly child: Child;
  readonly #socket: string;

  constructor(child: Child, socket: string) {
    this.child = child;
    this.#socket = socket;
  }

  /** What `rtcprobe streams --json` says now. */
  async streams(): Promise<Streams> {
    const command = [RTCPROBE, "streams", "--json", "--socket", this.#socket];
    const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Streams;
  }

  /** The same, once `seen` datagrams have gone by and one more sample was taken, in case more come. */
  async streamsAfter(seen: number): Promise<Streams> {
    const deadline = Date.now() + PATIENCE_MS;
    while ((await this.datagrams()).seen < seen && Date.now() < deadline) await sleep(INTERVAL_MS / 4);
    await sleep(2 * INTERVAL_MS);
    return this.streams();
  }

  /** The counters alone, without the CLI: for waiting. */
  async datagrams(): Promise<Datagrams> {
    return (await askDaemon<Streams>({ socket: this.#socket, path: "/v1/streams" })).datagrams;
  }
}

export class Lab {
  readonly cgroup: string;
  readonly #directory: string;
  readonly #network: Network;
  readonly #namespaces: Record<End, string>;
  readonly #children: Child[] = [];

  private constructor(cgroup: string, directory: string, network: Network, namespaces: Record<End, string>) {
    this.cgroup = cgroup;
    this.#directory = directory;
    this.#network = network;
    this.#namespaces = namespaces;
  }

  /** `name` tells the lab from others of this process. */
  static async open(name: string): Promise<Lab> {
    if (!existsSync(TRAFFIC)) throw new Error(`${TRAFFIC} is missing: run make build`);
    const unique = `rtcprobe-${name}-${process.pid}`;
    const network = new Network(unique);
    try {
      const namespaces = { sender: network.add("sender"), receiver: network.add("receiver") };
      await network.join(
        { namespace: namespaces.sender, interface: "net", addresses: [`${SENDER.v4}/24`, `${SENDER.v6}/64`] },
        { namespace: namespaces.receiver, interface: "net", addresses: [`${RECEIVER.v4}/24`, `${RECEIVER.v6}/64`] },
      );
      const directory = await mkdtemp(join(tmpdir(), `${unique}-`));
      return new Lab(await createCgroup(unique), directory, network, namespaces);
    } catch (error) {
      network.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) await child.stop();
    await removeCgroup(this.cgroup);
    this.#network.close();
    await rm(this.#directory, { recursive: true });
  }

  /** `rtcprobe run` with these options, in the namespace of one end or the host's, once it has taken a sample. */
  async startDaemon(options: string[], end?: End): Promise<Daemon> {
    const number = this.#children.length;
    const [config, socket] = [join(this.#directory, `${number}.yaml`), join(this.#directory, `${number}.sock`)];
    const kept = ["journal", "calls"].map(
      (kind) => `${kind}:\n  directory: ${join(this.#directory, `${kind}-${number}`)}\n`,
    );
    await writeFile(config, kept.join(""));
    const common = ["--config", config, "--socket", socket, "--interval", `${INTERVAL_MS}ms`, "--duration", "600s"];
    const command = [process.execPath, RTCPROBE, "run", "--json", ...common, ...options];
    const namespace = end && { namespace: this.#namespaces[end] };
    const child = new Child({ name: "rtcprobe", command, ...namespace });
    this.#children.push(child);
    await child.read();
    return new Daemon(child, socket);
  }

  /** A program at one end, which the lab ends with itself. */
  start(name: string, end: End, command: string[], watched: "watched" | "unwatched"): Child {
    const place = { namespace: this.#namespaces[end], ...(watched === "watched" ? { cgroup: this.cgroup } : {}) };
    const child = new Child({ name, command, ...place });
    this.#children.push(child);
    return child;
  }

  /** A script of ours with its plan, once it is ready. */
  async startScript(file: string, end: End, plan: unknown, watched: "watched" | "unwatched"): Promise<Child> {
    const command = [process.execPath, "--import", "tsx", join(ROOT, file), JSON.stringify(plan)];
    const child = this.start(file, end, command, watched);
    await child.read();
    return child;
  }

  /** Options of a coturn that keep its files to the lab. */
  scratch(name: string): string[] {
    const path = join(this.#directory, name);
    return ["--pidfile", `${path}.pid`, "--userdb", `${path}.db`, "--log-file", `${path}.log`];
  }

  /**
   * A way of `delayMs` in each direction: what the sender's `from` sends to `via`, a port of the receiver's address, reaches the
   * receiver's port `to` from the port behind `via`, and back.
   */
  async delay(from: number, via: number, to: number, delayMs: number): Promise<void> {
    const calm = { seed: 1, delay: delayMs, jitter: 0, loss: 0, lossBurst: 1, duplicate: 0, reorder: 0, hold: 0 };
    const here = (port: number) => ({ address: RECEIVER.v4, port });
    const plan = {
      left: { local: here(via), remote: { address: SENDER.v4, port: from }, impairment: calm },
      right: { local: here(via + 1), remote: here(to), impairment: calm },
    };
    await this.startScript("demo/relay.ts", "receiver", plan, "unwatched");
  }

  #traffic(mode: string, end: End, options: TrafficOptions): Child {
    return this.start(`traffic ${mode}`, end, [TRAFFIC, mode, ...flags(options)], "watched");
  }

  /** Sends and waits until all is sent: what `traffic` prints. */
  async send<Report>(mode: "send" | "noise", options: TrafficOptions): Promise<Report> {
    const child = this.#traffic(mode, "sender", options);
    const report = await child.read<Report>();
    await child.end();
    return report;
  }

  /** A receiver that is bound when this resolves. `finish` gets its count. */
  async receive(options: TrafficOptions): Promise<{ pid: number | undefined; finish(): Promise<Received> }> {
    const child = this.#traffic("receive", "receiver", options);
    await child.read();
    const finish = async (): Promise<Received> => {
      await child.stop();
      return child.read<Received>();
    };
    return { pid: child.pid, finish };
  }
}
