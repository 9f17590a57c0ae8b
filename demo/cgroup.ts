// SPDX-License-Identifier: MIT
/** A cgroup of our own, so that a probe attached to it sees our traffic and nobody else's. */
import { mkdir, rmdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { findCgroupRoot } from "../src/cgroup.js";

const REMOVAL_TRIES = 50;
const REMOVAL_PAUSE_MS = 20;

/** Path of a new cgroup below the root. */
export async function createCgroup(name: string): Promise<string> {
  const path = `${await findCgroupRoot()}/${name}`;
  await mkdir(path);
  return path;
}

/** A process that has ended leaves its cgroup a moment later: EBUSY until then. */
export async function removeCgroup(path: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await rmdir(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY" || tries === REMOVAL_TRIES) throw error;
      await sleep(REMOVAL_PAUSE_MS);
    }
  }
}
