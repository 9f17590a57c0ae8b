// SPDX-License-Identifier: MIT
/** What went wrong with Daily, in Daily's words and with what to do. */
import { RtcprobeError } from "../errors.js";
import { cleanText } from "../publictext.js";

/** `type` and `info` are the `error` and `info` of Daily's answer; the first is stable, the second is for people. */
export class DailyError extends RtcprobeError {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly info: string | undefined;
  /** The same request may succeed later. */
  readonly isPassing: boolean;

  constructor(
    message: string,
    hint: string,
    details: { status?: number; type?: string; info?: string; isPassing?: boolean; cause?: unknown } = {},
  ) {
    super("ERR_DAILY", message, hint, details.cause === undefined ? {} : { cause: details.cause });
    this.status = details.status;
    this.type = details.type;
    this.info = details.info;
    this.isPassing = details.isPassing ?? false;
  }
}

const KEY_HINT = "put the API key of this Daily domain (dashboard, Developers) into daily.keyFile";
const STATUS_HINTS: Readonly<Record<number, string>> = {
  400: "see the ids and times of the request",
  401: KEY_HINT,
  403: "this key has no right to it: see the domain's plan and the key's domain",
  404: "see whether the id or the name is right, and of this key's domain",
  429: "other programs share the limits of this key: try again in a minute",
};
const FOREIGN_HINT = "see daily.url, and whether a proxy stands between";

/** An answer that is no success. `body` is its JSON, undefined when it is none. */
export function explainStatus(path: string, status: number, body: unknown, key: string): DailyError {
  const secrets = [["key", key]] as const;
  const { error, info } = (body ?? {}) as { error?: unknown; info?: unknown };
  const isPassing = status === 408 || status === 429 || status >= 500;
  if (typeof error !== "string" && typeof info !== "string") {
    const hint = STATUS_HINTS[status] ?? (isPassing ? "try again later" : FOREIGN_HINT);
    return new DailyError(`Daily answered HTTP ${status} to ${path} without saying why`, hint, { status, isPassing });
  }
  const type = typeof error === "string" ? cleanText(error, secrets) : undefined;
  const said = typeof info === "string" ? cleanText(info, secrets) : undefined;
  const isKey = type === "authentication-error" || type === "authorization-header-error";
  const words = [type, said].filter((word) => word !== undefined).join(": ");
  return new DailyError(
    `Daily answered HTTP ${status} to ${path}: ${words}`,
    isKey ? KEY_HINT : (STATUS_HINTS[status] ?? "try again later"),
    { status, isPassing, ...(type === undefined ? {} : { type }), ...(said === undefined ? {} : { info: said }) },
  );
}

/** A success that is no JSON: cut off on the way, or not Daily's at all. */
export function explainBody(path: string, status: number, isHtml: boolean): DailyError {
  const what = isHtml ? "a web page" : "half an answer, or no JSON";
  return new DailyError(`Daily answered HTTP ${status} to ${path} with ${what}`, FOREIGN_HINT, {
    status,
    isPassing: true,
  });
}

/** No answer at all. */
export function explainThrown(path: string, thrown: unknown): DailyError {
  const { cause, message } = thrown as Error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  const why = typeof code === "string" ? code : message;
  return new DailyError(`no answer from Daily to ${path}: ${why}`, "see whether this host reaches daily.url", {
    isPassing: true,
    cause: thrown,
  });
}
