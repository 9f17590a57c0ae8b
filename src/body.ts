// SPDX-License-Identifier: MIT
import type { IncomingMessage } from "node:http";

/** No body that anybody has reason to send is longer. */
export const MAX_BODY_BYTES = 65_536;

/** The body of a request; undefined if it is too long. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
