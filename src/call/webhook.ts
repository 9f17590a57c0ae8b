// SPDX-License-Identifier: MIT
/** Daily's webhooks: only what carries the right signature, is new, and was not heard before. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import * as z from "zod";
import { readBody } from "../body.js";
import { errnoName, RtcprobeError } from "../errors.js";

export interface WebhookOptions {
  address: string;
  port: number;
  /** The webhook's `hmac`, base64. */
  secret: string;
}

export interface EndedMeeting {
  meeting: string;
  /** Milliseconds since the Unix epoch. */
  endedAt: number;
}

export interface Webhook {
  port: number;
  /** From now on. */
  useSecret(secret: string): void;
  close(): Promise<void>;
}

const PATIENCE_MS = 5_000;
/** An event is no older, and no newer; milliseconds. */
const AGE_MS = 300_000;

const endedSchema = z.looseObject({
  type: z.literal("meeting.ended"),
  payload: z.looseObject({ meeting_id: z.string().min(1).max(200), end_ts: z.number().optional().catch(undefined) }),
});

/** The signature that Daily makes (its webhook guide): base64 of HMAC-SHA256 over `timestamp.body`. */
export function signWebhook(secret: string, timestamp: string, body: string): string {
  return createHmac("sha256", Buffer.from(secret, "base64")).update(`${timestamp}.${body}`).digest("base64");
}

function isSigned(secret: string, timestamp: string, body: string, signature: string): boolean {
  const [wanted, given] = [Buffer.from(signWebhook(secret, timestamp, body)), Buffer.from(signature)];
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}

/** Seconds or milliseconds: which of them the header holds is not documented. */
function ageOf(timestamp: string, nowMs: number): number {
  const number = /^\d{1,16}(\.\d{1,9})?$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  return Math.abs(nowMs - (number < 1e11 ? number * 1000 : number));
}

/** Checks events one after another, and remembers the signatures that are not too old yet. */
export class WebhookGate {
  readonly #secret: string;
  readonly #heard = new Map<string, number>();

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** The status to answer with, and the meeting that ended, if that is what the event tells. */
  judge(
    headers: { timestamp?: string | undefined; signature?: string | undefined },
    body: string,
    nowMs: number,
  ): { status: number; ended?: EndedMeeting } {
    const { timestamp, signature } = headers;
    // What Daily sends when the webhook is made, before it has a signature.
    if (/^\s*\{\s*"test"\s*:\s*"test"\s*\}\s*$/.test(body)) return { status: 200 };
    if (timestamp === undefined || signature === undefined) return { status: 401 };
    if (!isSigned(this.#secret, timestamp, body, signature)) return { status: 401 };
    // Also when the timestamp is no number.
    if (!(ageOf(timestamp, nowMs) <= AGE_MS)) return { status: 401 };
    for (const [old, at] of this.#heard) if (nowMs - at > 2 * AGE_MS) this.#heard.delete(old);
    if (this.#heard.has(signature)) return { status: 409 };
    this.#heard.set(signature, nowMs);
    return { status: 200, ...readEnded(body, nowMs) };
  }
}

function readEnded(body: string, nowMs: number): { ended?: EndedMeeting } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {};
  }
  const event = endedSchema.safeParse(value);
  if (!event.success) return {};
  const { meeting_id: meeting, end_ts: end } = event.data.payload;
  // Its clock may be ahead of ours.
  return { ended: { meeting, endedAt: end === undefined ? nowMs : Math.min(nowMs, end * 1000) } };
}

/**
 * Listens for webhooks.
 * @throws RtcprobeError ERR_CONFIG when the address cannot be had
 */
export async function openWebhook(
  { address, port, secret }: WebhookOptions,
  onEnded: (ended: EndedMeeting) => void,
): Promise<Webhook> {
  let gate = new WebhookGate(secret);
  const header = (request: IncomingMessage, name: string): string | undefined => request.headers[name]?.toString();
  const server = createServer({ requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS }, (request, response) => {
    const judge = async (): Promise<number> => {
      if (request.method !== "POST") return 405;
      const body = await readBody(request);
      if (body === undefined) return 413;
      const signed = {
        timestamp: header(request, "x-webhook-timestamp"),
        signature: header(request, "x-webhook-signature"),
      };
      const { status, ended } = gate.judge(signed, body, Date.now());
      if (ended) onEnded(ended);
      return status;
    };
    judge().then(
      (status) => response.writeHead(status, { "content-type": "application/json", connection: "close" }).end("{}\n"),
      () => response.destroy(),
    );
  });
  server.maxConnections = 64;
  try {
    server.listen(port, address);
    await once(server, "listening");
  } catch (cause) {
    const message = `cannot listen for webhooks on ${address} port ${port}: ${errnoName(cause)}`;
    throw new RtcprobeError("ERR_CONFIG", message, "give another daily.webhook", { cause });
  }
  return {
    port: (server.address() as { port: number }).port,
    useSecret(next) {
      gate = new WebhookGate(next);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
