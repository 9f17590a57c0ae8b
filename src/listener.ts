// SPDX-License-Identifier: MIT
/** The place of the control socket in the file system: taken by one daemon at a time, and left clean. */
import { chmod, link, lstat, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { makeDirectory } from "./directory.js";
import { errnoName, RtcprobeError } from "./errors.js";

const CONNECT_MS = 2000;
const SOCKET_MODE = 0o660;
const DIRECTORY_MODE = 0o750;
/** sun_path has 108 bytes, the last of which is 0. */
const MAX_PATH_BYTES = 107;

function failure(path: string, cause: unknown): RtcprobeError {
  if (cause instanceof RtcprobeError) return cause;
  const name = errnoName(cause);
  const hint = name === "EACCES" || name === "EPERM" ? "run as root, or give another path by --socket" : undefined;
  const code = hint === undefined ? "ERR_CONTROL" : "ERR_PERMISSION";
  const message = `cannot make the control socket ${path}: ${name ?? (cause as Error).message}`;
  return new RtcprobeError(code, message, hint ?? "give another path by --socket", { cause });
}

function running(path: string): RtcprobeError {
  return new RtcprobeError(
    "ERR_DAEMON_RUNNING",
    `a daemon is running on ${path} already`,
    "stop it, or give this one its own --socket",
  );
}

/** Is somebody listening? */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const done = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(CONNECT_MS, () => done(true));
    socket.on("connect", () => done(true));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") done(false);
      else if (error.code === "EAGAIN")
        done(true); // its backlog is full
      else reject(error);
    });
  });
}

/**
 * Makes the path free: a socket that a dead daemon left is removed, anything else is refused and stays.
 * @throws RtcprobeError ERR_DAEMON_RUNNING, ERR_CONTROL, ERR_PERMISSION
 */
export async function freePath(path: string): Promise<void> {
  try {
    const found = await lstat(path).catch((error) => {
      if (errnoName(error) !== "ENOENT") throw error;
    });
    if (found === undefined) return;
    if (!found.isSocket()) {
      throw new RtcprobeError("ERR_CONTROL", `${path} exists and is no socket`, "give another path by --socket");
    }
    if (await isAlive(path)) throw running(path);
    // Another daemon may take the path between the look and the removal: move it aside and look again.
    const aside = `${path}.${found.ino}`;
    await rename(path, aside).catch((error) => {
      if (errnoName(error) !== "ENOENT") throw error;
    });
    const alive = await isAlive(aside);
    if (alive) await link(aside, path);
    await rm(aside, { force: true });
    if (alive) throw running(path);
  } catch (error) {
    throw failure(path, error);
  }
}

/** The socket is not there, or its directory is not. */
const isAbsence = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(errnoName(error) ?? "");

function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Of a socket in the file system. */
export interface Place {
  /** Somebody removed it, and nothing is there. */
  isFree(): Promise<boolean>;
  /** Removes it, if it is still ours. */
  clear(): Promise<void>;
}

/**
 * Listens on the path, which appears with its final mode or not at all.
 * @throws RtcprobeError ERR_DAEMON_RUNNING, ERR_CONTROL, ERR_PERMISSION
 */
export async function publishSocket(server: Server, path: string): Promise<Place> {
  let hidden: string | undefined;
  try {
    makeDirectory(dirname(path), DIRECTORY_MODE);
    hidden = await mkdtemp(`${dirname(path)}/.`);
    const made = join(hidden, "s");
    if (Buffer.byteLength(made) > MAX_PATH_BYTES) {
      throw new RtcprobeError(
        "ERR_CONTROL",
        `the directory of ${path} has too long a name`,
        "give another by --socket",
      );
    }
    await listenOn(server, made);
    await chmod(made, SOCKET_MODE);
    const { ino } = await lstat(made);
    await link(made, path).catch((error) => {
      throw errnoName(error) === "EEXIST" ? running(path) : error;
    });
    return {
      isFree: () => lstat(path).then(() => false, isAbsence),
      async clear() {
        const found = await lstat(path).catch(() => undefined);
        if (found?.ino === ino) await unlink(path);
      },
    };
  } catch (error) {
    server.close();
    throw failure(path, error);
  } finally {
    if (hidden !== undefined) await rm(hidden, { recursive: true, force: true });
  }
}
