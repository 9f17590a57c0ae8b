// SPDX-License-Identifier: MIT
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Makes a directory, with its parents, unless it is there. Node's own recursive mkdir never returns below a directory that takes
 * none and says ENOENT, such as /proc. Throws the system's error.
 */
export function makeDirectory(path: string, mode: number): void {
  if (isDirectory(path)) return;
  makeDirectory(dirname(path), mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (!isDirectory(path)) throw error;
  }
}
