// SPDX-License-Identifier: MIT
import { open } from "node:fs/promises";
import { errnoName, RtcprobeError } from "./errors.js";

/**
 * Text of a small file. The path comes from outside: it may name a directory, a device or a file without an end.
 * @param what - names the file's part in the error, "the config file"
 * @throws RtcprobeError ERR_CONFIG with the system's error as cause
 */
export async function readTextFile(path: string, what: string, maxBytes = 2 ** 20): Promise<string> {
  try {
    const file = await open(path);
    try {
      const buffer = Buffer.allocUnsafe(maxBytes + 1);
      let filled = 0;
      for (let read = -1; read !== 0 && filled <= maxBytes; filled += read) {
        read = (await file.read(buffer, filled, buffer.length - filled)).bytesRead;
      }
      if (filled <= maxBytes) return buffer.toString("utf8", 0, filled);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const hint = "give a file that can be read";
    throw new RtcprobeError("ERR_CONFIG", `cannot read ${what} ${path}: ${errnoName(cause)}`, hint, { cause });
  }
  throw new RtcprobeError("ERR_CONFIG", `${what} ${path} is larger than ${maxBytes} bytes`, "give the right file");
}
