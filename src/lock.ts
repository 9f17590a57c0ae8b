// SPDX-License-Identifier: MIT
/** Locks that the kernel takes back, whatever ends the process: sockets in the abstract namespace leave no file behind. */
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { errnoName, RtcprobeError } from "./errors.js";

/** Gives it back. */
export type Unlock = () => void;

/** One holder of a name at a time; undefined when another has it. */
export async function takeName(name: string): Promise<Unlock | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0rtcprobe-${name}`);
  try {
    await once(server, "listening");
  } catch (error) {
    if (errnoName(error) !== "EADDRINUSE") throw error;
    return undefined;
  }
  server.unref();
  return () => void server.close();
}

const THEIRS = {
  journal: { code: "ERR_JOURNAL", says: (directory: string) => `the journal in ${directory} is another daemon's` },
  calls: { code: "ERR_FILE", says: (directory: string) => `the calls in ${directory} are another daemon's` },
} as const;

/**
 * One writer per directory, for as long as its process lives.
 * @throws RtcprobeError ERR_JOURNAL, ERR_FILE when another process holds it
 */
export async function lockDirectory(kind: keyof typeof THEIRS, directory: string): Promise<Unlock> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) return () => undefined;
  const unlock = await takeName(`${kind}-${found.dev}-${found.ino}`);
  if (unlock) return unlock;
  const { code, says } = THEIRS[kind];
  const hint = `stop the other daemon, or give this one a ${kind}.directory (--${kind}-directory) of its own`;
  throw new RtcprobeError(code, says(directory), hint);
}
