// SPDX-License-Identifier: MIT
/**
 * ICE's roles and nomination, consent, DTLS, TURN. Oracle: the schedule of the messages that each test lets pass, written by
 * the RFCs named, and the rules that README states.
 */
import { describe, expect, it } from "vitest";
import { addon, rowCount } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import type { Sample } from "../src/stats.js";
import { withFile } from "./analysis.js";
import {
  attribute,
  ENDS,
  ENDS6,
  type Ends,
  ethernet,
  frame,
  ipv6,
  type Packet,
  pcap,
  reversed,
  rtp,
  START_NS,
  stun,
  USERNAME,
  u16,
  u32,
  udp,
} from "./packets.js";
import {
  ALLOCATE,
  CREATE_PERMISSION,
  channelBind,
  DATA,
  dataAttribute,
  inChannel,
  indication,
  type Peer,
  peerAddress,
  peerText,
  REFRESH,
  SEND,
} from "./turn.js";

const CONTROLLED = attribute(0x8029, Buffer.alloc(8, 1));
const CONTROLLING = attribute(0x802a, Buffer.alloc(8, 2));
const USE_CANDIDATE = attribute(0x0025);
const INTEGRITY = attribute(0x0008, Buffer.alloc(20, 3));
const [REQUEST, SUCCESS] = [0x0001, 0x0101];

/** What passes at a time in milliseconds, sent by the first end or by the second. */
type Event = [atMs: number, from: "first" | "second", bytes: Buffer];

const framed = (bytes: Buffer, ends: Ends): Buffer =>
  ends.src.includes(":") ? ethernet(ipv6(udp(bytes, ends), ends), 0x86dd) : frame(bytes, ends);

const packets = (events: Event[], ends = ENDS): Packet[] =>
  events.map(([atMs, from, bytes]) => ({
    bytes: framed(bytes, from === "first" ? ends : reversed(ends)),
    timeNs: START_NS + BigInt(Math.round(atMs * 1e6)),
  }));

/** What the daemon would say at the end of a capture in which the first end is ours; times are since its beginning. */
function sampleOf(captured: Packet[], local = ENDS.src): Promise<Sample> {
  return withFile(pcap(captured), async (path) => {
    const capture = addon.openCapture(path, { local: [local], clockRates: {} });
    try {
      while (await capture.read());
      return await new Sampler(capture, { retireIdle: false }).sample();
    } finally {
      capture.close();
    }
  });
}

const check = (id: number, ...attributes: Buffer[]): Buffer => stun(REQUEST, id, USERNAME, ...attributes, INTEGRITY);
const success = (id: number): Buffer => stun(SUCCESS, id);

/** A check of the first end and its answer, 20 ms later. */
const answered = (id: number, atMs: number, ...attributes: Buffer[]): Event[] => [
  [atMs, "first", check(id, ...attributes)],
  [atMs + 20, "second", success(id)],
];

describe("roles and nomination", () => {
  it("the role is what this end says of itself", async () => {
    const { candidatePairs } = await sampleOf(packets(answered(1, 0, CONTROLLED)));
    expect(candidatePairs).toMatchObject([{ iceRole: "controlled" }]);
  });

  it("or the opposite of what the other end says: an ICE-lite host asks nothing", async () => {
    const [pair] = (await sampleOf(packets([[0, "second", check(1, CONTROLLING)]]))).candidatePairs;
    expect(pair).toMatchObject({ iceRole: "controlled", requestsSent: 0, requestsReceived: 1 });
    expect(pair).not.toHaveProperty("nominated");
  });

  it("nominated by the answer to USE-CANDIDATE, and consent counts from there on", async () => {
    const [pair] = (
      await sampleOf(
        packets([
          ...answered(1, 0, CONTROLLING),
          [100, "first", check(2, CONTROLLING, USE_CANDIDATE)], // lost: nominates nothing
          ...answered(3, 200, CONTROLLING),
          ...answered(4, 300, CONTROLLING, USE_CANDIDATE),
          ...answered(5, 2800),
          ...answered(6, 5300),
        ]),
      )
    ).candidatePairs;
    expect(pair).toMatchObject({ nominated: true, consentRequestsSent: 2, requestsSent: 6, iceRole: "controlling" });
  });

  it("what stands behind MESSAGE-INTEGRITY does not count, for nobody protects it", async () => {
    const forged = stun(REQUEST, 1, USERNAME, INTEGRITY, USE_CANDIDATE, CONTROLLING);
    const [pair] = (
      await sampleOf(
        packets([
          [0, "first", forged],
          [20, "second", success(1)],
        ]),
      )
    ).candidatePairs;
    expect(pair?.nominated).toBeUndefined();
    expect(pair?.iceRole).toBeUndefined();
  });

  it("nor does an attribute whose length leads out of the message", async () => {
    const torn = stun(REQUEST, 1, USERNAME, Buffer.concat([u16(0x0006), u16(60_000)]), USE_CANDIDATE);
    const [pair] = (
      await sampleOf(
        packets([
          [0, "first", torn],
          [20, "second", success(1)],
        ]),
      )
    ).candidatePairs;
    expect(pair).toMatchObject({ requestsSent: 1, responsesReceived: 1 });
    expect(pair?.nominated).toBeUndefined();
  });
});

describe("consent (RFC 7675)", () => {
  const nominated = answered(1, 0, USE_CANDIDATE);
  const unanswered = (...atMs: number[]): Event[] => atMs.map((at, i) => [at, "first", check(100 + i)]);

  it("a request is unanswered once 5 s have passed, and a late answer takes it back", async () => {
    const events = [...nominated, ...unanswered(2500, 5000, 7501)];
    expect((await sampleOf(packets(events))).candidatePairs).toMatchObject([{ requestsUnanswered: 1 }]);
    const late: Event = [7510, "second", success(100)];
    const [pair] = (await sampleOf(packets([...events, late]))).candidatePairs;
    expect(pair).toMatchObject({ requestsUnanswered: 0, responsesReceived: 2, maxRoundTripTime: 5.01 });
  });

  it("so are the last ones of a path that died: nobody asks after them", async () => {
    const times = Array.from({ length: 10 }, (_, i) => 1000 * (i + 1));
    const end: Event = [60_000, "second", stun(0x0011, 9)];
    const { candidatePairs } = await sampleOf(packets([...nominated, ...unanswered(...times), end]));
    expect(candidatePairs).toMatchObject([{ requestsUnanswered: 10, requestsSent: 11 }]);
  });

  it("or once eight more have begun", async () => {
    const times = Array.from({ length: 9 }, (_, i) => 100 + 50 * i);
    const { candidatePairs } = await sampleOf(packets([...nominated, ...unanswered(...times)]));
    expect(candidatePairs).toMatchObject([{ requestsUnanswered: 1, requestsSent: 10 }]);
  });

  it.each([
    [30_019, false],
    [30_021, true],
  ])("expires 30 s after the latest answer, if it was asked for: %i ms", async (endMs, consentExpired) => {
    const end: Event = [endMs, "second", stun(0x0011, 9)];
    const { candidatePairs } = await sampleOf(packets([...nominated, ...unanswered(5000), end]));
    expect(candidatePairs).toMatchObject([{ consentExpired }]);
  });

  it("does not expire where nobody asks any more: the call is over", async () => {
    const events = packets([...nominated, ...answered(2, 5000), [90_000, "second", stun(0x0011, 9)]]);
    expect((await sampleOf(events)).candidatePairs).toMatchObject([{ consentExpired: false }]);
  });
});

describe("quantiles of round trips", () => {
  it("are within a sixteenth of those of all numbers sorted", async () => {
    const trips = Array.from({ length: 400 }, (_, i) => 0.05 * 1.02 ** ((i * 149) % 400)); // 50 µs to 135 ms
    const events = trips.flatMap((trip, i): Event[] => [
      [1000 * i, "first", check(i)],
      [1000 * i + trip, "second", success(i)],
    ]);
    const [pair] = (await sampleOf(packets(events))).candidatePairs;
    const sorted = trips.toSorted((a, b) => a - b);
    for (const [share, found] of [
      [0.5, pair?.medianRoundTripTime],
      [0.95, pair?.p95RoundTripTime],
      [0.99, pair?.p99RoundTripTime],
    ] as const) {
      const exact = (sorted[Math.ceil(share * 400) - 1] as number) / 1000;
      expect(Math.abs((found ?? Number.NaN) - exact) / exact).toBeLessThan(1 / 16);
    }
  });
});

/** RFC 6347 section 4.1: one record. */
const record = (type: number, epoch: number, body: Buffer, version = 0xfefd): Buffer =>
  Buffer.concat([Buffer.from([type]), u16(version), u16(epoch), u16(0), u32(0), u16(body.length), body]);
const handshake = (type: number, size = 40): Buffer =>
  record(22, 0, Buffer.concat([Buffer.from([type]), Buffer.alloc(size)]));
const FINISHED = record(22, 1, Buffer.alloc(40));
const CHANGE = record(20, 0, Buffer.from([1]));
/** RFC 9147 section 4: 001CSLEE. */
const UNIFIED = Buffer.concat([Buffer.from([0x2e]), Buffer.alloc(60, 7)]);

describe("DTLS", () => {
  const pair = answered(1, 0, USE_CANDIDATE);

  it("1.2: from the first ClientHello to the server's Finished, behind other records of its datagram", async () => {
    const events: Event[] = [
      ...pair,
      [100, "second", handshake(1)],
      [150, "second", handshake(1)], // sent again
      [170, "first", Buffer.concat([handshake(2), handshake(11, 600), handshake(14)])],
      [210, "second", Buffer.concat([handshake(16), CHANGE, FINISHED])],
      [230, "first", Buffer.concat([CHANGE, FINISHED])],
      [250, "second", record(23, 1, Buffer.alloc(10))],
    ];
    const { candidatePairs, datagrams } = await sampleOf(packets(events));
    expect(candidatePairs).toMatchObject([{ dtlsRole: "server", dtlsState: "connected", dtlsHandshakeMs: 130 }]);
    expect(candidatePairs[0]?.dtlsClientHelloTimestamp).toBeCloseTo(Number(START_NS / 1_000_000n) + 100, 3);
    expect(datagrams).toMatchObject({ dtls: 6, unknown: 0 });
  });

  it("1.3: to the client's first record under the new keys", async () => {
    const events: Event[] = [
      ...pair,
      [100, "first", handshake(1)],
      [140, "second", Buffer.concat([handshake(2), UNIFIED])],
      [141, "second", UNIFIED],
      [143, "first", UNIFIED],
    ];
    const { candidatePairs, datagrams } = await sampleOf(packets(events));
    expect(candidatePairs).toMatchObject([{ dtlsRole: "client", dtlsState: "connected", dtlsHandshakeMs: 43 }]);
    expect(datagrams).toMatchObject({ dtls: 4, unknown: 0 });
  });

  it("is connecting until then", async () => {
    const [found] = (await sampleOf(packets([...pair, [100, "first", handshake(1)], [900, "first", handshake(1)]])))
      .candidatePairs;
    expect(found).toMatchObject({ dtlsState: "connecting", dtlsRole: "client" });
    expect(found).not.toHaveProperty("dtlsHandshakeMs");
  });

  it("alone is no pair, and a first byte alone no DTLS", async () => {
    const { candidatePairs, datagrams } = await sampleOf(
      packets([
        [0, "first", handshake(1)],
        [1, "first", UNIFIED],
      ]),
    );
    expect(candidatePairs).toEqual([]);
    expect(datagrams).toMatchObject({ dtls: 1, unknown: 1 });
  });
});

const PEER = { address: "203.0.113.9", port: 60_000 };
const OTHER = { address: "203.0.113.9", port: 60_001 };
const PEER6 = { address: "2001:db8::99", port: 7 };

const relayed = (type: number, id: number, data: Buffer, peer: Peer = PEER): Buffer => indication(type, id, data, peer);
const bind = (id: number, channel: number, peer: Peer = PEER): Buffer => channelBind(id, channel, peer);
const transaction = (atMs: number, request: Buffer, trip: number, isError = false): Event[] => {
  const answer = Buffer.from(request.subarray(0, 20));
  answer.writeUInt16BE(request.readUInt16BE(0) | (isError ? 0x0110 : 0x0100), 0);
  answer.writeUInt16BE(0, 2);
  return [
    [atMs, "first", request],
    [atMs + trip, "second", answer],
  ];
};
const RELAY = `${ENDS.dst}:${ENDS.dstPort}`;
const AUTHENTICATED = [attribute(0x0006, Buffer.from("user")), attribute(0x0014, Buffer.from("realm"))];

describe("a TURN server", () => {
  it("is asked by transactions of its own, whose round trips are the outer path's", async () => {
    const { candidatePairs, iceServers, datagrams } = await sampleOf(
      packets([
        ...transaction(0, stun(ALLOCATE, 1), 10, true), // asks for credentials
        ...transaction(20, stun(ALLOCATE, 2, ...AUTHENTICATED), 12),
        ...transaction(40, stun(CREATE_PERMISSION, 3), 14),
        ...transaction(60, bind(4, 0x4000), 16),
        ...transaction(80, stun(REFRESH, 5), 18),
        ...transaction(99, stun(REQUEST, 6), 20), // Binding, without USERNAME
      ]),
    );
    expect(candidatePairs).toEqual([]);
    expect(iceServers).toMatchObject([
      {
        type: "ice-server",
        serverKind: "turn",
        dstAddress: ENDS.dst,
        requestsSent: 6,
        responsesReceived: 5,
        errorResponsesReceived: 1,
        roundTripTimeMeasurements: 5,
        minRoundTripTime: 0.012,
        maxRoundTripTime: 0.02,
        totalRoundTripTime: 0.08,
      },
    ]);
    expect(datagrams).toMatchObject({ turn: 10, stun: 2, seen: 12 });
  });

  it("a STUN server is one that only Binding requests without USERNAME go to", async () => {
    const { candidatePairs, iceServers } = await sampleOf(packets(transaction(0, stun(REQUEST, 1), 5)));
    expect(candidatePairs).toEqual([]);
    expect(iceServers).toMatchObject([{ serverKind: "stun", currentRoundTripTime: 0.005 }]);
  });
});

describe("through a TURN relay", () => {
  const media = (type: number, from: number, peer = PEER, ssrc = 0xdecafbad): Event[] =>
    Array.from({ length: 50 }, (_, i) => {
      const bytes = rtp({ seq: from + i, timestamp: (from + i) * 960, ssrc });
      return [1000 + (from + i) * 20, type === SEND ? "first" : "second", relayed(type, from + i, bytes, peer)];
    });

  it.each([
    ["IPv4", PEER, ENDS],
    ["IPv6", PEER6, ENDS6],
  ])("finds streams in Send and Data indications, and says who is behind: %s", async (_, peer, ends) => {
    const { streams, datagrams } = await sampleOf(
      packets([...media(SEND, 0, peer), ...media(DATA, 0, peer, 77)], ends),
      ends.src,
    );
    const far = ends.dst.includes(":") ? `[${ends.dst}]:${ends.dstPort}` : `${ends.dst}:${ends.dstPort}`;
    const label = { turnPeer: peerText(peer), relay: far };
    expect(streams).toMatchObject([
      { type: "outbound-rtp", packetsSent: 50, bytesSent: 50 * 60, ...label },
      { type: "inbound-rtp", packetsReceived: 50, packetsLost: 0, ...label },
    ]);
    for (const stream of streams) expect(stream).not.toHaveProperty("turnChannel");
    expect(datagrams).toMatchObject({ rtp: 100, turn: 0, seen: 100 });
  });

  it("a channel's streams are labelled with its peer once it is bound", async () => {
    const wrapped = Array.from({ length: 50 }, (_, i): Event => {
      return [100 + i * 20, "second", inChannel(0x4001, rtp({ seq: i, timestamp: i * 960 }))];
    });
    const { streams } = await sampleOf(packets([...transaction(0, bind(1, 0x4001), 10), ...wrapped]));
    expect(streams).toMatchObject([
      { turnChannel: 0x4001, turnPeer: peerText(PEER), relay: RELAY, packetsReceived: 50 },
    ]);
  });

  it("a pair goes on when its peer gets a channel: checks, nomination and DTLS are one pair's", async () => {
    const { candidatePairs } = await sampleOf(
      packets([
        [0, "first", relayed(SEND, 1, check(100, USE_CANDIDATE))],
        [30, "second", relayed(DATA, 2, success(100))],
        [40, "second", relayed(DATA, 3, handshake(1))],
        ...transaction(60, bind(4, 0x4000), 10),
        [80, "first", inChannel(0x4000, Buffer.concat([CHANGE, FINISHED]))],
        [90, "first", inChannel(0x4000, check(101))],
        [140, "second", inChannel(0x4000, success(101))],
      ]),
    );
    expect(candidatePairs).toMatchObject([
      {
        turnPeer: peerText(PEER),
        relay: RELAY,
        requestsSent: 2,
        nominated: true,
        minRoundTripTime: 0.03,
        maxRoundTripTime: 0.05,
        dtlsHandshakeMs: 40,
      },
    ]);
  });

  it("two peers behind one relay are two pairs, also where nobody saw their channels bound", async () => {
    const { candidatePairs } = await sampleOf(
      packets([
        [0, "first", relayed(SEND, 1, check(100))],
        [1, "first", relayed(SEND, 2, check(101), OTHER)],
        [2, "first", inChannel(0x4002, check(102))],
        [3, "first", bind(3, 0x4002, OTHER)], // a refresh: its pair was there before
        [4, "first", inChannel(0x4002, check(103))],
      ]),
    );
    const found = candidatePairs.map(({ turnPeer, turnChannel, requestsSent }) => [
      turnPeer,
      turnChannel,
      requestsSent,
    ]);
    expect(found).toEqual([
      [peerText(PEER), undefined, 1],
      [peerText(OTHER), undefined, 1],
      [peerText(OTHER), 0x4002, 2],
    ]);
  });

  it("an indication that carries no media, no peer or nothing is TURN's, and makes no pair", async () => {
    const { streams, candidatePairs, datagrams } = await sampleOf(
      packets([
        [0, "first", relayed(SEND, 1, Buffer.from("hello"))],
        [1, "first", relayed(SEND, 2, Buffer.alloc(0))],
        [2, "first", stun(SEND, 3, dataAttribute(rtp({ seq: 1, timestamp: 1 })))],
        [3, "first", stun(DATA, 4, peerAddress(PEER, 4))],
        [4, "first", relayed(SEND, 5, relayed(SEND, 6, rtp({ seq: 1, timestamp: 1 })))],
      ]),
    );
    expect(streams).toEqual([]);
    expect(candidatePairs).toEqual([]);
    expect(datagrams).toMatchObject({ seen: 5, turn: 5 });
  });
});

it("no pair comes of an indication while the probe of STUN is off, and what is inside is counted", async () => {
  const media = Array.from({ length: 20 }, (_, i): Event => {
    return [20 * i, "first", relayed(SEND, i, rtp({ seq: i, timestamp: 960 * i }))];
  });
  await withFile(pcap(packets(media)), async (path) => {
    const capture = addon.openCapture(path, { local: [ENDS.src], clockRates: {}, probes: ["rtp"] });
    await capture.read();
    const { streams, pairs } = capture.snapshot();
    capture.close();
    expect([...streams.packets]).toEqual([20]);
    expect(rowCount(pairs)).toBe(0);
  });
});

describe("the selected pair", () => {
  it("changes when the media move to another pair of the same transport, once for all of its streams", async () => {
    const other: Ends = { ...ENDS, dstPort: ENDS.dstPort + 1 };
    const media = (fromMs: number, ssrc: number): Event[] =>
      Array.from({ length: 20 }, (_, i) => {
        const seq = fromMs / 20 + i;
        return [fromMs + i * 20, "first", rtp({ seq, timestamp: seq * 960, ssrc })];
      });
    const before = packets([...answered(1, 0, USE_CANDIDATE), ...media(100, 1), ...media(100, 2)]);
    const after = packets([...answered(2, 600, USE_CANDIDATE), ...media(700, 1), ...media(740, 2)], other);
    const { candidatePairs } = await withFile(pcap([...before, ...after]), async (path) => {
      const capture = addon.openCapture(path, { local: [ENDS.src], clockRates: {} });
      const sampler = new Sampler(capture, { retireIdle: false });
      const startMs = Number(START_NS / 1_000_000n);
      await capture.read(startMs + 550);
      const first = await sampler.sample();
      expect(first.candidatePairs).toMatchObject([{ selectedCandidatePairChanges: 0 }]);
      await capture.read();
      const last = await sampler.sample();
      capture.close();
      return last;
    });
    const found = candidatePairs.map(({ dstPort, selectedCandidatePairChanges }) => [
      dstPort,
      selectedCandidatePairChanges,
    ]);
    expect(found).toEqual([
      [ENDS.dstPort, undefined],
      [other.dstPort, 1],
    ]);
  });
});
