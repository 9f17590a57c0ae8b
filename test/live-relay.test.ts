// SPDX-License-Identifier: MIT
/**
 * Media through coturn, seen by the kernel program at its client. Oracles: what the client itself sent and received each way, and
 * how long its transactions took by its own clock (test/traffic/relayed.ts); below that, the delay of the way to the server.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StreamStats } from "../src/stats.js";
import { can } from "./capability.js";
import { type Daemon, Lab, RECEIVER, SENDER, type Streams } from "./traffic/lab.js";
import type { RelayedReport } from "./traffic/relayed.js";

const why = [can.bpf, can.netns, can.turnserver].find((capability) => !capability.ok)?.why ?? "";

const [CLIENT, VIA, SERVER, PEER] = [40_000, 40_100, 40_200, 40_300];
const [CLIENT_SSRC, PEER_SSRC, CHANNEL, PAYLOAD] = [0xc11e47, 0x9ee4, 0x4001, 80];
const WAY_MS = 15;
const PATIENCE_MS = 10_000;
const RELAYED = "test/traffic/relayed.ts";

const TURNSERVER = [
  ...["turnserver", "-n", "--no-auth", "--no-cli", "--no-tcp", "--no-tls", "--no-dtls", "--no-stdout-log"],
  ...["--listening-ip", RECEIVER.v4, "--listening-port", String(SERVER), "--relay-ip", RECEIVER.v4],
];

/** Whether a UDP socket of this process's namespace has the port. */
async function isBound(pid: number | undefined, port: number): Promise<boolean> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return (await readFile(`/proc/${pid}/net/udp`, "utf8")).includes(`:${hex} 00000000:0000`);
}

describe.skipIf(why !== "")(`live, through a TURN relay — ${why || "coturn"}`, () => {
  let lab: Lab;
  let daemon: Daemon;
  let report: RelayedReport;
  let found: Streams;

  beforeAll(async () => {
    lab = await Lab.open("relay");
    daemon = await lab.startDaemon(["--source", "ebpf", "--cgroup", lab.cgroup]);
    await lab.delay(CLIENT, VIA, SERVER, WAY_MS);
    const coturn = lab.start("turnserver", "receiver", [...TURNSERVER, ...lab.scratch("turn")], "unwatched");
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await isBound(coturn.pid, SERVER)) && Date.now() < deadline) await sleep(50);
    const [server, peer] = [VIA, PEER].map((port) => ({ address: RECEIVER.v4, port }));
    const far = { local: peer, ssrc: PEER_SSRC, payload: PAYLOAD };
    await lab.startScript(RELAYED, "receiver", far, "unwatched");
    const local = { address: SENDER.v4, port: CLIENT };
    const near = { local, ssrc: CLIENT_SSRC, payload: PAYLOAD, asks: { server, peer, channel: CHANNEL } };
    const client = await lab.startScript(RELAYED, "sender", near, "watched");
    client.order("call");
    report = await client.read<RelayedReport>();
    found = await daemon.streamsAfter(0);
  }, 60_000);
  afterAll(async () => lab?.close());

  const label = { turnPeer: `${RECEIVER.v4}:${PEER}`, relay: `${RECEIVER.v4}:${VIA}` };
  const stream = (type: StreamStats["type"], turnChannel: number | undefined): StreamStats | undefined =>
    found.streams.find((stats) => stats.type === type && stats.turnChannel === turnChannel);

  it.each([
    ["Send and Data indications", "indications", undefined],
    ["a channel", "channel", CHANNEL],
  ] as const)("media in %s are counted like any other, and labelled with peer and relay", (_, way, channel) => {
    const { sent, received } = report;
    expect(received[way]).toBeGreaterThan(0.9 * sent[way]);
    expect(stream("outbound-rtp", channel)).toMatchObject({
      ssrc: CLIENT_SSRC,
      packetsSent: sent[way],
      bytesSent: sent[way] * PAYLOAD,
      packetsReordered: 0,
      ...label,
    });
    expect(stream("inbound-rtp", channel)).toMatchObject({
      ssrc: PEER_SSRC,
      packetsReceived: received[way],
      bytesReceived: received[way] * PAYLOAD,
      packetsLost: 0,
      clockRate: 8000,
      ...label,
    });
    expect(found.streams).toHaveLength(4);
  });

  /** The hooks lie between the client's own looks at its clock. */
  function expectTrips(stats: { totalRoundTripTime?: number; minRoundTripTime?: number } | undefined, trips: number[]) {
    expect(stats).toMatchObject({ roundTripTimeMeasurements: trips.length });
    expect(stats?.minRoundTripTime).toBeGreaterThanOrEqual((2 * WAY_MS) / 1000);
    expect(stats?.totalRoundTripTime).toBeLessThanOrEqual(trips.reduce((sum, ns) => sum + ns, 0) / 1e9);
  }

  it("the way to the relay has round trips of its own, by TURN's transactions", () => {
    const { turnTrips } = report;
    expect(found.iceServers).toMatchObject([
      { serverKind: "turn", dstPort: VIA, requestsSent: turnTrips.length, responsesReceived: turnTrips.length },
    ]);
    expectTrips(found.iceServers[0], turnTrips);
  });

  it("the pair with the peer is one, before and after it has a channel", () => {
    expect(found.candidatePairs).toMatchObject([{ ...label, requestsSent: 2, responsesReceived: 2 }]);
    expectTrips(found.candidatePairs[0], report.checkTrips);
  });

  it("each datagram is one of these", () => {
    const { sent, received, turnTrips, checkTrips } = report;
    expect(found.datagrams).toMatchObject({
      rtp: sent.indications + sent.channel + received.indications + received.channel,
      turn: 2 * turnTrips.length,
      stun: 2 * checkTrips.length,
      seen: found.datagrams.rtp + found.datagrams.turn + found.datagrams.stun,
    });
  });
});
