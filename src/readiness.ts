// SPDX-License-Identifier: MIT
/** Would this server take our points? Which one is it, what is missing, and the command that mends it. */
import type { Missing, Verdict } from "./answer.js";
import { Database, type InfluxOptions } from "./database.js";
import type { RtcprobeError } from "./errors.js";
import { formatLines } from "./line.js";
import { formatServer, majorVersion, type Server } from "./server.js";

export interface InfluxCheck {
  ok: boolean;
  /** Which it is, if it says so. */
  server?: Server;
  /** One line: what works, or what is missing and how to mend it. */
  message: string;
}

const quoteName = (name: string): string => `"${name.replace(/["\\]/g, "\\$&")}"`;
/** For a shell. */
const quoteWord = (word: string): string => `'${word.replace(/'/g, "'\\''")}'`;

/** InfluxDB 2 has buckets, and a mapping for who asks for a database. */
function mappingCommand({ database, retentionPolicy = "autogen" }: InfluxOptions): string {
  const name = quoteWord(database);
  const id = `"$(influx bucket list --name ${name} --hide-headers | cut -f 1)"`;
  const rest = `--db ${name} --rp ${quoteWord(retentionPolicy)} --default --bucket-id ${id}`;
  return `influx bucket create --name ${name}; influx v1 dbrp create ${rest}`;
}

/** The command that makes what is missing. */
function creationCommand(missing: Missing, server: Server | undefined, options: InfluxOptions): string {
  const major = server && majorVersion(server);
  if (major === 2) return mappingCommand(options);
  if (major === 3) return `influxdb3 create database ${quoteWord(options.database)}`;
  const name = quoteName(options.database);
  const policy = quoteName(options.retentionPolicy ?? "autogen");
  const query =
    missing === "database"
      ? `CREATE DATABASE ${name}`
      : `CREATE RETENTION POLICY ${policy} ON ${name} DURATION 30d REPLICATION 1`;
  const url = `${options.url.replace(/\/+$/, "")}/query`;
  return `curl -X POST ${quoteWord(url)} --data-urlencode ${quoteWord(`q=${query}`)}`;
}

/** How to get what `influx.tokenFile` is to hold. */
function tokenCommand(server: Server | undefined): string | undefined {
  const major = server && majorVersion(server);
  if (major === 2) return "influx auth create --write-buckets";
  return major === 3 ? "influxdb3 create token --admin" : undefined;
}

function examine(verdict: Verdict, server: Server | undefined, options: InfluxOptions): Omit<InfluxCheck, "server"> {
  const name = quoteName(options.database);
  switch (verdict.kind) {
    case "hold": {
      const { missing, reason, hint } = verdict;
      if (missing === "database" && options.createDatabase && (server && majorVersion(server)) !== 2) {
        return { ok: true, message: `database ${name} is not there yet; the first write makes it` };
      }
      const token = verdict.status === 401 ? tokenCommand(server) : undefined;
      const command = missing === undefined ? token : creationCommand(missing, server, options);
      if (missing === undefined && command === undefined) return { ok: false, message: `${reason}; ${hint}` };
      const advice = missing === undefined ? `${hint}; ` : "";
      return { ok: false, message: `${reason}; ${advice}run: ${command}` };
    }
    case "retry":
      return { ok: false, message: `${verdict.reason}; see whether it runs there, and what its log says` };
    default: {
      // Some servers refuse an empty body, but only after they have looked at who sends it and where to.
      const limits =
        server?.product === "VictoriaMetrics"
          ? "; it keeps ms and numbers only, and is asked by PromQL, not InfluxQL"
          : "";
      return { ok: true, message: `takes points for database ${name}${limits}` };
    }
  }
}

/** Asks who is there, and writes an empty batch: no point comes of it, nothing is created. Never rejects. `deadlineMs` is for one request. */
export async function checkInflux(options: InfluxOptions, deadlineMs = 10_000): Promise<InfluxCheck> {
  let database: Database;
  try {
    database = new Database(options, deadlineMs);
  } catch (error) {
    const { message, hint } = error as RtcprobeError;
    return { ok: false, message: `${message}; ${hint}` };
  }
  const verdict = await database.write(formatLines([]));
  // A server of which the answer to a write does not tell says it when it is greeted.
  if (database.server === undefined && verdict.kind !== "retry") await database.ping();
  const { server, place } = database;
  const { ok, message } = examine(verdict, server, options);
  database.close();
  const named = server === undefined ? place : place.replace("InfluxDB", formatServer(server));
  return { ok, ...(server === undefined ? {} : { server }), message: `${named}: ${message}` };
}
