// SPDX-License-Identifier: MIT
/** Daily's REST API: the endpoints that tell of calls. Each method throws DailyError, or ERR_CLOSED when aborted. */
import { DailyError } from "./failure.js";
import {
  type DailyLog,
  type DailyMeeting,
  type DailyMetric,
  type DailyParticipant,
  type DailyPresence,
  type Records,
  readLogs,
  readMeetings,
  readMember,
  readMetrics,
  readParticipants,
  readPresence,
  readPresenceMap,
} from "./record.js";
import { type DailyOptions, type Query, Requester } from "./request.js";

/** Of a meeting, of a participant, or of one participant in one meeting. */
export interface LogsQuery {
  meeting?: string | undefined;
  participant?: string | undefined;
  includeLogs?: boolean;
  includeMetrics?: boolean;
  level?: "ERROR" | "INFO" | "DEBUG" | undefined;
  order?: "ASC" | "DESC";
  /** Milliseconds since the Unix epoch. */
  startTime?: number | undefined;
  endTime?: number | undefined;
  limit?: number;
  offset?: number;
}

export interface LogsPage {
  logs: DailyLog[];
  metrics: DailyMetric[];
  /** Items that were no records. */
  unusable: number;
}

export interface MeetingsQuery {
  room?: string | undefined;
  /** Seconds since the Unix epoch: the meeting began at or after, and before. */
  timeframeStart?: number | undefined;
  timeframeEnd?: number | undefined;
  ongoing?: boolean | undefined;
  /** Leave out the participants. */
  noParticipants?: boolean | undefined;
}

const PAGE = 100;

function logsQuery(query: LogsQuery): Query {
  const { meeting, participant, level, ...rest } = query;
  return { ...rest, mtgSessionId: meeting, userSessionId: participant, logLevel: level };
}

export class Daily {
  readonly #requester: Requester;

  /** @throws RtcprobeError ERR_CONFIG when the key cannot be sent */
  constructor(options: DailyOptions) {
    this.#requester = new Requester(options);
  }

  /** One page of `/logs`; Daily's defaults hold for what the query leaves out. */
  async logs(query: LogsQuery, signal?: AbortSignal): Promise<LogsPage> {
    const answer = await this.#requester.get("/logs", logsQuery(query), signal);
    const logs = readLogs(readMember(answer, "logs"));
    const metrics = readMetrics(readMember(answer, "metrics"));
    return { logs: logs.records, metrics: metrics.records, unusable: logs.unusable + metrics.unusable };
  }

  /** All log records, oldest first unless the query says otherwise. */
  allLogs(query: LogsQuery, signal?: AbortSignal): AsyncGenerator<DailyLog> {
    return this.#pageLogs({ ...query, includeLogs: true, includeMetrics: false }, (page) => page.logs, signal);
  }

  /** All metric records, asked for alone: what a page's limit counts when it holds both is not documented. */
  allMetrics(query: LogsQuery, signal?: AbortSignal): AsyncGenerator<DailyMetric> {
    return this.#pageLogs({ ...query, includeLogs: false, includeMetrics: true }, (page) => page.metrics, signal);
  }

  /** Newest first. */
  async *meetings(query: MeetingsQuery = {}, signal?: AbortSignal): AsyncGenerator<DailyMeeting> {
    const { room, timeframeStart, timeframeEnd, ongoing, noParticipants } = query;
    const common = {
      room,
      timeframe_start: timeframeStart,
      timeframe_end: timeframeEnd,
      ongoing,
      no_participants: noParticipants,
      limit: PAGE,
    };
    const ask = async (last: DailyMeeting | undefined): Promise<Records<DailyMeeting>> => {
      const answer = await this.#requester.get("/meetings", { ...common, starting_after: last?.id }, signal);
      return readMeetings(readMember(answer, "data"));
    };
    yield* pageCursor(ask, ({ id }) => id);
  }

  async meeting(id: string, signal?: AbortSignal): Promise<DailyMeeting> {
    const path = `/meetings/${encodeURIComponent(id)}`;
    const [meeting] = readMeetings(await this.#requester.get(path, {}, signal)).records;
    if (meeting) return meeting;
    throw new DailyError(`Daily's answer to ${path} is no meeting`, "see whether the id is right");
  }

  /** None for a meeting that Daily does not know: it answers 404 to that and to the page after the last alike. */
  async *participants(meeting: string, signal?: AbortSignal): AsyncGenerator<DailyParticipant> {
    const path = `/meetings/${encodeURIComponent(meeting)}/participants`;
    const ask = async (last: DailyParticipant | undefined): Promise<Records<DailyParticipant>> => {
      try {
        const query = { limit: PAGE, joined_after: last?.participant_id };
        return readParticipants(readMember(await this.#requester.get(path, query, signal), "data"));
      } catch (error) {
        if (error instanceof DailyError && error.status === 404) return { records: [], unusable: 0 };
        throw error;
      }
    };
    yield* pageCursor(ask, ({ participant_id }) => participant_id);
  }

  /** Who is in a room now, up to 15 s ago; of all rooms. */
  async presence(signal?: AbortSignal): Promise<DailyPresence[]> {
    return readPresenceMap(await this.#requester.get("/presence", {}, signal)).records;
  }

  async roomPresence(room: string, signal?: AbortSignal): Promise<DailyPresence[]> {
    const path = `/rooms/${encodeURIComponent(room)}/presence`;
    return readPresence(readMember(await this.#requester.get(path, {}, signal), "data")).records;
  }

  /**
   * Pages by offset until one is empty: the largest page that Daily gives is not documented, so a short one says nothing.
   * Oldest first, so that what arrives meanwhile moves nothing.
   */
  async *#pageLogs<T extends { raw: unknown }>(
    query: LogsQuery,
    pick: (page: LogsPage) => T[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T> {
    const most = query.limit ?? Number.POSITIVE_INFINITY;
    let given = 0;
    let first: string | undefined;
    for (let offset = query.offset ?? 0; given < most; ) {
      const limit = Math.min(PAGE, most - given);
      const answer = await this.logs({ order: "ASC", ...query, limit, offset }, signal);
      const records = pick(answer);
      const begin = JSON.stringify(records[0]?.raw);
      // A server that knows no offset would give its first page for ever.
      if (records.length + answer.unusable === 0 || (offset > 0 && begin === first)) return;
      first ??= begin;
      yield* records.slice(0, most - given);
      given += records.length;
      offset += records.length + answer.unusable;
    }
  }
}

/** Pages by cursor until one is empty or brings nothing new. */
async function* pageCursor<T>(
  ask: (last: T | undefined) => Promise<Records<T>>,
  idOf: (record: T) => string,
): AsyncGenerator<T> {
  const seen = new Set<string>();
  for (let last: T | undefined; ; ) {
    const { records } = await ask(last);
    const fresh = records.filter((record) => !seen.has(idOf(record)));
    for (const record of fresh) seen.add(idOf(record));
    yield* fresh;
    last = fresh.at(-1);
    if (last === undefined) return;
  }
}
