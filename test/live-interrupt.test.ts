// SPDX-License-Identifier: MIT
/**
 * The probe of RTP is switched off and on while a stream goes on: what went by meanwhile is nobody's loss. Oracle: the sender, who
 * sends all numbers in their order over a way that loses none.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addon, type HookProbe, type Probe } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import type { InboundRtpStats } from "../src/stats.js";
import { can } from "./capability.js";
import { FIRST_SSRC, Lab, PORTS, RECEIVER, SENDER, type Truth } from "./traffic/lab.js";

const why = [can.bpf, can.netns].find((capability) => !capability.ok)?.why ?? "";
const PACKETS = 3000;
const PACE = 1000;
const ALL: HookProbe[] = ["rtp", "stun", "rtcp", "depth"];

describe.skipIf(why !== "")(`an interruption — ${why || "eBPF"}`, () => {
  let lab: Lab;
  let probe: Probe;

  beforeAll(async () => {
    lab = await Lab.open("interrupt");
    const options = { cgroup: lab.cgroup, maxStreams: 64, maxPairs: 64, clockRates: {} };
    probe = addon.openProbe({ ...options, probes: ALL });
  });
  afterAll(async () => {
    probe?.close();
    await lab?.close();
  });

  it.each([
    ["by STUN alone", ["stun"]],
    ["by nothing at all", []],
  ] as [string, HookProbe[]][])("%s: nothing is lost", async (_, between) => {
    const receiver = await lab.receive({ source: RECEIVER.v4, "source-port": PORTS.destination });
    const sampler = new Sampler(probe, { retireIdle: false });
    const path = { source: SENDER.v4, "source-port": PORTS.source, to: RECEIVER.v4, port: PORTS.destination };
    const ssrc = FIRST_SSRC + between.length;
    const sent = lab.send<Truth>("send", { ...path, ssrc, streams: 1, packets: PACKETS, pace: PACE });
    for (const probes of [between, ALL]) {
      await sleep(1000);
      probe.setProbes(probes);
    }
    const truth = await sent;
    await receiver.finish();
    const { streams } = await sampler.sample();
    const received = streams.find((stream) => stream.ssrc === ssrc && stream.type === "inbound-rtp") as InboundRtpStats;
    expect(truth.datagrams).toBe(PACKETS);
    expect(received.packetsLost).toBe(0);
    expect(received.packetsReceived).toBeLessThan(PACKETS - PACE / 2);
  });
});
