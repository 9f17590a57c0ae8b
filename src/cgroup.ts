// SPDX-License-Identifier: MIT
import { readdir, readFile, stat, statfs } from "node:fs/promises";
import { errnoName, RtcprobeError } from "./errors.js";

/** Magic number of the cgroup2 file system (linux/magic.h). */
const CGROUP2_SUPER_MAGIC = 0x63677270;

/** A path of mountinfo: space, tab, newline and backslash are written in octal (proc(5)). */
function decodePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Mount point of the cgroup v2 tree in a text of /proc/PID/mountinfo; a mount of its root is preferred. */
export function parseCgroupRoot(mountinfo: string): string | undefined {
  let found: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [mount, filesystem] = line.split(" - ", 2);
    if (mount === undefined || filesystem?.split(" ", 1)[0] !== "cgroup2") continue;
    const [, , , root, path] = mount.split(" ");
    if (path === undefined) continue;
    if (root === "/") return decodePath(path);
    found ??= decodePath(path);
  }
  return found;
}

/**
 * Root of the cgroup v2 tree as this process sees it.
 * @throws RtcprobeError ERR_CGROUP when there is none
 */
export async function findCgroupRoot(): Promise<string> {
  const root = parseCgroupRoot(await readFile("/proc/self/mountinfo", "utf8"));
  if (root === undefined) {
    throw new RtcprobeError(
      "ERR_CGROUP",
      "no cgroup v2 is mounted on this host",
      "mount it (mkdir /mnt/cgroup && mount -t cgroup2 none /mnt/cgroup), or use --source packet",
    );
  }
  return root;
}

/**
 * Refuses a path that is no directory of a cgroup v2 tree.
 * @throws RtcprobeError ERR_CGROUP
 */
export async function checkCgroup(path: string): Promise<void> {
  const hint = "give a directory of the cgroup v2 tree (see: grep cgroup2 /proc/self/mountinfo)";
  const { type } = await statfs(path).catch((cause: NodeJS.ErrnoException) => {
    throw new RtcprobeError("ERR_CGROUP", `cannot open the cgroup ${path}: ${cause.code}`, hint, { cause });
  });
  if (type !== CGROUP2_SUPER_MAGIC) throw new RtcprobeError("ERR_CGROUP", `${path} is not in a cgroup v2 tree`, hint);
  await readFile(`${path}/cgroup.procs`).catch((cause: NodeJS.ErrnoException) => {
    // A cgroup of threads refuses the read with EOPNOTSUPP and is a cgroup all the same.
    if (cause.code === "ENOTDIR") {
      throw new RtcprobeError("ERR_CGROUP", `${path} is a file of a cgroup, not its directory`, hint, { cause });
    }
  });
}

/** Ids of cgroups to paths below the root of the tree; the root itself is "/". */
export class CgroupTree {
  readonly #root: string;
  #paths = new Map<string, string>();
  /** Ids that a walk did not find: their cgroups are gone, and ids are not used again. */
  readonly #gone = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Learns these ids; walks the tree at most once, and not at all when all are known. */
  async learn(ids: Iterable<string>): Promise<void> {
    const unknown = [...ids].filter((id) => !this.#paths.has(id) && !this.#gone.has(id));
    if (unknown.length === 0) return;
    const paths = new Map<string, string>();
    await this.#walk("/", paths);
    this.#paths = paths;
    if (this.#gone.size > 10_000) this.#gone.clear();
    for (const id of unknown) if (!paths.has(id)) this.#gone.add(id);
  }

  path(id: string): string | undefined {
    return this.#paths.get(id);
  }

  /** Where the files of a cgroup are. */
  directory(path: string): string {
    return path === "/" ? this.#root : this.#root + path;
  }

  async #walk(path: string, paths: Map<string, string>): Promise<void> {
    const directory = this.directory(path);
    try {
      paths.set(String((await stat(directory, { bigint: true })).ino), path);
      for (const entry of await readdir(directory, { withFileTypes: true })) {
        if (entry.isDirectory()) await this.#walk(path === "/" ? `/${entry.name}` : `${path}/${entry.name}`, paths);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

/** A cgroup may be removed while it is looked at, and some may be closed to us. */
function isGone(error: unknown): boolean {
  return ["ENOENT", "ENODEV", "ENOTDIR", "EACCES", "EPERM"].includes(errnoName(error) ?? "");
}
