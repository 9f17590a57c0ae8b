// SPDX-License-Identifier: MIT
/** Would this InfluxDB take our points? If not: what is missing, and the command that mends it. */
import type { Missing, Verdict } from "./answer.js";
import { Database, type InfluxOptions } from "./database.js";
import type { RtcprobeError } from "./errors.js";

export interface InfluxCheck {
  ok: boolean;
  /** As the server calls it. */
  version?: string;
  /** One line: what works, or what is missing and how to mend it. */
  message: string;
}

const quoteName = (name: string): string => `"${name.replace(/["\\]/g, "\\$&")}"`;

/** The command that makes what is missing. */
function creationCommand(missing: Missing, database: Database, options: InfluxOptions): string {
  const name = quoteName(options.database);
  const policy = quoteName(options.retentionPolicy ?? "autogen");
  if (/^v?2/.test(database.version ?? "")) {
    return `influx v1 dbrp create --db ${name} --rp ${policy} --default --bucket-id ID`;
  }
  const query =
    missing === "database"
      ? `CREATE DATABASE ${name}`
      : `CREATE RETENTION POLICY ${policy} ON ${name} DURATION 30d REPLICATION 1`;
  return `curl -X POST '${new URL(options.url).origin}/query' --data-urlencode 'q=${query}'`;
}

function examine(verdict: Verdict, database: Database, options: InfluxOptions): Omit<InfluxCheck, "version"> {
  switch (verdict.kind) {
    case "hold": {
      const { missing, reason, hint } = verdict;
      if (missing === undefined) return { ok: false, message: `${reason}; ${hint}` };
      if (missing === "database" && options.createDatabase) {
        return {
          ok: true,
          message: `database ${quoteName(options.database)} is not there yet; the first write makes it`,
        };
      }
      return { ok: false, message: `${reason}; run: ${creationCommand(missing, database, options)}` };
    }
    case "retry":
      return { ok: false, message: `${verdict.reason}; see whether it runs there, and what its log says` };
    default:
      // Some servers refuse an empty body, but only after they have looked at who sends it and where to.
      return { ok: true, message: `takes points for database ${quoteName(options.database)}` };
  }
}

/** Writes an empty batch: no point comes of it, nothing is created. Never rejects. `deadlineMs` is for one request. */
export async function checkInflux(options: InfluxOptions, deadlineMs = 10_000): Promise<InfluxCheck> {
  let database: Database;
  try {
    database = new Database(options, deadlineMs);
  } catch (error) {
    const { message, hint } = error as RtcprobeError;
    return { ok: false, message: `${message}; ${hint}` };
  }
  const verdict = await database.write([]);
  const { ok, message } = examine(verdict, database, options);
  database.close();
  const { version, place } = database;
  return { ok, ...(version === undefined ? {} : { version }), message: `${place}: ${message}` };
}
