// SPDX-License-Identifier: MIT
/** What the processes of the demo tell each other: plans as an argument, then one JSON object per line. */
import { createInterface } from "node:readline";
import type { ImpairmentOptions } from "./impairment.js";
import type { MediaKind } from "./media.js";

/** IPv4 address and UDP port. */
export interface Place {
  address: string;
  port: number;
}

export interface StreamPlan {
  kind: MediaKind;
  ssrc: number;
}

export interface EndpointPlan {
  seed: number;
  local: Place;
  remote: Place;
  streams: StreamPlan[];
  /** How long media and consent checks are sent. */
  seconds: number;
  /** Milliseconds between consent checks, on average (RFC 7675 randomises by 0.8 to 1.2). */
  consentInterval: number;
}

export interface SentStream extends StreamPlan {
  packets: number;
  bytes: number;
  headerBytes: number;
}

export interface EndpointReport {
  streams: SentStream[];
  /** Binding requests: transaction id, and when it was sent, ns of the monotonic clock. */
  requests: [id: string, at: number][];
  datagrams: number;
}

/** One of the two directions that the relay carries. */
export interface RelayPlan {
  /** Sockets of the relay, each connected to one end: what comes in at one goes out at the other. */
  left: { local: Place; remote: Place; impairment: ImpairmentOptions };
  right: { local: Place; remote: Place; impairment: ImpairmentOptions };
}

/** What the relay sent to one end, in order; times in ns of the monotonic clock, taken right before sending. */
export interface RelayReport {
  packets: [ssrc: number, sequence: number, timestamp: number, at: number][];
  responses: [id: string, at: number][];
  datagrams: number;
}

/** Lines of standard input. Ends the process when its parent is gone. */
export function readOrders(onOrder: (order: string) => void): void {
  createInterface({ input: process.stdin })
    .on("line", onOrder)
    .on("close", () => process.exit(0));
  process.on("SIGINT", () => {}); // the terminal's Ctrl-C is for the demo, which then closes our input
}

export function tell(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
