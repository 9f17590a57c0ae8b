// SPDX-License-Identifier: MIT
/**
 * The depth probe on captures made from seeds: clock drift, gaps and their causes, freezes, and header extensions in every form.
 * Oracle: the schedule that each was made from, and the W3C's rule for freezes over it in floating point.
 */
import { describe, expect, it } from "vitest";
import { addon } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import type { InboundRtpStats } from "../src/stats.js";
import { withFile } from "./analysis.js";
import { CaptureWriter } from "./capturewriter.js";
import { ENDS, rtp, u16, u32 } from "./packets.js";
import { Random, RandomBytes } from "./random.js";

const NS_PER_MS = 1e6;
const SEEDS = Array.from({ length: 10 }, (_, i) => i + 1);
/** Telephony: 20 ms in 160 ticks. Video: its clock. */
const AUDIO = { payloadType: 0, perMs: 8 };
const VIDEO = { payloadType: 26, perMs: 90 };
const PTIME_MS = 20;
/** Until then every id is believed. */
const LEARNT_MS = 5000;

interface Sent {
  number: number;
  /** When, by the sender's clock of media; when it was sent; when it arrived: milliseconds. */
  mediaMs: number;
  sentMs: number;
  ms: number;
}

type Elements = readonly [id: number, value: Buffer][];

/** RFC 8285 sections 4.2 and 4.3. */
function extension(elements: Elements, isTwoByte: boolean, profile = isTwoByte ? 0x1000 : 0xbede) {
  const bytes = elements.map(([id, value]) =>
    Buffer.from([...(isTwoByte ? [id, value.length] : [(id << 4) | (value.length - 1)]), ...value]),
  );
  const size = bytes.reduce((sum, { length }) => sum + length, 0);
  return { extension: Buffer.concat([...bytes, Buffer.alloc(-size & 3)]), profile };
}

/** abs-send-time: 24 bits of seconds, 18 of them behind the point. */
const sendTime = (ms: number): Buffer => u32(Math.round((ms / 1000) * 2 ** 18) & 0xffffff).subarray(1);

type Media = typeof AUDIO;
type Headers = (sent: Sent, i: number) => Partial<ReturnType<typeof extension>>;

async function statsOf(
  packets: readonly Sent[],
  { payloadType, perMs }: Media,
  headers: Headers,
): Promise<InboundRtpStats> {
  const writer = new CaptureWriter();
  const datagrams = packets.map((sent, i) => ({
    ns: Math.round(sent.ms * NS_PER_MS),
    bytes: rtp({
      ssrc: 77,
      payloadType,
      seq: sent.number,
      timestamp: Math.round(sent.mediaMs * perMs),
      payload: 100,
      ...headers(sent, i),
    }),
  }));
  for (const { ns, bytes } of datagrams.sort((a, b) => a.ns - b.ns)) writer.add(ENDS, bytes, ns);
  const sample = await withFile(Buffer.from(writer.take()), async (file) => {
    const source = addon.openCapture(file, { local: [], clockRates: {} });
    await source.read();
    return new Sampler(source, { retireIdle: false }).sample().finally(() => source.close());
  });
  return sample.streams[0] as InboundRtpStats;
}

const plain: Headers = () => ({});

describe("the depth probe on schedules: clock drift", () => {
  it.each(SEEDS)(
    "seed %i: within 3 ppm after three minutes of jitter, within 6 over a step of the path's delay",
    async (seed) => {
      const random = new Random(seed);
      const ppm = random.between(-150, 150);
      const stepMs = seed % 2 === 0 ? random.between(-20, 40) : 0;
      const packets = Array.from({ length: 9000 }, (_, i): Sent => {
        const mediaMs = PTIME_MS * i;
        const sentMs = mediaMs / (1 + ppm / 1e6);
        const delayMs = 60 + (i > 4000 ? stepMs : 0) + Math.min(15, Math.abs(random.gaussian(3)));
        return { number: i, mediaMs, sentMs, ms: sentMs + delayMs };
      });
      const { clockDriftPpm } = await statsOf(packets, AUDIO, plain);
      expect(Math.abs((clockDriftPpm as number) - ppm)).toBeLessThan(stepMs === 0 ? 3 : 6);
    },
  );
});

describe("the depth probe on schedules: a record that was another's", () => {
  it("has nothing left of whoever was taken for this stream in probation", async () => {
    const numbers = [100, 101, ...Array.from({ length: 50 }, (_, i) => 20_000 + i)];
    const packets = numbers.map((number, i): Sent => {
      const ms = PTIME_MS * i + (i > 0 ? 3000 : 0); /* the longest gap is between the first two */
      return { number, mediaMs: PTIME_MS * i, sentMs: ms, ms };
    });
    const { maxInterarrivalTime, packetsReceived } = await statsOf(packets, AUDIO, plain);
    expect(packetsReceived).toBe(50);
    expect(maxInterarrivalTime).toBeCloseTo(PTIME_MS / 1000, 9);
  });
});

describe("the depth probe on schedules: the longest time between two packets", () => {
  it("is in order of arrival: a late packet between ends one wait and begins another", async () => {
    const arrivals = Array.from({ length: 50 }, (_, number) => [number, PTIME_MS * number] as const);
    const late: typeof arrivals = [
      [51, 1200], // 220 ms after the one before
      [50, 1350],
      [52, 1450],
      [53, 1600], // 250 ms after the late one, which is not the last any more
    ];
    const packets = [...arrivals, ...late].map(
      ([number, ms]): Sent => ({ number, mediaMs: PTIME_MS * number, sentMs: PTIME_MS * number, ms }),
    );
    const { maxInterarrivalTime } = await statsOf(packets, AUDIO, plain);
    expect(maxInterarrivalTime).toBeCloseTo((1200 - 49 * PTIME_MS) / 1000, 9);
  });
});

describe("the depth probe on schedules: gaps and their causes", () => {
  const CAUSES = ["pause", "outage", "sender", "network"] as const;
  type Cause = (typeof CAUSES)[number];

  /** Talk of 1.2 to 2.2 s, then a gap of 200 to 600 ms, forty times. Returns what was sent, and the gaps as they arrive. */
  function gapped(random: Random) {
    const packets: Sent[] = [];
    const gaps: [Cause, number][] = [];
    let [number, mediaMs, clockMs] = [random.between(0, 65_535), 0, 0];
    const send = (lateMs = 0): void => {
      packets.push({ number: number++, mediaMs, sentMs: clockMs, ms: clockMs + 30 + lateMs });
      mediaMs += PTIME_MS;
      clockMs += PTIME_MS;
    };
    while (clockMs < LEARNT_MS) send();
    for (let i = 0; i < 40; i++) {
      for (let left = random.between(60, 110); left > 0; left--) send();
      const cause = random.pick(CAUSES);
      const steps = random.between(12, 30);
      const gapMs = PTIME_MS * steps;
      if (cause === "pause" || cause === "outage") mediaMs += gapMs - PTIME_MS;
      if (cause === "outage") number += steps - 1;
      if (cause !== "network") clockMs += gapMs - PTIME_MS;
      gaps.push([cause, gapMs]);
      // What is held back on the way comes at once, one behind the other.
      if (cause === "network")
        for (let held = steps - 1; held >= 0; held--) send(PTIME_MS * held + (steps - held) / 1000);
      else send();
    }
    return { packets, gaps };
  }

  it.each(SEEDS)("seed %i: each has its cause by abs-send-time, and without it what is late is late", async (seed) => {
    const { packets, gaps } = gapped(new Random(seed));
    const of = (...causes: Cause[]) => gaps.filter(([cause]) => causes.includes(cause));
    const sum = (...causes: Cause[]) => of(...causes).reduce((all, [, ms]) => all + ms / 1000, 0);
    const isTwoByte = seed % 2 === 0;
    const told = await statsOf(packets, AUDIO, ({ sentMs }) => extension([[3, sendTime(sentMs)]], isTwoByte));
    expect(told).toMatchObject({
      pauseGaps: of("pause").length,
      outageGaps: of("outage").length,
      lateSenderGaps: of("sender").length,
      lateNetworkGaps: of("network").length,
      lateGaps: 0,
    });
    const untold = await statsOf(packets, AUDIO, plain);
    expect(untold).toMatchObject({
      pauseGaps: of("pause").length,
      outageGaps: of("outage").length,
      lateSenderGaps: 0,
      lateNetworkGaps: 0,
      lateGaps: of("sender", "network").length,
    });
    expect(told.pauseGapDuration).toBeCloseTo(sum("pause"), 6);
    expect(told.outageGapDuration).toBeCloseTo(sum("outage"), 6);
    expect(told.lateSenderGapDuration).toBeCloseTo(sum("sender"), 6);
    // The first that was held back is a microsecond later than the others.
    expect(told.lateNetworkGapDuration).toBeCloseTo(sum("network"), 3);
    expect(untold.lateGapDuration).toBeCloseTo(sum("sender", "network"), 3);
  });
});

describe("the depth probe on schedules: frames", () => {
  it.each(SEEDS)("seed %i: freezes and pauses by the W3C's rule, on intervals between first packets", async (seed) => {
    const random = new Random(seed);
    const fps = random.pick([10, 15, 25, 30, 60]);
    const packets: Sent[] = [];
    const firsts: number[] = [];
    let [mediaMs, number] = [0, random.between(0, 65_535)];
    for (let frame = 0; frame < 900; frame++) {
      const size = random.between(1, 4);
      const ms = mediaMs + Math.abs(random.gaussian(3));
      firsts.push(Math.max(ms, (packets.at(-1)?.ms ?? 0) + 0.01));
      for (let i = 0; i < size; i++) {
        packets.push({ number: number++, mediaMs, sentMs: mediaMs, ms: (firsts.at(-1) as number) + 0.2 * i });
      }
      mediaMs += 1000 / fps;
      if (random.happens(0.02)) mediaMs += random.between(20, 900);
      if (random.happens(0.002)) mediaMs += random.between(5100, 8000);
    }
    const truth = { frameFreezes: 0, framePauses: 0 };
    let [frozenMs, pausedMs] = [0, 0];
    const recent: number[] = [];
    for (const [i, ms] of firsts.entries()) {
      const interval = ms - (firsts[i - 1] ?? ms);
      if (i === 0) continue;
      if (interval > 5000) {
        truth.framePauses++;
        pausedMs += interval;
        continue;
      }
      recent.push(interval);
      const last = recent.slice(-30);
      const average = last.reduce((sum, one) => sum + one, 0) / last.length;
      if (last.length < 5 || interval < Math.max(3 * average, average + 150)) continue;
      truth.frameFreezes++;
      frozenMs += interval;
    }
    const stats = await statsOf(packets, VIDEO, plain);
    expect(stats).toMatchObject({ ...truth, framesReceived: 900 });
    expect(stats.totalFrameFreezesDuration).toBeCloseTo(frozenMs / 1000, 4);
    expect(stats.totalFramePausesDuration).toBeCloseTo(pausedMs / 1000, 4);
    expect(truth.frameFreezes).toBeGreaterThan(0);
  });
});

describe("the depth probe on schedules: a video that was paused", () => {
  it.each([0.9, 3600, 4500, 20_000])("for %d s, and again: its squared intervals are those", async (seconds) => {
    const packets: Sent[] = [];
    const pauses = [seconds, 0.04, 7, seconds, 0.04];
    let ms = 0;
    for (let number = 0; number < 300; number++) {
      packets.push({ number, mediaMs: ms, sentMs: ms, ms });
      ms += number % 50 === 49 ? 1000 * (pauses[(number - 49) / 50] ?? 0) : 33;
    }
    const intervals = packets.slice(1).map((packet, i) => (packet.ms - (packets[i] as Sent).ms) / 1000);
    const squares = intervals.reduce((sum, interval) => sum + interval ** 2, 0);
    const { totalSquaredFrameInterval = 0 } = await statsOf(packets, VIDEO, plain);
    expect(Math.abs(totalSquaredFrameInterval / squares - 1)).toBeLessThan(1e-6);
  });
});

describe("the depth probe on schedules: header extensions", () => {
  const steady = (count: number): Sent[] =>
    Array.from({ length: count }, (_, i) => ({
      number: i,
      mediaMs: PTIME_MS * i,
      sentMs: PTIME_MS * i,
      ms: PTIME_MS * i + 30,
    }));
  const NOTHING = [
    "audioLevel",
    "voiceActivity",
    "transitVariation",
    "mid",
    "keyFrameHints",
    "transportPacketsExpected",
  ];

  /** As speech goes: up and down by little. */
  function levels(random: Random, count: number): number[] {
    let level = 40;
    return Array.from({ length: count }, () => {
      level = Math.min(90, Math.max(5, level + random.between(-6, 6)));
      return level | (random.happens(0.5) ? 0x80 : 0);
    });
  }

  it.each(SEEDS)("seed %i: level, send time, transport-wide number and mid by any ids, in both forms", async (seed) => {
    const random = new Random(seed);
    const isTwoByte = seed % 2 === 0;
    const ids = Array.from({ length: 14 }, (_, i) => i + 1).sort(() => random.fraction() - 0.5);
    const [level = 0, time = 0, transport = 0, mid = 0] = ids;
    const packets = steady(1500);
    const told = levels(random, packets.length);
    const stats = await statsOf(packets, AUDIO, ({ sentMs }, i) =>
      extension(
        [
          [level, Buffer.from([told[i] as number])],
          [time, sendTime(sentMs)],
          [transport, u16(i + 65_000)],
          [mid, Buffer.from("a1")],
        ],
        isTwoByte,
      ),
    );
    const last = told.at(-1) as number;
    expect(stats.audioLevel).toBeCloseTo(10 ** (-(last & 127) / 20), 12);
    expect(stats).toMatchObject({ voiceActivity: last >> 7, mid: "a1", transportPacketsLost: 0 });
    expect(stats.transitVariation).toBeLessThan(4e-6); // a step of abs-send-time is 3.8 µs
  });

  it.each(SEEDS)("seed %i: packets without any between, from which nobody reckons on", async (seed) => {
    const random = new Random(seed);
    const packets = steady(1500);
    const isPlain = packets.map((_, i) => i > 500 && random.happens(0.3));
    const voices = levels(random, packets.length).map((level) => Buffer.from([0x80 | level]));
    const stats = await statsOf(packets, AUDIO, ({ sentMs }, i) =>
      isPlain[i]
        ? {}
        : extension(
            [
              [1, voices[i] as Buffer],
              [2, sendTime(sentMs)],
            ],
            seed % 2 === 0,
          ),
    );
    expect(stats.transitVariation).toBeLessThan(4e-6);
    // A level tells of the time until the next packet, if that has one too.
    const untold = packets.filter((_, i) => !isPlain[i] && isPlain[i + 1] !== false).length;
    const told = (stats.packetsWithVoice as number) - untold;
    expect(stats.totalAudioLevelDuration).toBeCloseTo((told * PTIME_MS) / 1000, 9);
    expect(told).toBeGreaterThan(500);
  });

  it.each(SEEDS)("seed %i: an AV1 dependency descriptor, whose structures are key frames", async (seed) => {
    const random = new Random(seed);
    const size = 3;
    const packets = Array.from({ length: 900 }, (_, i): Sent => {
      const mediaMs = 40 * Math.floor(i / size);
      return { number: i, mediaMs, sentMs: mediaMs, ms: mediaMs + 0.3 * (i % size) };
    });
    const isKey = Array.from({ length: 300 }, (_, frame) => frame === 0 || (frame > 100 && random.happens(0.05)));
    const stats = await statsOf(packets, VIDEO, (_, i) => {
      const [frame, place] = [Math.floor(i / size), i % size];
      const flags = (place === 0 ? 0x80 : 0) | (place === size - 1 ? 0x40 : 0) | random.between(0, 3);
      const structure = place === 0 && isKey[frame] ? Buffer.from([0x80, 1, 2, 3]) : Buffer.alloc(0);
      return extension([[11, Buffer.concat([Buffer.from([flags]), u16(frame + 65_400), structure])]], seed % 2 === 0);
    });
    expect(stats.keyFrameHints).toBe(isKey.slice(100).filter(Boolean).length);
  });

  it("ends at an element of id 0 that has a length (RFC 8285 section 4.2): what is behind it is nobody's", async () => {
    const packets = steady(1500);
    const voices = levels(new Random(1), packets.length).map((level) => Buffer.from([level]));
    const stats = await statsOf(packets, AUDIO, ({ sentMs }, i) =>
      extension(
        [
          [5, voices[i] as Buffer],
          [0, Buffer.from([1, 2])],
          [2, sendTime(sentMs)],
        ],
        false,
      ),
    );
    const last = (voices.at(-1) as Buffer)[0] as number;
    expect(stats.audioLevel).toBeCloseTo(10 ** (-(last & 127) / 20), 12);
    expect(stats).not.toHaveProperty("transitVariation");
  });

  it.each([
    ["Cryptex (RFC 9335), one-byte", false, 0xc0de],
    ["Cryptex (RFC 9335), two-byte", true, 0xc2de],
    ["RFC 6904, one-byte", false, undefined],
    ["RFC 6904, two-byte", true, undefined],
  ] as const)("%s: nothing is read out of what is encrypted", async (_, isTwoByte, profile) => {
    const packets = steady(3000);
    const bytes = new RandomBytes(7);
    const stats = await statsOf(packets, AUDIO, () =>
      extension(
        [1, 3, 2, 2].map((length, i) => [i + 1, Buffer.from(bytes.take(length))]),
        isTwoByte,
        profile,
      ),
    );
    for (const name of NOTHING) expect(stats, name).not.toHaveProperty(name);
    if (profile === undefined) expect(stats).not.toHaveProperty("packetsWithEncryptedExtensions");
    else expect(stats.packetsWithEncryptedExtensions).toBe(packets.length);
  });
});
