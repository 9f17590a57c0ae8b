// SPDX-License-Identifier: MIT
/** What a microphone and a camera make: packets and the moment each is due. Pure and seeded. */
import { type Random, randomInteger } from "./random.js";

export type MediaKind = "audio" | "video";

export interface MediaPacket {
  /** Milliseconds since the start. */
  at: number;
  /** RTP ticks since the start. */
  timestamp: number;
  marker: boolean;
  /** Bytes of media. */
  size: number;
  /** −dBov; audio only. */
  audioLevel?: number;
}

/** Clock of each kind in Hz: Opus (RFC 7587) and every video codec. */
export const CLOCK_RATES: Record<MediaKind, number> = { audio: 48_000, video: 90_000 };
/** As Chrome offers them. */
export const PAYLOAD_TYPES: Record<MediaKind, number> = { audio: 111, video: 96 };

const OPUS_FRAME_MS = 20;
/** Opus in silence: one packet in 400 ms, the timestamp goes on, the sequence number by one. */
const DTX_STEP_MS = 400;
const FRAMES_PER_SECOND = 30;
const KEY_FRAME_EVERY = 150;
const MAX_PAYLOAD = 1_150;

/** Opus: talk of one to four seconds, then silence of some steps of DTX. */
function* makeAudio(random: Random): Generator<MediaPacket, never> {
  let at = 0;
  for (;;) {
    for (let left = randomInteger(random, 50, 200), marker = true; left > 0; left--, marker = false) {
      const size = randomInteger(random, 60, 120);
      yield { at, timestamp: at * 48, marker, size, audioLevel: randomInteger(random, 20, 50) };
      at += OPUS_FRAME_MS;
    }
    for (let left = randomInteger(random, 2, 4); left > 0; left--) {
      yield { at, timestamp: at * 48, marker: false, size: 3, audioLevel: 127 };
      at += DTX_STEP_MS;
    }
  }
}

/** Frames of two to five packets, a key frame of many; all of a frame have its timestamp, the last one the marker. */
function* makeVideo(random: Random): Generator<MediaPacket, never> {
  for (let frame = 0; ; frame++) {
    const packets = frame % KEY_FRAME_EVERY === 0 ? 15 : randomInteger(random, 2, 5);
    for (let i = 1; i <= packets; i++) {
      const size = i < packets ? MAX_PAYLOAD : randomInteger(random, 100, MAX_PAYLOAD);
      yield { at: (frame * 1000) / FRAMES_PER_SECOND, timestamp: frame * 3000, marker: i === packets, size };
    }
  }
}

/** Packets by rising `at`, without end. */
export function makeMedia(kind: MediaKind, random: Random): Generator<MediaPacket, never> {
  return kind === "audio" ? makeAudio(random) : makeVideo(random);
}
