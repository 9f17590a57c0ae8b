// SPDX-License-Identifier: MIT
/** Secrets come from files: argv and errors are public. */
import { errnoName, RtcprobeError } from "./errors.js";
import { readTextFile } from "./textfile.js";

/**
 * The one line of a file.
 * @param what - names the file's part in the error
 * @throws RtcprobeError ERR_CONFIG
 */
export async function readSecret(path: string, what: string): Promise<string> {
  const secret = (await readTextFile(path, what, 65_536)).trim();
  if (secret === "" || /[\r\n]/.test(secret)) {
    throw new RtcprobeError("ERR_CONFIG", `${what} ${path} does not hold one line of text`, "put the secret into it");
  }
  return secret;
}

/**
 * The credential that systemd passed under this name (LoadCredential=), if any.
 * @throws RtcprobeError ERR_CONFIG
 */
export async function findCredential(name: string, directory: string | undefined): Promise<string | undefined> {
  if (directory === undefined || directory === "") return undefined;
  try {
    return await readSecret(`${directory}/${name}`, "the credential");
  } catch (error) {
    if (error instanceof RtcprobeError && error.cause !== undefined && errnoName(error.cause) === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}
