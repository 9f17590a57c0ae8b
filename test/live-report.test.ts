// SPDX-License-Identifier: MIT
/**
 * RTCP in the clear between two ends, over a way that takes a known time, seen by the kernel program. Oracles: the delay of the way,
 * which timers never undercut; what each end measured and said by itself (test/traffic/reporter.ts). The hooks lie between an end's
 * own looks at its clock, so the probe's round trips are between the two.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Child } from "../demo/child.js";
import type { RemoteInboundRtpStats, RemoteOutboundRtpStats } from "../src/rtcp.js";
import { can } from "./capability.js";
import { type Daemon, Lab, RECEIVER, SENDER } from "./traffic/lab.js";
import type { ReporterReport } from "./traffic/reporter.js";

const why = [can.bpf, can.netns].find((capability) => !capability.ok)?.why ?? "";

const [SPEAKER, LISTENER] = [0x5eed0001, 0x5eed0002];
const [PORT, VIA, FAR] = [40_000, 40_100, 40_200];
const WAY_MS = 20;
const CALL_MS = 4000;
const SETTLE_MS = 1000;
/** What DLSR is in. */
const RESOLUTION_S = 2 ** -16;

describe.skipIf(why !== "")(`live RTCP, through the kernel program — ${why || "eBPF and namespaces"}`, () => {
  let lab: Lab;
  let daemon: Daemon;

  beforeAll(async () => {
    lab = await Lab.open("report");
    daemon = await lab.startDaemon(["--source", "ebpf", "--cgroup", lab.cgroup]);
    await lab.delay(PORT, VIA, FAR, WAY_MS);
  });
  afterAll(async () => lab?.close());

  async function end(role: "speaks" | "listens"): Promise<Child> {
    const speaks = role === "speaks";
    const plan = {
      role,
      local: speaks ? { address: SENDER.v4, port: PORT } : { address: RECEIVER.v4, port: FAR },
      remote: { address: RECEIVER.v4, port: speaks ? VIA : VIA + 1 },
      ssrc: speaks ? SPEAKER : LISTENER,
      about: speaks ? LISTENER : SPEAKER,
    };
    return lab.startScript("test/traffic/reporter.ts", speaks ? "sender" : "receiver", plan, "watched");
  }

  /** Of both ends, once nothing is under way any more. */
  async function call(): Promise<[speaker: ReporterReport, listener: ReporterReport]> {
    const ends = [await end("speaks"), await end("listens")];
    for (const child of ends) child.order("start");
    await sleep(CALL_MS);
    for (const child of ends) child.order("stop");
    await sleep(SETTLE_MS);
    for (const child of ends) child.order("report");
    const [speaker, listener] = await Promise.all(ends.map((child) => child.read<ReporterReport>()));
    return [speaker as ReporterReport, listener as ReporterReport];
  }

  function expectTrips(stats: RemoteInboundRtpStats | RemoteOutboundRtpStats | undefined, trips: number[]): void {
    const count = trips.length;
    const least = (2 * WAY_MS) / 1000 - RESOLUTION_S;
    const most = trips.reduce((sum, ns) => sum + ns / 1e9, 0) + count * RESOLUTION_S;
    expect(count).toBeGreaterThan(5);
    expect(stats).toMatchObject({ roundTripTimeMeasurements: count, reportsUnmatched: 0 });
    expect(stats?.minRoundTripTime).toBeGreaterThanOrEqual(least);
    expect(stats?.roundTripTime).toBeLessThanOrEqual((trips.at(-1) ?? 0) / 1e9 + RESOLUTION_S);
    expect(stats?.maxRoundTripTime).toBeLessThanOrEqual(Math.max(...trips) / 1e9 + RESOLUTION_S);
    expect(stats?.totalRoundTripTime).toBeGreaterThanOrEqual(count * least);
    expect(stats?.totalRoundTripTime).toBeLessThanOrEqual(most);
  }

  it("round trips both ways, and what each end said", { timeout: 60_000 }, async () => {
    const [speaker, listener] = await call();
    expect([speaker.reportsReceived, listener.reportsReceived]).toEqual([listener.reportsSent, speaker.reportsSent]);
    const { reports, datagrams } = await daemon.streamsAfter(0);

    const inbound = reports.find((stats) => stats.type === "remote-inbound-rtp");
    const { fraction, lost, jitter } = listener.said ?? { fraction: -1, lost: -1, jitter: -1 };
    expect(inbound).toMatchObject({
      ssrc: SPEAKER,
      srcAddress: SENDER.v4,
      packetsLost: lost,
      fractionLost: fraction / 256,
      jitter: jitter / 8000,
      reportsReceived: listener.reportsSent,
    });
    expectTrips(inbound, speaker.trips);

    const outbound = reports.find((stats) => stats.type === "remote-outbound-rtp");
    expect(outbound).toMatchObject({
      ssrc: SPEAKER,
      dstAddress: RECEIVER.v4,
      dstPort: FAR,
      reportsSent: speaker.reportsSent,
    });
    expect(outbound?.packetsSent).toBeLessThanOrEqual(speaker.packetsSent);
    expect(outbound?.packetsSent).toBeGreaterThan(speaker.packetsSent - 100);
    expectTrips(outbound, listener.trips);

    const said = reports.filter(({ type }) => type.endsWith("-rtcp")).map(({ type, ssrc }) => `${type} ${ssrc}`);
    expect(said.sort()).toEqual(
      [
        `inbound-rtcp ${LISTENER}`,
        `inbound-rtcp ${SPEAKER}`,
        `outbound-rtcp ${LISTENER}`,
        `outbound-rtcp ${SPEAKER}`,
      ].sort(),
    );
    expect(datagrams.rtcp).toBe(2 * (speaker.reportsSent + listener.reportsSent)); // each where it left and where it came
  });
});
