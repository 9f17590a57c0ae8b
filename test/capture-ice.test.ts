// SPDX-License-Identifier: MIT
/** STUN transactions and TURN channels. Oracle: the times at which the test lets requests and answers pass. */
import { describe, expect, it } from "vitest";
import { analyzeBytes } from "./analysis.js";
import { ENDS, frame, type Packet, pcap, reversed, rtp, START_NS, stun, USERNAME, u16, u32 } from "./packets.js";

const analyze = (packets: Packet[]) => analyzeBytes(pcap(packets));

describe("STUN", () => {
  const request = (id: number, atMs: number): Packet => ({
    bytes: frame(stun(0x0001, id, USERNAME)),
    timeNs: START_NS + BigInt(atMs * 1e6),
  });
  const answer = (id: number, atMs: number, type = 0x0101): Packet => ({
    bytes: frame(stun(type, id), reversed(ENDS)),
    timeNs: START_NS + BigInt(atMs * 1e6),
  });

  it("measures each transaction once, the retransmitted not at all, and no error", async () => {
    const { pairs, datagrams } = await analyze([
      request(1, 0),
      answer(1, 30),
      answer(1, 40), // 30 ms; again is nothing
      request(2, 100),
      request(2, 150),
      answer(2, 190), // Karn
      request(3, 200),
      answer(3, 250, 0x0111), // an error response
      request(4, 300),
      answer(4, 370), // 70 ms
      answer(9, 400), // to nothing
      request(5, 500), // lost
    ]);
    expect(datagrams.stun).toBe(12);
    expect(pairs).toHaveLength(1);
    expect(pairs[0]?.stats).toMatchObject({
      srcAddress: ENDS.src,
      requestsSent: 5,
      retransmissionsSent: 1,
      responsesReceived: 3,
      roundTripTimeMeasurements: 2,
      currentRoundTripTime: 0.07,
      minRoundTripTime: 0.03,
      maxRoundTripTime: 0.07,
      totalRoundTripTime: 0.1,
      requestsReceived: 0,
    });
  });

  it("takes no round trip from an answer that the capture dates before its request", async () => {
    const { pairs } = await analyze([request(1, 10), answer(1, 5), request(2, 20), answer(2, 50)]);
    expect(pairs[0]?.stats).toMatchObject({
      responsesReceived: 2,
      roundTripTimeMeasurements: 1,
      maxRoundTripTime: 0.03,
    });
  });
});

describe("inside TURN ChannelData", () => {
  it("finds the stream and names its channel, with padding and without", async () => {
    const wrapped = Array.from({ length: 50 }, (_, i) => {
      const media = rtp({ seq: i, timestamp: i * 960, payload: 61 });
      const bytes = Buffer.concat([u16(0x4001), u16(media.length), media, Buffer.alloc(i % 2 ? -media.length & 3 : 0)]);
      return { bytes: frame(bytes), timeNs: START_NS + BigInt(i * 20e6) };
    });
    const analysis = await analyze(wrapped);
    expect(analysis.streams.map(({ stats }) => stats)).toMatchObject([
      { packetsReceived: 50, packetsLost: 0, turnChannel: 0x4001, bytesReceived: 50 * 61 },
    ]);
  });

  it("is not taken in by a length that does not fit", async () => {
    const bytes = frame(Buffer.concat([u16(0x4001), u16(900), rtp({ seq: 1, timestamp: 1 })]));
    const { datagrams } = await analyze([
      { bytes, timeNs: START_NS },
      { bytes: frame(u32(0x40010000)), timeNs: START_NS },
    ]);
    expect(datagrams).toMatchObject({ seen: 2, unknown: 2 });
  });
});
