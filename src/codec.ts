// SPDX-License-Identifier: MIT
/** What a payload type means: by RFC 3551, by the operator, or by an SDP. Without one of these it means nothing. */

export type MediaKind = "audio" | "video";
export type RepairRole = "rtx" | "fec";

/** W3C RTCCodecStats, but for `payloadType`, under which it is found. */
export interface Codec {
  /** "audio/opus" */
  mimeType: string;
  /** Hz. */
  clockRate: number;
  /** Of audio: 1 mono, 2 stereo. */
  channels?: number;
  /** It carries no media, but repairs some. */
  repair?: RepairRole;
}

export interface CodecTable {
  /** By payload type, where it means the same everywhere. */
  payloadTypes: Record<number, Codec>;
  /** By SSRC and payload type: what the m-section of an SSRC says. */
  sources: Record<number, Record<number, Codec>>;
  /** By the SSRC of a repair: what it is, and the SSRC that it repairs (RFC 5576 ssrc-group). */
  repairs: Record<number, { kind: RepairRole; ssrc: number }>;
}

/** Of a stream; absent where nobody said. */
export interface CodecStats {
  /** W3C RTCCodecStats `mimeType` and `channels` of the latest payload type. */
  codec?: string;
  channels?: number;
  /** W3C; where the codec is not known, by the clock. */
  kind?: MediaKind;
}

const audio = (name: string, clockRate: number, channels?: number): Codec => {
  return { mimeType: `audio/${name}`, clockRate, ...(channels === undefined ? {} : { channels }) };
};
const video = (name: string): Codec => ({ mimeType: `video/${name}`, clockRate: 90_000 });

/** RFC 3551 tables 4 and 5. The core has the clock rates for itself: it cannot read this. */
const STATIC: Readonly<Record<number, Codec>> = {
  0: audio("PCMU", 8000, 1),
  3: audio("GSM", 8000, 1),
  4: audio("G723", 8000, 1),
  5: audio("DVI4", 8000, 1),
  6: audio("DVI4", 16_000, 1),
  7: audio("LPC", 8000, 1),
  8: audio("PCMA", 8000, 1),
  9: audio("G722", 8000, 1),
  10: audio("L16", 44_100, 2),
  11: audio("L16", 44_100, 1),
  12: audio("QCELP", 8000, 1),
  13: audio("CN", 8000, 1),
  14: audio("MPA", 90_000),
  15: audio("G728", 8000, 1),
  16: audio("DVI4", 11_025, 1),
  17: audio("DVI4", 22_050, 1),
  18: audio("G729", 8000, 1),
  25: video("CelB"),
  26: video("JPEG"),
  28: video("nv"),
  31: video("H261"),
  32: video("MPV"),
  33: video("MP2T"),
  34: video("H263"),
};

/** RFC 4588, RFC 5109, RFC 8627 and the drafts before it, RFC 6015. */
const REPAIRS: Readonly<Record<string, RepairRole>> = {
  rtx: "rtx",
  ulpfec: "fec",
  flexfec: "fec",
  "flexfec-03": "fec",
  parityfec: "fec",
  "1d-interleaved-parityfec": "fec",
};

export const NO_CODECS: CodecTable = { payloadTypes: {}, sources: {}, repairs: {} };

/** 90 kHz is the clock of video (RFC 3551), and no audio codec's but MPEG's. */
export function kindOfClock(clockRate: number | undefined): MediaKind | undefined {
  if (clockRate === undefined) return undefined;
  return clockRate === 90_000 ? "video" : "audio";
}

export function kindOfCodec({ mimeType }: Codec): MediaKind | undefined {
  const [kind] = mimeType.split("/", 1);
  return kind === "audio" || kind === "video" ? kind : undefined;
}

/**
 * An encoding as SDP's rtpmap has it, "opus/48000/2" (RFC 8866 section 6.6); undefined if it is none.
 * @param media - of the m-section; absent: by the clock
 */
export function parseEncoding(text: string, media?: string): Codec | undefined {
  const [, name, rate, parameter] = /^([\w.+-]{1,64})\/(\d{1,7})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const clockRate = Number(rate);
  if (name === undefined || clockRate < 1000 || clockRate > 1_000_000) return undefined;
  const kind = media ?? kindOfClock(clockRate);
  const repair = REPAIRS[name.toLowerCase()];
  return {
    mimeType: `${kind}/${name}`,
    clockRate,
    ...(kind === "audio" ? { channels: Number(parameter ?? 1) } : {}),
    ...(repair === undefined ? {} : { repair }),
  };
}

export function findCodec(table: CodecTable, payloadType: number, ssrc: number): Codec | undefined {
  if (table === NO_CODECS) return STATIC[payloadType];
  return table.sources[ssrc]?.[payloadType] ?? table.payloadTypes[payloadType] ?? STATIC[payloadType];
}

/** Payload type → clock rate for the core. A repair's timestamps are those of other packets: it must not measure by them. */
export function statedClockRates({ payloadTypes }: CodecTable): Record<number, number> {
  const media = Object.entries(payloadTypes).filter(([, { repair }]) => repair === undefined);
  return Object.fromEntries(media.map(([payloadType, { clockRate }]) => [payloadType, clockRate]));
}
