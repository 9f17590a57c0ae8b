// SPDX-License-Identifier: MIT
/** What Daily says of meetings, participants, logs and presence. */
import { loadConfig } from "../config.js";
import type { Daily, LogsQuery } from "../daily/client.js";
import { formatCsv } from "../daily/flat.js";
import type { DailyLog, DailyMetric, Raw } from "../daily/record.js";
import { openDaily } from "../dailyconfig.js";
import { parseDuration, parseWhole, quoteText } from "../duration.js";
import { RtcprobeError } from "../errors.js";
import { type Column, renderTable } from "../table.js";
import { formatBitRate, formatPercent } from "../view.js";
import type { CommandContext, Flags } from "./context.js";
import { readFlag } from "./flag.js";

export interface DailyFlags extends Flags {
  room?: string;
  since?: string;
  until?: string;
  ongoing?: boolean;
  limit?: string;
  meeting?: string;
  participant?: string;
  level?: string;
  metrics?: boolean;
  csv?: boolean;
}

const ABSENT = "-";
const PROGRESS_EVERY = 100;

/** @throws RtcprobeError ERR_CONFIG when there is no key */
async function findDaily({ env }: CommandContext, flags: Flags): Promise<Daily> {
  const daily = await openDaily(await loadConfig({ flags, env, path: flags.config }));
  if (daily) return daily;
  const hint = "put the API key of the domain (dashboard, Developers) into a file, and give it as --daily-key-file";
  throw new RtcprobeError("ERR_CONFIG", "there is no Daily key", hint);
}

/** Milliseconds since the Unix epoch, of a date or of a time ago. */
function readTime(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(date)) return date;
  return readFlag(flag, () => {
    try {
      return Date.now() - parseDuration(text);
    } catch {
      const hint = "write for example 2h, or 2026-03-23T16:00:00Z";
      throw new RtcprobeError("ERR_USAGE", `${quoteText(text)} is no time`, hint);
    }
  });
}

function readLimit(text: string | undefined): number {
  const limit = text === undefined ? Number.POSITIVE_INFINITY : readFlag("--limit", () => parseWhole(text));
  if (limit === 0) throw new RtcprobeError("ERR_USAGE", "--limit: 0 is out of range", "give 1 or more");
  return limit;
}

/** At most so many, with a word on the terminal now and then: Daily gives 100 at a time. */
async function collect<T>(context: CommandContext, items: AsyncIterable<T>, what: string, limit: number): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
    if (all.length % PROGRESS_EVERY === 0) context.progress(`${all.length} ${what} …`);
    if (all.length >= limit) break;
  }
  context.progress("");
  return all;
}

const show = (value: string | number | undefined): string => (value === undefined ? ABSENT : String(value));
const showTime = (ms: number | undefined): string => (ms === undefined ? ABSENT : new Date(ms).toISOString());
const showSeconds = (seconds: number | undefined): string =>
  seconds === undefined ? ABSENT : showTime(seconds * 1000).replace(".000Z", "Z");
const left = (...titles: string[]): Column[] => titles.map((title) => ({ title }));

interface Shown {
  name: string;
  raw: readonly Raw[];
  columns: Column[];
  rows: string[][];
}

function print({ output }: CommandContext, flags: DailyFlags, shown: Shown): void {
  const { name, raw, columns, rows } = shown;
  if (flags.json) output.line(JSON.stringify({ [name]: raw }));
  else if (flags.csv) output.lines(formatCsv(raw));
  else if (rows.length === 0) output.line(`no ${name}`);
  else output.lines(renderTable(columns, rows, output.emphasise));
}

/** @throws DailyError, RtcprobeError ERR_USAGE, ERR_CONFIG */
export async function meetingsCommand(context: CommandContext, flags: DailyFlags): Promise<void> {
  const [since, until] = [readTime("--since", flags.since), readTime("--until", flags.until)];
  const limit = readLimit(flags.limit);
  const daily = await findDaily(context, flags);
  const query = {
    room: flags.room,
    timeframeStart: since && Math.floor(since / 1000),
    timeframeEnd: until && Math.ceil(until / 1000),
    ongoing: flags.ongoing,
  };
  const meetings = await collect(context, daily.meetings(query, context.stopSignal()), "meetings", limit);
  print(context, flags, {
    name: "meetings",
    raw: meetings.map(({ raw }) => raw),
    columns: left("MEETING", "ROOM", "BEGAN", "SECONDS", "ONGOING", "PARTICIPANTS"),
    rows: meetings.map((m) => {
      const ongoing = m.ongoing === undefined ? ABSENT : m.ongoing ? "yes" : "no";
      return [m.id, show(m.room), showSeconds(m.start_time), show(m.duration), ongoing, show(m.max_participants)];
    }),
  });
}

/** @throws DailyError, RtcprobeError ERR_CONFIG */
export async function participantsCommand(context: CommandContext, meeting: string, flags: DailyFlags): Promise<void> {
  const limit = readLimit(flags.limit);
  const daily = await findDaily(context, flags);
  const people = await collect(context, daily.participants(meeting, context.stopSignal()), "participants", limit);
  print(context, flags, {
    name: "participants",
    raw: people.map(({ raw }) => raw),
    columns: left("PARTICIPANT", "NAME", "USER", "JOINED", "SECONDS"),
    rows: people.map((p) => [
      p.participant_id,
      show(p.user_name),
      show(p.user_id),
      showSeconds(p.join_time),
      show(p.duration),
    ]),
  });
}

/** @throws DailyError, RtcprobeError ERR_CONFIG */
export async function presenceCommand(
  context: CommandContext,
  room: string | undefined,
  flags: DailyFlags,
): Promise<void> {
  const daily = await findDaily(context, flags);
  const signal = context.stopSignal();
  const here = room === undefined ? await daily.presence(signal) : await daily.roomPresence(room, signal);
  print(context, flags, {
    name: "presence",
    raw: here.map(({ raw }) => raw),
    columns: left("ROOM", "PARTICIPANT", "NAME", "MEETING", "JOINED", "SECONDS"),
    rows: here.map((p) => [
      show(p.room),
      p.id,
      show(p.userName),
      show(p.mtgSessionId),
      showTime(p.joinTime?.ms),
      show(p.duration),
    ]),
  });
}

function readLevel(text: string | undefined): LogsQuery["level"] {
  const level = text?.toUpperCase();
  if (level === undefined || level === "ERROR" || level === "INFO" || level === "DEBUG") return level;
  throw new RtcprobeError("ERR_USAGE", `--level: ${quoteText(level)} is no level`, "give ERROR, INFO or DEBUG");
}

const LEVELS = ["error", "info", "debug"];

function logRow({ time, level, userSessionId, code, message }: DailyLog): string[] {
  const name = level === undefined ? ABSENT : (LEVELS[level] ?? String(level));
  return [showTime(time.ms), name, show(userSessionId), show(code), show(message)];
}

function metricRow(metric: DailyMetric): string[] {
  const { time, userSessionId, userRecvBitsPerSecAvg: received, userSentBitsPerSecAvg: sent } = metric;
  const { videoRecvPacketLoss: loss } = metric;
  return [
    showTime(time.ms),
    show(userSessionId),
    received === undefined ? ABSENT : formatBitRate(received),
    sent === undefined ? ABSENT : formatBitRate(sent),
    loss === undefined ? ABSENT : formatPercent(loss),
  ];
}

/** @throws DailyError, RtcprobeError ERR_USAGE, ERR_CONFIG */
export async function logsCommand(context: CommandContext, flags: DailyFlags): Promise<void> {
  const { meeting, participant } = flags;
  if (meeting === undefined && participant === undefined) {
    throw new RtcprobeError("ERR_USAGE", "neither --meeting nor --participant is given", "give one of them, or both");
  }
  const startTime = readTime("--since", flags.since);
  const endTime = readTime("--until", flags.until);
  const query: LogsQuery = { meeting, participant, level: readLevel(flags.level), startTime, endTime };
  const limit = readLimit(flags.limit);
  const daily = await findDaily(context, flags);
  const signal = context.stopSignal();
  if (flags.metrics) {
    const metrics = await collect(context, daily.allMetrics(query, signal), "metrics", limit);
    const columns = left("TIME", "PARTICIPANT", "RECEIVED", "SENT", "VIDEO LOSS");
    print(context, flags, {
      name: "metrics",
      raw: metrics.map(({ raw }) => raw),
      columns,
      rows: metrics.map(metricRow),
    });
    return;
  }
  const logs = await collect(context, daily.allLogs(query, signal), "logs", limit);
  const columns = left("TIME", "LEVEL", "PARTICIPANT", "CODE", "MESSAGE");
  print(context, flags, { name: "logs", raw: logs.map(({ raw }) => raw), columns, rows: logs.map(logRow) });
}
