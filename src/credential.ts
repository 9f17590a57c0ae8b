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

/** What one place says of a secret: itself, or the file that holds it. */
type SecretLayer<Kind extends string> = { readonly [Key in Kind | `${Kind}File`]?: string | undefined };

/**
 * The secret as the first place has it that has one.
 * @param layers - strongest first
 * @throws RtcprobeError ERR_CONFIG
 */
export async function givenSecret<Kind extends string>(
  kind: Kind,
  layers: readonly SecretLayer<Kind>[],
  section: string,
): Promise<string | undefined> {
  for (const layer of layers) {
    const [value, file] = [layer[kind], layer[`${kind}File`]];
    if (value !== undefined && file !== undefined) {
      const message = `${section}.${kind} and ${section}.${kind}File are both given`;
      throw new RtcprobeError("ERR_CONFIG", message, "give one of them");
    }
    if (value !== undefined) return value;
    if (file !== undefined) return readSecret(file, `${section}.${kind}File`);
  }
  return undefined;
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
