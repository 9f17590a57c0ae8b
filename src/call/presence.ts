// SPDX-License-Identifier: MIT
/** Who is in the configured rooms, as calls: one per meeting, or one per participant of this host's name. */
import type { DailyPresence } from "../daily/record.js";
import type { Call, CallRequest } from "./call.js";

export interface PresenceOptions {
  rooms: readonly string[];
  participantName?: string | undefined;
}

export interface PresenceChange {
  start: CallRequest[];
  /** No longer there at this look. */
  missing: Call[];
  /** Calls told with a room only, and what presence adds to them. */
  found: { call: Call; meeting: string }[];
}

/** The calls that presence itself would make. */
function presentCalls(here: readonly DailyPresence[], { rooms, participantName }: PresenceOptions): CallRequest[] {
  const watched = here.filter(({ room }) => room !== undefined && rooms.includes(room));
  if (participantName !== undefined) {
    return watched
      .filter(({ userName }) => userName === participantName)
      .map(({ id, room, mtgSessionId }) => ({ participant: id, room, meeting: mtgSessionId }));
  }
  // Without the name it is not known which of them is this host's: the meeting as a whole.
  const meetings = new Map(
    watched.map(({ room, mtgSessionId }) => [`${room}\n${mtgSessionId}`, { room, mtgSessionId }]),
  );
  return [...meetings.values()].map(({ room, mtgSessionId }) => ({ room, meeting: mtgSessionId }));
}

function isSame(call: Call, { meeting, participant, room }: CallRequest): boolean {
  if (participant !== undefined && call.participant !== undefined) return call.participant === participant;
  if (meeting !== undefined && call.meeting !== undefined) return call.meeting === meeting;
  return call.room === room;
}

/** What one look at presence says of the calls that are on. */
export function comparePresence(
  here: readonly DailyPresence[],
  active: readonly Call[],
  options: PresenceOptions,
): PresenceChange {
  const present = presentCalls(here, options);
  const found = active.flatMap((call) => {
    if (call.meeting !== undefined || call.room === undefined) return [];
    const meetings = new Set(here.filter(({ room }) => room === call.room).map(({ mtgSessionId }) => mtgSessionId));
    const [meeting] = meetings;
    return meetings.size === 1 && meeting !== undefined ? [{ call, meeting }] : [];
  });
  return {
    start: present.filter((request) => !active.some((call) => isSame(call, request))),
    missing: active.filter((call) => call.source === "presence" && !present.some((request) => isSame(call, request))),
    found,
  };
}
