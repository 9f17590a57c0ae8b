// SPDX-License-Identifier: MIT
/** Runs build/rig in a cgroup of its own, with an empty one beside it. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { Child } from "../demo/child.js";

export const ROOT = join(import.meta.dirname, "..");
export const RIG = join(ROOT, "build", "rig");

/** Options as rig.c takes them; true is a flag, false and undefined leave it out. */
export type RigOptions = Record<string, string | number | boolean | undefined>;

export class Rig {
  readonly #home: string;
  readonly #elsewhere: string;
  readonly #program: string;

  private constructor(home: string, elsewhere: string, program: string) {
    this.#home = home;
    this.#elsewhere = elsewhere;
    this.#program = program;
  }

  /** `program` may be the rig of another build. Needs root and a cgroup v2 tree. */
  static async open(program = RIG): Promise<Rig> {
    if (!existsSync(program)) throw new Error(`no ${program}: run make build`);
    const name = `rtcprobe-bench-${process.pid}-${counter++}`;
    return new Rig(await createCgroup(name), await createCgroup(`${name}-elsewhere`), program);
  }

  /** What the measurement prints. */
  async run<Result>(measurement: string, { elsewhere, ...options }: RigOptions): Promise<Result> {
    const flags = Object.entries(options).flatMap(([name, value]) =>
      value === undefined || value === false ? [] : value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    const cgroups = ["--cgroup", this.#home, ...(elsewhere ? ["--elsewhere", this.#elsewhere] : [])];
    const { stdout } = await promisify(execFile)(this.#program, [measurement, ...cgroups, ...flags], {
      maxBuffer: 1 << 26,
    });
    return JSON.parse(stdout) as Result;
  }

  /** A load that runs when it is told to. */
  async pace(streams = 16): Promise<Pace> {
    return Pace.start([this.#program, "pace", "--cgroup", this.#home, "--streams", String(streams)], this.#home);
  }

  async close(): Promise<void> {
    await removeCgroup(this.#home);
    await removeCgroup(this.#elsewhere);
  }
}

/** As pace.c prints it: packets, and ns of CPU per packet to send, carry and receive it. */
export interface Paced {
  sent: number;
  received: number;
  ns: number;
}

/** Where a load can be watched. */
export interface Place {
  /** Path of the receiver's network namespace. */
  namespace: string;
  /** The receiver's. */
  interface: string;
  /** Of the sockets. */
  cgroup: string;
}

export class Pace {
  readonly #child: Child;
  readonly place: Place;

  private constructor(child: Child, place: Place) {
    this.#child = child;
    this.place = place;
  }

  static async start(command: string[], cgroup: string): Promise<Pace> {
    const child = new Child({ name: "rig pace", command });
    return new Pace(child, { cgroup, ...(await child.read<Omit<Place, "cgroup">>()) });
  }

  async run(rate: number, seconds: number): Promise<Paced> {
    this.#child.order(`${rate} ${seconds}`);
    return this.#child.read<Paced>();
  }

  async close(): Promise<void> {
    await this.#child.stop();
  }
}

let counter = 0;
