// SPDX-License-Identifier: MIT
/**
 * What the numbers of a stream are, on schedules that the test makes up. Oracles: the schedule itself; countArrivals and
 * jitters of oracle.ts, which count with sets and filter in floating point.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Analysis, analyzeBytes, outcomesSum } from "./analysis.js";
import { type Arrival, countArrivals, jitters } from "./oracle.js";
import { ENDS, frame, type Packet, pcap, type RtpFields, rtp, START_NS } from "./packets.js";

/** A packet of the schedule: its place in the stream, and when it arrives, in milliseconds. */
interface Step {
  index: number;
  atMs: number;
  fields?: Partial<RtpFields>;
}

const PTIME_MS = 20;
const TICKS = 960;
const RATE = 48_000;

const paced = (indexes: number[]): Step[] => indexes.map((index) => ({ index, atMs: index * PTIME_MS }));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Opus from sequence number `first` on. */
function play(steps: Step[], first = 1000): { packets: Packet[]; arrivals: Arrival[] } {
  const arrivals = steps.map(({ index, atMs, fields }) => ({
    seq: fields?.seq ?? (first + index) & 0xffff,
    timestamp: fields?.timestamp ?? (4_294_900_000 + index * TICKS) >>> 0,
    timeNs: START_NS + BigInt(Math.round(atMs * 1e6)),
  }));
  const packets = arrivals.map((arrival, i) => ({
    bytes: frame(rtp({ ...arrival, payloadType: 111, ...steps[i]?.fields })),
    timeNs: arrival.timeNs,
  }));
  return { packets, arrivals };
}

function countsOf(analysis: Analysis) {
  expect(analysis.streams).toHaveLength(1);
  const stats = analysis.streams[0]?.stats;
  if (stats?.type !== "inbound-rtp") throw new Error("no inbound stream");
  const { packetsReceived, packetsLost, packetsDuplicated, packetsReordered } = stats;
  return {
    packets: packetsReceived,
    lost: packetsLost,
    duplicated: packetsDuplicated,
    reordered: packetsReordered,
  };
}

const analyze = (packets: Packet[], clockRates: Record<number, number> = {}) =>
  analyzeBytes(pcap(packets), { clockRates });

describe("loss, duplicates and reordering are exact", () => {
  const whole = { packets: 100, lost: 0, duplicated: 0, reordered: 0 };

  it.each<[string, number[], number, ReturnType<typeof countArrivals>]>([
    ["nothing happens", range(0, 100), 1000, whole],
    ["the sequence number wraps", range(0, 100), 65_500, whole],
    ["it wraps at the second packet", range(0, 100), 65_535, whole],
    [
      "the packet that wraps is lost",
      range(0, 100).filter((i) => i !== 36),
      65_500,
      { ...whole, packets: 99, lost: 1 },
    ],
    [
      "two change places over the wrap",
      [...range(0, 35), 36, 35, ...range(37, 100)],
      65_500,
      { ...whole, reordered: 1 },
    ],
    [
      "one is ten places late over the wrap",
      [...range(0, 30), ...range(31, 41), 30, ...range(41, 100)],
      65_500,
      { ...whole, reordered: 1 },
    ],
    ["every packet comes twice", range(0, 200).map((i) => i >> 1), 65_500, { ...whole, packets: 200, duplicated: 100 }],
    [
      "a duplicate does not cancel a loss",
      [...range(0, 50), 49, ...range(51, 100)],
      1000,
      { packets: 100, lost: 1, duplicated: 1, reordered: 0 },
    ],
    [
      "a duplicate of a late packet",
      [...range(0, 50), 51, 50, 50, ...range(52, 100)],
      1000,
      { packets: 101, lost: 0, duplicated: 1, reordered: 1 },
    ],
    [
      "a late packet precedes the first",
      [5, 6, 7, 4, ...range(8, 100)],
      1000,
      { packets: 96, lost: 0, duplicated: 0, reordered: 1 },
    ],
    [
      "a late packet precedes the first, at number 0",
      [1, 2, 3, 0, ...range(4, 100)],
      65_535,
      { ...whole, reordered: 1 },
    ],
    [
      "one is 511 places late",
      [0, ...range(2, 513), 1],
      65_500,
      { packets: 513, lost: 0, duplicated: 0, reordered: 1 },
    ],
    [
      "late ones come back to places of the window that a leap has left behind",
      [...range(0, 10), ...range(2000, 2010), ...range(1536, 1546)],
      1024,
      { packets: 30, lost: 1980, duplicated: 0, reordered: 10 },
    ],
    [
      "all between the first ten and the last ten are lost",
      [...range(0, 10), ...range(2000, 2010)],
      65_000,
      { packets: 20, lost: 1990, duplicated: 0, reordered: 0 },
    ],
  ])("%s", async (_, indexes, first, expected) => {
    const { packets, arrivals } = play(
      paced(indexes).map((step, i) => ({ ...step, atMs: i * PTIME_MS })),
      first,
    );
    expect(countArrivals(arrivals)).toEqual(expected); // the oracle is right
    expect(countsOf(await analyze(packets))).toEqual(expected);
  });

  it("an outage of 5000 packets is loss, for the clock of the sender went on", async () => {
    const { packets } = play(paced([...range(0, 100), ...range(5100, 5200)]));
    expect(countsOf(await analyze(packets))).toEqual({ packets: 200, lost: 5000, duplicated: 0, reordered: 0 });
  });

  it("a restarted sender loses nothing: two runs of numbers", async () => {
    const second = range(0, 100).map((i) => ({
      index: i,
      atMs: 2000 + i * PTIME_MS,
      fields: { seq: 40_000 + i, timestamp: 77 + i * TICKS },
    }));
    const analysis = await analyze(play([...paced(range(0, 100)), ...second]).packets);
    expect(countsOf(analysis)).toEqual({ packets: 200, lost: 0, duplicated: 0, reordered: 0 });
    expect(analysis.streams[0]?.record.jitterNsQ8).toBe(0);
  });

  it.each([
    ["450 000 ticks", 450_000, true],
    ["less", 449_000, false],
  ])("a step of the timestamps by %s is a restart, and no jitter of an endpoint's", async (_, leap, isRestart) => {
    const steps = paced(range(0, 200)).map((step): Step => {
      const timestamp = (step.index * TICKS + (step.index < 150 ? 0 : leap)) >>> 0;
      return { ...step, atMs: step.atMs + ((step.index * 7) % 5), fields: { timestamp } };
    });
    const { packets, arrivals } = play(steps);
    const { everyPacket, inOrder } = jitters(arrivals, RATE);
    const [{ stats } = {}] = (await analyze(packets)).streams;
    if (stats?.type !== "inbound-rtp") throw new Error("no inbound stream");
    expect(inOrder < 0.01).toBe(isRestart);
    expect(Math.abs((stats.jitterRfc3550 ?? Number.NaN) - everyPacket)).toBeLessThan(1e-6);
    expect(Math.abs((stats.jitter ?? Number.NaN) - inOrder)).toBeLessThan(1e-6);
  });

  it.each([
    ["while its clock is searched for", 400, {}],
    ["once its clock is known", 4000, {}],
    ["of a clock that was told", 400, { 111: RATE }],
  ])("a stray packet %s is no loss and bends no jitter", async (_, strayMs, clockRates) => {
    const regular = paced(range(0, 300)).map((step) => ({ ...step, atMs: step.atMs + ((step.index * 7) % 5) }));
    const stray: Step = { index: 0, atMs: strayMs + 11, fields: { seq: 40_000, timestamp: 77 } };
    const steps = [...regular, stray].sort((a, b) => a.atMs - b.atMs);
    const analysis = await analyze(play(steps).packets, clockRates);
    const { everyPacket, inOrder } = jitters(play(regular).arrivals, RATE); // as if it had not come: RFC 3550 A.1
    expect(countsOf(analysis)).toEqual({ packets: 301, lost: 0, duplicated: 0, reordered: 0 });
    const [{ stats } = {}] = analysis.streams;
    if (stats?.type !== "inbound-rtp") throw new Error("no inbound stream");
    expect(stats.clockRate).toBe(RATE);
    expect(Math.abs((stats.jitterRfc3550 ?? Number.NaN) - everyPacket)).toBeLessThan(1e-6);
    expect(Math.abs((stats.jitter ?? Number.NaN) - inOrder)).toBeLessThan(1e-6);
  });

  it("one SSRC to two ports is two streams, and so are two SSRCs on one", async () => {
    const at = (i: number): bigint => START_NS + BigInt(i * 20e6);
    const packets = range(0, 50).flatMap((i) => [
      { bytes: frame(rtp({ seq: i, timestamp: i * TICKS })), timeNs: at(i) },
      { bytes: frame(rtp({ seq: i, timestamp: i * TICKS }), { ...ENDS, dstPort: 7000 }), timeNs: at(i) },
      { bytes: frame(rtp({ seq: i, timestamp: i * TICKS, ssrc: 2 })), timeNs: at(i) },
    ]);
    const { streams } = await analyze(packets);
    expect(streams.map(({ stats }) => `${stats.ssrc} ${stats.dstPort}`).sort()).toEqual([
      "2 6004",
      "3737844653 6004",
      "3737844653 7000",
    ]);
    for (const { record } of streams) expect(record.packets).toBe(50);
  });

  it.each([
    [63, true],
    [64, false],
    [95, false],
    [96, true],
  ])("packets of payload type %i are RTP: %s (RFC 5761 section 4)", async (payloadType, isRtp) => {
    const { packets } = play(paced(range(0, 10)).map((step) => ({ ...step, fields: { payloadType } })));
    const { streams, datagrams } = await analyze(packets);
    expect(streams.map(({ stats }) => stats.payloadType)).toEqual(isRtp ? [payloadType] : []);
    expect(datagrams.rtp).toBe(isRtp ? 10 : 0);
  });

  it("headers with CSRCs and extensions are no payload", async () => {
    const fields = { csrcs: 15, extension: Buffer.alloc(400), payload: 33 };
    const { packets } = play(paced(range(0, 10)).map((step) => ({ ...step, fields })));
    const { record } = (await analyze(packets)).streams[0] ?? {};
    expect(record).toMatchObject({ bytes: 10 * 33, headerBytes: 10 * (12 + 60 + 4 + 400) });
  });
});

/** A schedule with a little of everything: delays up to 200 ms, 10 % loss and 10 % duplicates. */
const schedules = fc
  .record({
    first: fc.integer({ min: 0, max: 65_535 }),
    steps: fc.array(
      fc.record({
        delayMs: fc.double({ min: 0, max: 200, noNaN: true }),
        fate: fc.integer({ min: 0, max: 9 }),
      }),
      { minLength: 100, maxLength: 300 },
    ),
  })
  .map(({ first, steps }) => {
    const head = paced(range(0, 5)); // out of probation: three in a row
    const rest = steps.flatMap(({ delayMs, fate }, i) => {
      const index = i + 5;
      const arrival = { index, atMs: index * PTIME_MS + delayMs };
      if (fate === 0) return [];
      return fate === 1 ? [arrival, { index, atMs: arrival.atMs + 7 }] : [arrival];
    });
    return { first, steps: [...head, ...rest].toSorted((a, b) => a.atMs - b.atMs) };
  });

describe("any schedule", () => {
  it("gives the counts of sets and the jitters of floating point, within a microsecond", async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async ({ first, steps }) => {
        const { packets, arrivals } = play(steps, first);
        const analysis = await analyze(packets, { 111: RATE });
        expect(countsOf(analysis)).toEqual(countArrivals(arrivals));
        const expected = jitters(arrivals, RATE);
        const stats = analysis.streams[0]?.stats;
        if (stats?.type !== "inbound-rtp") throw new Error("no inbound stream");
        expect(stats.clockRateSource).toBe("configured");
        expect(Math.abs((stats.jitter ?? Number.NaN) - expected.inOrder)).toBeLessThan(1e-6);
        expect(Math.abs((stats.jitterRfc3550 ?? Number.NaN) - expected.everyPacket)).toBeLessThan(1e-6);
        expect(outcomesSum(analysis.datagrams)).toBe(analysis.datagrams.seen);
      }),
      { numRuns: 100 },
    );
  });
});

describe("clock rates", () => {
  it.each([8000, 16_000, 24_000, 32_000, 44_100, 48_000, 90_000])(
    "infers %i Hz, right from the first packet on",
    async (rate) => {
      const steps = range(0, 100).map((index) => ({
        index,
        atMs: index * PTIME_MS + (index % 5) * 3,
        fields: { timestamp: (4_294_960_000 + Math.round((index * rate) / 50)) >>> 0 },
      }));
      const { packets, arrivals } = play(steps);
      const stats = (await analyze(packets)).streams[0]?.stats;
      expect(stats).toMatchObject({ clockRate: rate, clockRateSource: "inferred" });
      if (stats?.type !== "inbound-rtp") throw new Error("no inbound stream");
      expect(Math.abs((stats.jitter ?? Number.NaN) - jitters(arrivals, rate).inOrder)).toBeLessThan(1e-6);
      expect(Math.abs((stats.jitterRfc3550 ?? Number.NaN) - jitters(arrivals, rate).everyPacket)).toBeLessThan(1e-6);
    },
  );

  it("has no jitter before the rate is known", async () => {
    const stats = (await analyze(play(paced(range(0, 5))).packets)).streams[0]?.stats;
    expect(stats).not.toHaveProperty("jitter");
    expect(stats).not.toHaveProperty("jitterRfc3550");
    expect(stats).not.toHaveProperty("clockRate");
  });
});
