// SPDX-License-Identifier: MIT
/**
 * The same known traffic as in live.test.ts, seen by `--source packet` at each end's interface. Oracle: test/traffic/, a C
 * program that shares no code with rtcprobe.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Datagrams } from "../src/native.js";
import { can } from "./capability.js";
import {
  BAD,
  type Case,
  type Daemon,
  type End,
  FIRST_SSRC,
  Lab,
  type NoiseTruth,
  named,
  PORTS,
  RECEIVER,
  SENDER,
  TOGETHER,
  type Truth,
} from "./traffic/lab.js";
import { expectedStreams, foundStreams, sumOfOutcomes } from "./traffic/truth.js";

const why = [can.packet, can.netns].find((capability) => !capability.ok)?.why ?? "";
const ENDS: End[] = ["sender", "receiver"];

const CASES: (Case & { family: "v4" | "v6" })[] = [
  { name: "IPv4, three streams", family: "v4", send: { streams: 3, packets: 2000 } },
  { name: "IPv6, three streams", family: "v6", send: { streams: 3, packets: 2000 } },
  { name: "IPv4 with options", family: "v4", send: { streams: 2, packets: 2000, "ip-options": true } },
  { name: "IPv6 with destination options", family: "v6", send: { streams: 2, packets: 2000, "ip-options": true } },
  { name: "UDP_SEGMENT, IPv4", family: "v4", send: { streams: 3, packets: 2000, gso: 10 } },
  { name: "UDP_SEGMENT and UDP_GRO, IPv6", family: "v6", send: { streams: 3, packets: 2000, gso: 7 }, gro: true },
  { name: "two CPUs, streams of their own", family: "v4", send: { streams: 4, packets: 2000, threads: 2 } },
  { name: "two CPUs on one stream", family: "v6", send: TOGETHER, racy: true },
];

describe.skipIf(why !== "")(`live, through a packet socket — ${why || "CAP_NET_RAW and namespaces"}`, () => {
  let lab: Lab;
  const daemons = {} as Record<End, Daemon>;
  const before = {} as Record<End, Datagrams>;
  let ssrc = FIRST_SSRC;

  beforeAll(async () => {
    lab = await Lab.open("packet");
    for (const end of ENDS) {
      const where = end === "receiver" ? ["--interface", "net"] : []; // none: all of them
      daemons[end] = await lab.startDaemon(["--source", "packet", ...where], end);
    }
  });
  afterAll(async () => lab?.close());
  beforeEach(async () => {
    for (const end of ENDS) before[end] = await daemons[end].datagrams();
  });

  it.each(named(CASES))("%s: each end's interface counts what was sent", async (_, { family, send, gro, racy }) => {
    const [source, destination] = [SENDER[family], RECEIVER[family]];
    const receiver = await lab.receive({ source: destination, "source-port": PORTS.destination, ...(gro && { gro }) });
    const first = ssrc;
    ssrc += 1000;
    const path = { source, "source-port": PORTS.source, to: destination, port: PORTS.destination };
    const truth = await lab.send<Truth>("send", { ...path, ssrc: first, seed: first, pace: 10_000, ...BAD, ...send });
    const where = { srcAddress: source, dstAddress: destination, srcPort: PORTS.source, dstPort: PORTS.destination };
    const expected = expectedStreams(truth, where, racy);
    expect((await receiver.finish()).datagrams, "all arrived").toBe(truth.datagrams);
    for (const end of ENDS) {
      const type = end === "sender" ? "outbound-rtp" : "inbound-rtp";
      const { streams, datagrams } = await daemons[end].streamsAfter(before[end].seen + truth.datagrams);
      expect(foundStreams(streams, first, racy), end).toEqual(expected.filter((stream) => stream.type === type));
      expect(streams.filter((stream) => stream.pid !== undefined || stream.comm !== undefined)).toEqual([]);
      expect(datagrams.rtp - before[end].rtp).toBe(truth.datagrams);
      expect(datagrams.seen - before[end].seen).toBe(truth.datagrams);
      expect(sumOfOutcomes(datagrams)).toBe(datagrams.seen);
    }
  });

  it("noise is no stream, and each datagram has its reason", async () => {
    const [source, destination] = [SENDER.v4, RECEIVER.v4];
    const receiver = await lab.receive({ source: destination, "source-port": PORTS.destination });
    const path = { source, "source-port": PORTS.source, to: destination, port: PORTS.destination };
    const truth = await lab.send<NoiseTruth>("noise", { ...path, packets: 7000, pace: 50_000, seed: 7 });
    await receiver.finish();
    for (const end of ENDS) {
      const { streams, datagrams } = await daemons[end].streamsAfter(before[end].seen + truth.datagrams);
      expect(streams.filter((stream) => stream.ssrc < FIRST_SSRC || stream.ssrc >= ssrc)).toEqual([]);
      expect(datagrams.rtp - before[end].rtp).toBe(0);
      expect(datagrams.empty - before[end].empty).toBe(truth.empty);
      expect(datagrams.dtls - before[end].dtls).toBe(truth.dtls);
      expect(datagrams.seen - before[end].seen).toBe(truth.datagrams);
      expect(sumOfOutcomes(datagrams)).toBe(datagrams.seen);
    }
  });
});
