// SPDX-License-Identifier: MIT
/** One writer per directory, for as long as its process lives: the kernel takes the lock back, whatever ends the process. */
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { errnoName, RtcprobeError } from "./errors.js";

/** Gives the directory back. */
export type Unlock = () => void;

/**
 * The lock is a socket in the abstract namespace, named after the directory's inode: it leaves no file behind.
 * @throws RtcprobeError ERR_JOURNAL when another process holds it
 */
export async function lockDirectory(directory: string): Promise<Unlock> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) return () => undefined;
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0rtcprobe-journal-${found.dev}-${found.ino}`);
  try {
    await once(server, "listening");
  } catch (error) {
    if (errnoName(error) !== "EADDRINUSE") throw error;
    const hint = "stop the other daemon, or give this one a journal.directory of its own";
    throw new RtcprobeError("ERR_JOURNAL", `the journal in ${directory} is another daemon's`, hint, { cause: error });
  }
  server.unref();
  return () => void server.close();
}
