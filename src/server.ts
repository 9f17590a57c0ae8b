// SPDX-License-Identifier: MIT
/** Which product takes our points, by what the heads of its answers say. */
import type { IncomingHttpHeaders } from "node:http";

export interface Server {
  product: "InfluxDB" | "VictoriaMetrics" | "openGemini";
  /** As the server calls it, without a leading v. */
  version?: string;
}

function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && /^[\x20-\x7e]{1,60}$/.test(value) ? value.replace(/^v/, "") : undefined;
}

/** Undefined where no head of an answer tells, as a proxy before the server may have it. */
export function identifyServer(headers: IncomingHttpHeaders): Server | undefined {
  const gemini = headerText(headers, "x-geminidb-version");
  if (gemini !== undefined) return { product: "openGemini", version: gemini };
  // It also says that it were InfluxDB 1.8.0, for clients that ask.
  if (headers["x-server-hostname"] !== undefined) return { product: "VictoriaMetrics" };
  const version = headerText(headers, "x-influxdb-version");
  return version === undefined ? undefined : { product: "InfluxDB", version };
}

/** 1, 2 or 3 of an InfluxDB. */
export function majorVersion({ product, version = "" }: Server): number | undefined {
  const major = Number(/^\d+(?=\.)/.exec(version)?.[0]);
  return product === "InfluxDB" && major > 0 ? major : undefined;
}

export function formatServer({ product, version }: Server): string {
  return version === undefined ? product : `${product} ${version}`;
}
