// SPDX-License-Identifier: MIT
/**
 * Which stream repairs which. Oracles: `rtxSsrc` and `retransmittedPacketsReceived` of the endpoints' own getStats beside the
 * captures; timelines that the test makes up; the arithmetic of chance.
 */
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Member, Pairing } from "../src/pairing.js";
import { Sampler } from "../src/sampler.js";
import type { InboundRtpStats, Sample, StreamStats } from "../src/stats.js";
import { checkBuild, runProgram } from "./program.js";
import { FakeSource, originOf, streamRecord } from "./records.js";

const NS_Q8 = 256e6;

interface Track {
  /** Timestamp at time 0. */
  start: number;
  payloadType: number;
  clockRate?: number;
  /** Seconds that the last packet's timestamp is behind. */
  lag?: number;
  packets?: number;
}

/** A stream as it stands at so many ms. */
function member({ start, payloadType, clockRate = 0, lag = 0, packets }: Track, atMs: number, rate = 90_000): Member {
  const lastTimestamp = (start + Math.round((atMs / 1000 - lag) * rate)) % 2 ** 32;
  return {
    origin: originOf(),
    record: streamRecord({
      ssrc: start,
      payloadType,
      clockRate,
      clockSource: clockRate === 0 ? 0 : 3,
      packets: packets ?? atMs,
      firstMs: 0,
      lastMs: atMs,
      lastTimestamp: lastTimestamp < 0 ? lastTimestamp + 2 ** 32 : lastTimestamp,
    }),
  };
}

/** The same members, moved on. */
function watch(tracks: Track[], times: number[], rates: number[] = []): { pairing: Pairing; members: Member[] } {
  const pairing = new Pairing();
  const members = tracks.map((track, i) => ({ ...member(track, times[0] as number, rates[i]) }));
  for (const atMs of times) {
    tracks.forEach((track, i) => {
      Object.assign(members[i] as Member, { record: member(track, atMs, rates[i]).record });
    });
    pairing.update(members);
  }
  return { pairing, members };
}

const VIDEO: Track = { start: 4_294_900_000, payloadType: 96, clockRate: 90_000 };

describe("pairing: timelines", () => {
  const verdict = (suspect: Track, times = [5000], rates: number[] = []) => {
    const { pairing, members } = watch([VIDEO, suspect], times, rates);
    expect(pairing.repairOf(members[0] as Member)).toBeUndefined();
    const repair = pairing.repairOf(members[1] as Member);
    return repair && [repair.kind, repair.media?.record.ssrc];
  };
  const rtx: Track = { start: VIDEO.start, payloadType: 97, packets: 12 };

  it("stale timestamps of a media stream, also where they wrap: RTX", () => {
    expect(verdict({ ...rtx, lag: 0.12 })).toEqual(["rtx", VIDEO.start]);
    expect(verdict({ ...rtx, lag: 0.12 }, [800])).toEqual(["rtx", VIDEO.start]); // on both sides of 2^32
    expect(verdict({ ...rtx, lag: 1.9 })).toEqual(["rtx", VIDEO.start]);
  });

  it("the timestamps of the media without a lag may be RTX or FEC, and that is what is said", () => {
    expect(verdict(rtx)).toEqual(["repair", VIDEO.start]);
    expect(verdict({ ...rtx, lag: -0.05 })).toEqual(["repair", VIDEO.start]);
  });

  it("a clock inferred of a repair does not hide it", () => {
    expect(verdict({ ...rtx, lag: 0.3, clockRate: 90_000 })).toEqual(["rtx", VIDEO.start]);
  });

  it("what is no repair: off the timeline, of the same payload type, or of a stated clock", () => {
    expect(verdict({ ...rtx, lag: 2.1 })).toBeUndefined();
    expect(verdict({ ...rtx, lag: -0.2 })).toBeUndefined();
    expect(verdict({ ...rtx, lag: 0.12, payloadType: 96 })).toBeUndefined();
    expect(verdict({ ...rtx, lag: 0.12, clockRate: 48_000 })).toBeUndefined();
    expect(verdict({ ...rtx, lag: 0.12, clockRate: 90_000, packets: 6000 })).toBeUndefined(); // more than the media
  });

  it("an audio stream may cross the timeline, and is taken for a repair no more", () => {
    // At 48 kHz it falls behind by 42 000 ticks a second: of these looks it is within the window at four.
    const times = Array.from({ length: 60 }, (_, i) => 1000 * (i + 1));
    const audio = { start: VIDEO.start, payloadType: 111 };
    expect(verdict(audio, times.slice(0, 4), [90_000, 48_000])).toEqual(["rtx", VIDEO.start]);
    expect(verdict(audio, times, [90_000, 48_000])).toBeUndefined();
  });

  it("where two media streams fit it repairs one of them, but which is not told", () => {
    const { pairing, members } = watch([VIDEO, { ...VIDEO, payloadType: 98 }, { ...rtx, lag: 0.12 }], [5000]);
    expect(pairing.repairOf(members[2] as Member)).toEqual({ kind: "rtx" });
  });

  it("streams of another 5-tuple are not compared", () => {
    const pairing = new Pairing();
    const suspect = { ...member({ ...rtx, lag: 0.12 }, 5000), origin: originOf({ srcPort: 5006 }) };
    pairing.update([member(VIDEO, 5000), suspect]);
    expect(pairing.repairOf(suspect)).toBeUndefined();
  });

  it("of streams with random starts 2.1 s × 90 kHz / 2^32 pair by chance", () => {
    const trials = 100_000;
    let seed = 1;
    let pairs = 0;
    for (let i = 0; i < trials; i++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes
      if (verdict({ start: seed, payloadType: 97 })) pairs++;
    }
    const expected = (trials * 2.1 * 90_000) / 2 ** 32;
    expect(pairs).toBeLessThan(expected + 5 * Math.sqrt(expected));
    expect(pairs).toBeGreaterThan(0);
  });
});

describe("pairing: what a sample shows of it", () => {
  it("the repair stays in the list without clock and jitter, and its media stream says what it brought", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, { retireIdle: false });
    const media = { ssrc: 1, id: 0, payloadType: 96, clockRate: 90_000, packets: 500, jitterNsQ8: 5 * NS_Q8 };
    const repair = { ssrc: 2, id: 1, payloadType: 97, clockRate: 90_000, packets: 30, bytes: 700, firstMs: 1500 };
    source.streams = [
      streamRecord({ ...media, lastTimestamp: 900_000 }),
      streamRecord({ ...repair, lastTimestamp: 900_000 - 18_000, jitterNsQ8: 70 * NS_Q8 }),
    ];
    const { streams } = await sampler.sample();
    expect(streams).toMatchObject([
      { ssrc: 1, jitter: 0.005, rtxSsrc: 2, retransmittedPacketsReceived: 30, retransmittedBytesReceived: 700 },
      { ssrc: 2, repairKind: "rtx", repairedSsrc: 1, packetsReceived: 30, packetsLost: 0 },
    ]);
    for (const name of ["jitter", "jitterRfc3550", "clockRate", "clockRateSource"]) {
      expect(streams[1]).not.toHaveProperty(name);
    }
  });

  it("of what was sent only the SSRC is told: a sender pads there, which is no retransmission", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, { retireIdle: false });
    for (const id of [0, 1]) source.origins.set(`stream ${id}`, originOf({ direction: "out" }));
    source.streams = [
      streamRecord({ ssrc: 1, payloadType: 96, clockRate: 90_000, packets: 500 }),
      streamRecord({ ssrc: 2, id: 1, payloadType: 97, clockRate: 0, clockSource: 0, firstMs: 1500 }),
    ];
    const [media, repair] = (await sampler.sample()).streams;
    expect(repair).toMatchObject({ type: "outbound-rtp", repairKind: "repair", repairedSsrc: 1 });
    expect(media).not.toHaveProperty("rtxSsrc");
    expect(media).not.toHaveProperty("retransmittedPacketsReceived");
  });
});

/** [media, its rtxSsrc, its retransmittedPacketsReceived] from the last getStats at rest of the end that received it. */
const GET_STATS: Record<string, [number, number, number][]> = {
  "chromium-impaired/receiver.pcap": [
    [302_705_594, 325_222_509, 148],
    [3_492_986_131, 2_200_065_954, 20],
  ],
  "chromium-turn/client.pcap": [
    [3_630_364_724, 2_320_623_093, 17],
    [527_986_155, 1_073_789_926, 17],
  ],
  "chromium-turn/peer.pcap": [
    [3_630_364_724, 2_320_623_093, 17],
    [527_986_155, 1_073_789_926, 17],
  ],
  // aiortc has no rtxSsrc: its SDP's rtpmap 98 is rtx, and 13 packets of that payload type passed the relay.
  "aiortc/receiver.pcap": [[730_367_686, 3_272_997_428, 13]],
  "plain-rtp/receiver.pcap": [],
};

describe("pairing: the captures of real calls", () => {
  beforeAll(checkBuild);

  it.each(Object.entries(GET_STATS))(
    "%s: every RTX stream beside its media stream, and no other",
    async (name, truth) => {
      const { stdout } = await runProgram(["analyze", join(import.meta.dirname, "captures", name), "--json"]);
      const { streams, datagrams } = JSON.parse(stdout) as Sample;
      const inbound = streams as InboundRtpStats[];
      const found = inbound.filter(({ rtxSsrc }) => rtxSsrc !== undefined);
      const bySsrc = (a: number[], b: number[]) => (a[0] as number) - (b[0] as number);
      expect(found.map((s) => [s.ssrc, s.rtxSsrc ?? 0, s.retransmittedPacketsReceived ?? 0]).sort(bySsrc)).toEqual(
        truth.toSorted(bySsrc),
      );
      const repairs = inbound.filter(({ repairKind }) => repairKind !== undefined);
      expect(repairs.map((s) => [s.repairedSsrc ?? 0, s.ssrc, s.packetsReceived]).sort(bySsrc)).toEqual(
        truth.toSorted(bySsrc),
      );
      for (const repair of repairs) {
        expect(repair).toMatchObject({ repairKind: "rtx" });
        expect(repair).not.toHaveProperty("jitter");
        expect(repair).not.toHaveProperty("clockRate");
      }
      const media = inbound.filter((stream: StreamStats) => !repairs.includes(stream as InboundRtpStats));
      for (const stream of media) expect(stream).toHaveProperty("jitter");
      // Listed apart: every RTP datagram is in one stream.
      expect(inbound.reduce((sum, { packetsReceived }) => sum + packetsReceived, 0)).toBe(datagrams.rtp);
    },
  );
});
