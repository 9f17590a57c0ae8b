// SPDX-License-Identifier: MIT
/** One GET of Daily's REST API: within the limits, within a deadline, tried again when that may help. */
import { RtcprobeError } from "../errors.js";
import { OwnBudget, SharedBudget } from "./budget.js";
import { type Clock, REAL_CLOCK } from "./clock.js";
import { DailyError, explainBody, explainStatus, explainThrown } from "./failure.js";
import { Limiter } from "./limiter.js";

export const DAILY_URL = "https://api.daily.co/v1";

export interface DailyOptions {
  /** The API key of a Daily domain. */
  key: string;
  /** Where the API is; absent: Daily's own. */
  url?: string | undefined;
  /** For one attempt, and for all attempts of one request together; milliseconds. */
  attemptMs?: number;
  deadlineMs?: number;
  attempts?: number;
  /** Where the requests of all processes are counted together; absent: this client counts its own. */
  budgetFile?: string | undefined;
  clock?: Clock;
}

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 30_000;
const MAX_BODY_BYTES = 2 ** 26;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Milliseconds that the server asks us to wait: seconds, or a date (RFC 9110 10.2.3). */
function readRetryAfter(header: string | null): number {
  if (header === null) return 0;
  if (/^\d{1,6}$/.test(header.trim())) return Number(header) * 1000;
  const until = Date.parse(header);
  return Number.isNaN(until) ? 0 : Math.max(0, until - Date.now());
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): { value?: unknown } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return {};
  }
}

function checkKey(key: string): void {
  if (/^[\x21-\x7e]+$/.test(key)) return;
  throw new RtcprobeError(
    "ERR_CONFIG",
    "the Daily key holds a blank or a character that HTTP cannot carry",
    "write the key, and nothing else, into its file",
  );
}

export class Requester {
  readonly #options: Required<Omit<DailyOptions, "url" | "budgetFile">>;
  readonly #base: string;
  readonly #limiter: Limiter;

  /** @throws RtcprobeError ERR_CONFIG when the key cannot be sent */
  constructor({ key, url = DAILY_URL, budgetFile, attemptMs = 15_000, deadlineMs = 120_000, ...rest }: DailyOptions) {
    checkKey(key);
    const { attempts = 6, clock = REAL_CLOCK } = rest;
    this.#options = { key, attemptMs, deadlineMs, attempts, clock };
    this.#base = url.replace(/\/+$/, "");
    const budget = budgetFile === undefined ? new OwnBudget() : new SharedBudget(budgetFile);
    this.#limiter = new Limiter({ clock, budget, flightMs: attemptMs });
  }

  /**
   * The JSON of an answer.
   * @throws DailyError; RtcprobeError ERR_CLOSED when the signal is aborted
   */
  async get(path: string, query: Query = {}, signal?: AbortSignal): Promise<unknown> {
    const { clock, attempts, deadlineMs } = this.#options;
    const end = clock.now() + deadlineMs;
    try {
      for (let attempt = 1; ; attempt++) {
        const outcome = await this.#limiter.run(() => this.#attempt(path, query, signal), signal);
        if (!("error" in outcome)) return outcome.value;
        const { error, retryAfterMs } = outcome;
        // Full jitter: hosts that failed together do not come back together.
        const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (attempt - 1));
        const waitMs = Math.max(retryAfterMs, Math.random() * ceiling);
        if (!error.isPassing || attempt >= attempts || clock.now() + waitMs > end) throw error;
        if (error.status === 429) await this.#limiter.hold(waitMs);
        else await clock.sleep(waitMs, signal);
      }
    } catch (error) {
      if (error instanceof DailyError || !signal?.aborted) throw error;
      throw new RtcprobeError("ERR_CLOSED", "stopped before Daily had answered", undefined, { cause: error });
    }
  }

  async #attempt(
    path: string,
    query: Query,
    signal: AbortSignal | undefined,
  ): Promise<{ value: unknown } | { error: DailyError; retryAfterMs: number }> {
    const { key, attemptMs } = this.#options;
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const deadline = AbortSignal.timeout(attemptMs);
    try {
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${key}`, accept: "application/json" },
        // A redirect could lead the key elsewhere.
        redirect: "manual",
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
      const text = await readText(response);
      const { value } = parseJson(text);
      const { status, headers } = response;
      if (status === 200 && value !== undefined) return { value };
      const isHtml = /^\s*</.test(text);
      const error = status === 200 ? explainBody(path, status, isHtml) : explainStatus(path, status, value, key);
      return { error, retryAfterMs: readRetryAfter(headers.get("retry-after")) };
    } catch (thrown) {
      signal?.throwIfAborted();
      const cause = deadline.aborted ? new Error(`none within ${attemptMs / 1000} s`) : thrown;
      return { error: explainThrown(path, cause), retryAfterMs: 0 };
    }
  }
}
