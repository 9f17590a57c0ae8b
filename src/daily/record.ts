// SPDX-License-Identifier: MIT
/**
 * Daily's records. The metrics have no public schema: nothing unknown, missing or null is an error, and `raw` keeps all of
 * it. Names are ours where Daily has several for one thing: a meeting's id is also its mtgSessionId, a participant's id also
 * userSessionId, participant_id and session_id.
 */
import * as z from "zod";
import { type Moment, parseTimestamp } from "./timestamp.js";

export type Raw = Readonly<Record<string, unknown>>;

const text = z.string().min(1).optional().catch(undefined);
const number = z.number().optional().catch(undefined);
const truth = z.boolean().optional().catch(undefined);
const moment = z
  .unknown()
  .optional()
  .transform((value): Moment | undefined => parseTimestamp(value));

const logSchema = z.object({
  time: moment,
  clientTime: moment,
  mtgSessionId: text,
  userSessionId: text,
  peerId: text,
  message: text,
  level: number,
  code: number,
});

const metricSchema = z.object({
  time: moment,
  clientTime: moment,
  mtgSessionId: text,
  userSessionId: text,
  peerId: text,
  roomName: text,
  videoRecvPacketLoss: number,
  userRecvBitsPerSecAvg: number,
  userRecvBitsPerSecMax: number,
  userRecvBitsPerSecMin: number,
  userSentBitsPerSecAvg: number,
  userSentBitsPerSecMax: number,
  userSentBitsPerSecMin: number,
});

const participantSchema = z.object({
  participant_id: text,
  user_id: text,
  user_name: text,
  join_time: number,
  duration: number,
});

const meetingSchema = z.object({
  id: text,
  room: text,
  start_time: number,
  duration: number,
  ongoing: truth,
  max_participants: number,
  participants: z.unknown().optional(),
});

const presenceSchema = z.object({
  id: text,
  room: text,
  userId: text,
  userName: text,
  mtgSessionId: text,
  joinTime: moment,
  duration: number,
});

type Known<Schema extends z.ZodType> = z.output<Schema> & { raw: Raw };

export type DailyLog = Known<typeof logSchema> & { time: Moment };
export type DailyMetric = Known<typeof metricSchema> & { time: Moment };
/** Times are seconds since the Unix epoch, durations seconds. */
export type DailyParticipant = Known<typeof participantSchema> & { participant_id: string };
export type DailyMeeting = Omit<Known<typeof meetingSchema>, "participants"> & {
  id: string;
  participants: DailyParticipant[];
};
export type DailyPresence = Known<typeof presenceSchema> & { id: string };

/** What a list held: the records, and how many of its items were none. */
export interface Records<T> {
  records: T[];
  unusable: number;
}

function isRaw(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `key` is what a record cannot be without. */
function readList<Schema extends z.ZodType, Key extends keyof z.output<Schema>>(
  value: unknown,
  schema: Schema,
  key: Key,
): Records<Known<Schema> & Record<Key, NonNullable<z.output<Schema>[Key]>>> {
  if (value === undefined || value === null) return { records: [], unusable: 0 };
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const records = items
    .filter(isRaw)
    .map((raw) => ({ ...(schema.parse(raw) as object), raw }) as Known<Schema>)
    .filter((record): record is Known<Schema> & Record<Key, NonNullable<z.output<Schema>[Key]>> => {
      return record[key] !== undefined;
    });
  return { records, unusable: items.length - records.length };
}

export const readLogs = (value: unknown): Records<DailyLog> => readList(value, logSchema, "time");
export const readMetrics = (value: unknown): Records<DailyMetric> => readList(value, metricSchema, "time");
export const readParticipants = (value: unknown): Records<DailyParticipant> =>
  readList(value, participantSchema, "participant_id");
export const readPresence = (value: unknown): Records<DailyPresence> => readList(value, presenceSchema, "id");

export function readMeetings(value: unknown): Records<DailyMeeting> {
  const { records, unusable } = readList(value, meetingSchema, "id");
  return {
    records: records.map((meeting) => ({ ...meeting, participants: readParticipants(meeting.participants).records })),
    unusable,
  };
}

/** A member of an answer that is an object; undefined in any other answer. */
export function readMember(answer: unknown, name: string): unknown {
  return isRaw(answer) ? answer[name] : undefined;
}

/** `/presence` is a map from room to a list. */
export function readPresenceMap(answer: unknown): Records<DailyPresence> {
  const lists = isRaw(answer) ? Object.values(answer) : [];
  return readPresence(lists.flat());
}
