// SPDX-License-Identifier: MIT
/**
 * InfluxDB 2 and 3 as far as a client of the 1.x API meets them, for no package of them can be installed here. What they answer
 * is from the source of 2.x (http/legacy: write_handler.go, influx1x_authentication_handler.go, ping_handler.go) and 3.x
 * (influxdb3_server/src/http.rs and its tests) and from their documentation.
 */
import type { ServerResponse } from "node:http";
import type { Behaviour, ServedRequest } from "./faultserver.js";

export interface VersionState {
  token: string;
  /** Databases that 2.x has a mapping for. */
  mapped: Set<string>;
  /** What was stored. */
  lines: Set<string>;
}

const TYPES: readonly [RegExp, string][] = [
  [/^-?\d+i$/, "integer"],
  [/^-?[\d.]+(e[+-]?\d+)?$/, "float"],
  [/^".*"$/, "string"],
  [/^(t|T|true|f|F|false)$/, "boolean"],
];

/** Why a line of our own measurements is not stored: their texts hold neither blanks nor commas. */
function findFault(line: string): { unreadable?: string; conflict?: [field: string, type: string] } {
  const fields = /^\w+,\S+ (\S+) \d+$/.exec(line)?.[1];
  if (fields === undefined) return { unreadable: "missing fields" };
  for (const field of fields.split(",")) {
    const [name = "", value = ""] = field.split("=");
    const type = TYPES.find(([pattern]) => pattern.test(value))?.[1];
    if (type === undefined) return { unreadable: "invalid boolean" };
    if (name === "jitter" && type !== "float") return { conflict: [name, type] };
  }
  return {};
}

function answer(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/** "Token T", "Bearer T", or Basic with T as the password. */
function isAllowed({ request }: ServedRequest, token: string): boolean {
  const [scheme = "", value = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme === "Basic") return Buffer.from(value, "base64").toString().endsWith(`:${token}`);
  return (scheme === "Token" || scheme === "Bearer") && value === token;
}

export function influxDb2(state: VersionState): Behaviour {
  return (response, served) => {
    response.setHeader("X-Influxdb-Build", "OSS");
    response.setHeader("X-Influxdb-Version", "v2.7.10");
    const refuse = (status: number, code: string, message: string) => answer(response, status, { code, message });
    if (served.path === "/ping") return answer(response, 204);
    if (!isAllowed(served, state.token)) return refuse(401, "unauthorized", "unauthorized access");
    if (served.path !== "/write") return refuse(404, "not found", "path not found");
    const database = new URL(served.request.url ?? "", "http://x").searchParams.get("db") ?? "";
    if (!state.mapped.has(database)) return refuse(404, "not found", "no dbrp mapping found");
    if (served.body === "") return refuse(400, "invalid", "writing requires points");
    const lines = served.body.split("\n");
    const faults = lines.map(findFault);
    // Nothing of a batch with an unreadable line is stored.
    const at = faults.findIndex(({ unreadable }) => unreadable !== undefined);
    if (at >= 0) {
      const message = `unable to parse points: unable to parse '${lines[at]}': ${faults[at]?.unreadable}`;
      return refuse(400, "invalid", message);
    }
    for (const [i, line] of lines.entries()) if (faults[i]?.conflict === undefined) state.lines.add(line);
    const conflicts = faults.flatMap(({ conflict }) => (conflict ? [conflict] : []));
    const [first] = conflicts;
    if (first === undefined) return answer(response, 204);
    const field = `input field "${first[0]}" on measurement "inbound_rtp" is type ${first[1]}, already exists as type float`;
    const partial = `partial write: field type conflict: ${field} dropped=${conflicts.length}`;
    return refuse(422, "unprocessable entity", `failure writing points to database: ${partial}`);
  };
}

export function influxDb3(state: VersionState): Behaviour {
  return (response, served) => {
    // Without a token it does not even say who it is.
    if (!isAllowed(served, state.token)) {
      return answer(response, 401, { error: "the request was not authenticated", data: null });
    }
    if (served.path === "/ping") {
      response.setHeader("X-Influxdb-Build", "Core");
      response.setHeader("X-Influxdb-Version", "3.9.0");
      return answer(response, 200, { version: "3.9.0", revision: "0", process_id: "0" });
    }
    if (served.path !== "/write") return answer(response, 404, { error: "not found" });
    const faults = (served.body === "" ? [] : served.body.split("\n")).flatMap((line, i) => {
      const { unreadable, conflict } = findFault(line);
      const column = conflict && `column type for column '${conflict[0]}', expected iox::column_type::field::float`;
      const message = column ? `invalid ${column}, got iox::column_type::field::${conflict?.[1]}` : unreadable;
      if (message === undefined) state.lines.add(line);
      return message === undefined ? [] : [{ original_line: line, line_number: i + 1, error_message: message }];
    });
    if (faults.length === 0) return answer(response, 204);
    return answer(response, 400, { error: "partial write of line protocol occurred", data: faults });
  };
}
