// SPDX-License-Identifier: MIT
import { getSystemErrorName } from "node:util";

/** What can go wrong, as a program may ask for it. */
export const ERROR_CODES = [
  "ERR_USAGE",
  "ERR_CONFIG",
  "ERR_PERMISSION",
  "ERR_KERNEL_UNSUPPORTED",
  "ERR_UNAVAILABLE",
  "ERR_LOAD",
  "ERR_CGROUP",
  "ERR_PCAP_FORMAT",
  "ERR_FILE",
  "ERR_SINK",
  "ERR_JOURNAL",
  "ERR_DAILY",
  "ERR_CALL",
  "ERR_NO_DAEMON",
  "ERR_DAEMON_RUNNING",
  "ERR_CONTROL",
  "ERR_CLOSED",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One line for the operator: what failed, on what, and (`hint`) what to do. Never holds a secret. */
export class RtcprobeError extends Error {
  override readonly name = "RtcprobeError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly hint?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The `errno`, `syscall` and `log` that errors of Node and of the addon carry. */
export interface SystemError extends Error {
  code?: string;
  errno?: number;
  syscall?: string;
  path?: string;
  log?: string;
}

/** Name of the errno of an error ("EACCES"), if it has one. */
export function errnoName(error: unknown): string | undefined {
  const { errno, code } = error as SystemError;
  if (typeof errno === "number" && errno !== 0) return getSystemErrorName(-Math.abs(errno));
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
