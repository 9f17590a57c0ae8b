// SPDX-License-Identifier: MIT
/** The fields that the depth probe adds to the points of a stream; their types are for ever. */
import { FieldType } from "influx";
import type { DepthStats } from "./depth.js";

const { FLOAT, INTEGER, STRING } = FieldType;

export const DEPTH_FIELDS: Record<keyof DepthStats, FieldType> = {
  maxInterarrivalTime: FLOAT,
  delayVariationP50: FLOAT,
  delayVariationP95: FLOAT,
  delayVariationP99: FLOAT,
  clockDriftPpm: FLOAT,
  pauseGaps: INTEGER,
  pauseGapDuration: FLOAT,
  outageGaps: INTEGER,
  outageGapDuration: FLOAT,
  lateSenderGaps: INTEGER,
  lateSenderGapDuration: FLOAT,
  lateNetworkGaps: INTEGER,
  lateNetworkGapDuration: FLOAT,
  lateGaps: INTEGER,
  lateGapDuration: FLOAT,
  framesReceived: INTEGER,
  framesSent: INTEGER,
  framesPerSecond: FLOAT,
  packetsPerFrame: FLOAT,
  bytesPerFrame: FLOAT,
  maxPacketsPerFrame: INTEGER,
  maxBytesPerFrame: INTEGER,
  totalFrameInterval: FLOAT,
  totalSquaredFrameInterval: FLOAT,
  frameFreezes: INTEGER,
  totalFrameFreezesDuration: FLOAT,
  framePauses: INTEGER,
  totalFramePausesDuration: FLOAT,
  keyFrameHints: INTEGER,
  audioLevel: FLOAT,
  voiceActivity: INTEGER,
  packetsWithVoice: INTEGER,
  totalAudioEnergyEstimate: FLOAT,
  totalAudioLevelDuration: FLOAT,
  transitVariation: FLOAT,
  mid: STRING,
  packetsWithEncryptedExtensions: INTEGER,
  transportPacketsExpected: INTEGER,
  transportPacketsLost: INTEGER,
};
