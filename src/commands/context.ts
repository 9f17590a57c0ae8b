// SPDX-License-Identifier: MIT
import type { Output } from "../output.js";

/** What a command gets of the process it runs in. */
export interface CommandContext {
  version: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Data. */
  output: Output;
  /** Everything else, one line each. */
  say(line: string): void;
  /** How far it is, on a terminal, in place of what was said before; the empty text takes it away. */
  progress(text: string): void;
  /** From now on SIGINT and SIGTERM abort this signal and do not end the process; so does a reader that is gone. */
  stopSignal(): AbortSignal;
  /** From now on an output that is lost calls the listener, and is neither said nor a reason to stop: a sink says it. */
  onOutputLoss(listener: () => void): void;
  /** From now on SIGHUP calls the listener and does not end the process. */
  onHangup(listener: () => void): void;
}

/** Flags as commander gives them; those of every command, and per command its own. */
export interface Flags extends Readonly<Record<string, unknown>> {
  config?: string;
  socket?: string;
  json?: boolean;
}
