// SPDX-License-Identifier: MIT
/**
 * How good a stream is for who listens. The E-model (ITU-T G.107) for audio, from loss and delay; a score from loss alone, as
 * Daily's SDK has it. Estimates, and absent where an input is not known: a default would look like a measurement.
 */

export type Threshold = "good" | "low" | "veryLow";

/** All ours, and of the interval since the previous snapshot. */
export interface QualityStats {
  /** 100 without loss, 0 at the loss from which the threshold is veryLow. */
  quality?: number;
  qualityThreshold?: Threshold;
  /** Of audio: the E-model's rating, 0 to 93.2, and the mean opinion score in conversation that it stands for, 1 to 4.4. */
  rFactor?: number;
  mosCq?: number;
  /** Why there is no rating. */
  qualityUnavailable?: string;
}

/** As daily-core has them: the losses at which the threshold changes. */
const LOW_LOSS = 0.2;
const VERY_LOW_LOSS = 0.35;

/** @param loss - 0 to 1 */
export function thresholdOf(loss: number): Threshold {
  if (loss >= VERY_LOW_LOSS) return "veryLow";
  return loss >= LOW_LOSS ? "low" : "good";
}

/** @param loss - 0 to 1 */
export function lossScore(loss: number): number {
  return Math.round(100 * Math.max(0, 1 - loss / VERY_LOW_LOSS));
}

/** Impairment of a codec without loss, and how well it bears loss (G.107 Ie and Bpl). */
export interface Impairment {
  ie: number;
  bpl: number;
}

/** ITU-T G.113 appendix I; G.711 with the concealment of its own appendix I, which all WebRTC endpoints surpass. */
const FIXED: Readonly<Record<string, Impairment>> = {
  "audio/pcmu": { ie: 0, bpl: 25.1 },
  "audio/pcma": { ie: 0, bpl: 25.1 },
  "audio/g729": { ie: 11, bpl: 19 },
};

/**
 * Opus in super-wideband and variable bit rate, by kbit/s, as M. Alahmadi published it (2021). It is impairment on the scale
 * of its own bandwidth, for which G.107's narrowband R0 stands in.
 */
const OPUS: readonly (readonly [kbit: number, ie: number, bpl: number])[] = [
  [16, 30.16, 11.83],
  [22, 20.22, 10.47],
  [25, 20.21, 11.28],
  [28, 18.48, 10.63],
  [31, 16.83, 10.44],
  [34, 14.76, 10.12],
  [37, 12.08, 10.38],
  [40, 10.67, 9.79],
];

/** The entry of the tables for a codec, by its name as it was written: names come again with every stream and sample. */
const entries = new Map<string, Impairment | "opus" | undefined>();

function entryOf(codec: string): Impairment | "opus" | undefined {
  if (entries.has(codec)) return entries.get(codec);
  const name = codec.toLowerCase();
  const entry = name === "audio/opus" ? "opus" : Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
  entries.set(codec, entry);
  return entry;
}

/**
 * Parameters of a codec; undefined where none are published.
 * @param bitsPerSecond - of the encoder while somebody speaks
 */
export function impairmentOf(codec: string, bitsPerSecond: number): Impairment | undefined {
  const entry = entryOf(codec);
  if (entry !== "opus") return entry;
  const distance = ([kbit]: (typeof OPUS)[number]): number => Math.abs(kbit - bitsPerSecond / 1000);
  const [, ie, bpl] = OPUS.reduce((best, row) => (distance(row) < distance(best) ? row : best));
  return { ie, bpl };
}

/** Rating without any impairment, G.107's defaults. */
const R0 = 93.2;

export interface RatingInput extends Impairment {
  /** Lost of those expected, 0 to 1. */
  loss: number;
  /** Mean run of lost packets; 1 / (1 - loss) for random loss, which is taken where it is absent. */
  meanBurst?: number;
  /** One-way, mouth to ear; seconds. */
  delay: number;
}

/** From this loss on G.107 does not hold for burst ratios above 2 (table 3, note 6). */
const BURSTY_LOSS = 0.02;

/** G.107's BurstR: the mean run of lost packets by that of random loss. */
function burstRatio(loss: number, meanBurst: number): number {
  const ratio = Math.max(1, meanBurst * (1 - loss));
  return loss < BURSTY_LOSS ? ratio : Math.min(2, ratio);
}

/** The E-model's R: G.107 (2015) clause 7.5 for loss; for delay the fit of Cole and Rosenbluth (2001) to clause 7.4. */
export function rating({ ie, bpl, loss, meanBurst, delay }: RatingInput): number {
  const burstR = meanBurst === undefined ? 1 : burstRatio(loss, meanBurst);
  const percent = 100 * loss;
  const equipment = ie + ((95 - ie) * percent) / (percent / burstR + bpl);
  const ms = delay * 1000;
  return R0 - equipment - 0.024 * ms - 0.11 * Math.max(0, ms - 177.3);
}

/** Mean opinion score of a rating: G.107 annex B, whose cubic is below the least score for ratings below 6.5. */
export function meanOpinion(r: number): number {
  if (r <= 0) return 1;
  return r >= 100 ? 4.5 : Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

/** Seconds that an encoder collects for a packet, as nearly all do. */
const FRAME = 0.02;

/** Mouth to ear: half of the round trip, a packet's own time, and a jitter buffer of twice the jitter. */
export function estimateDelay(roundTripTime: number, jitter: number): number {
  return roundTripTime / 2 + FRAME + 2 * jitter;
}

/** What is known of an inbound stream that is not video, in an interval. */
export interface QualityInput {
  codec?: string | undefined;
  /** 0 to 1; absent where no packet was expected. */
  loss?: number | undefined;
  expected: number;
  /** As of RatingInput; absent where nothing measures it. */
  meanBurst?: number | undefined;
  /** Seconds. */
  jitter?: number | undefined;
  roundTripTime?: number | undefined;
  /** Of the encoder while somebody speaks. */
  bitsPerSecond?: number | undefined;
}

/** Packets that an interval must have had: of three in a silence one lost says nothing of speech. */
const LEAST_PACKETS = 10;

/** Why there is no rating of what nobody named. */
export const CODEC_UNKNOWN = "the codec is not known: name it by --payload-type or --sdp";

/** The rating, or why there is none. */
export function rate(input: QualityInput): Pick<QualityStats, "rFactor" | "mosCq" | "qualityUnavailable"> {
  const { codec, loss, expected, meanBurst, jitter, roundTripTime, bitsPerSecond } = input;
  const unavailable = (qualityUnavailable: string) => ({ qualityUnavailable });
  if (codec === undefined) return unavailable(CODEC_UNKNOWN);
  const impairment = bitsPerSecond === undefined ? undefined : impairmentOf(codec, bitsPerSecond);
  if (impairment === undefined) return unavailable(`the E-model has no parameters for ${codec}`);
  if (loss === undefined || expected < LEAST_PACKETS) return unavailable("too few packets in this time");
  if (jitter === undefined) return unavailable("the jitter is not known");
  if (roundTripTime === undefined) return unavailable("no round trip was measured between these ends");
  const delay = estimateDelay(roundTripTime, jitter);
  const rFactor = Math.max(
    0,
    rating({ ...impairment, loss, delay, ...(meanBurst === undefined ? {} : { meanBurst }) }),
  );
  return { rFactor, mosCq: meanOpinion(rFactor) };
}
