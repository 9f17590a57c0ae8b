// SPDX-License-Identifier: MIT
/**
 * Two CPUs that keep writing to one record: what found it locked is counted by whoever holds it, and then it is over. Oracles: the
 * sender's own count, and that a record which nobody writes to any more is let go; the numbers in core/waiting.h.
 */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addon, type Probe, rowCount, type Snapshot } from "../src/native.js";
import { can } from "./capability.js";
import { FIRST_SSRC, Lab, PORTS, RECEIVER, SENDER, TOGETHER, type Truth } from "./traffic/lab.js";

const why = [can.bpf, can.netns].find((capability) => !capability.ok)?.why ?? "";
/** As fast as it goes: some thousands find the record locked. */
const PACKETS = 200_000;
const PACE = 1_000_000;

describe.skipIf(why !== "")(`contention — ${why || "eBPF, two CPUs on one stream"}`, () => {
  let lab: Lab;
  let probe: Probe;

  beforeAll(async () => {
    lab = await Lab.open("contention");
    const options = { cgroup: lab.cgroup, maxStreams: 64, maxPairs: 64, clockRates: {} };
    probe = addon.openProbe({ ...options, probes: ["rtp", "stun", "rtcp", "depth"] });
  });
  afterAll(async () => {
    probe?.close();
    await lab?.close();
  });

  it("counts all, and lets the records go when all is over", async () => {
    const receiver = await lab.receive({ source: RECEIVER.v4, "source-port": PORTS.destination });
    const truth = await lab.send<Truth>("send", {
      source: SENDER.v4,
      "source-port": PORTS.source,
      to: RECEIVER.v4,
      port: PORTS.destination,
      ssrc: FIRST_SSRC,
      streams: 1,
      ...TOGETHER,
      packets: PACKETS,
      pace: PACE,
    });
    await receiver.finish();
    const counted = ({ datagrams }: Snapshot) => datagrams.rtp + datagrams.unconfirmed + datagrams.contended;
    const snapshot = probe.snapshot();
    expect(truth.datagrams).toBe(PACKETS);
    expect(counted(snapshot)).toBe(2 * PACKETS);
    expect(rowCount(snapshot.streams)).toBe(2);
    probe.retire("stream", snapshot.streams.id);
    expect(rowCount(probe.snapshot().streams)).toBe(0);
  });
});

it("counts what waited and asks for no more; a place that nobody came for is had after a second", () => {
  const printed = execFileSync("build/harness", ["waiting"], { encoding: "utf8" });
  expect(JSON.parse(printed)).toEqual({ counted: 2, packets: 6, state: 0, places: 32, refused: 1, later: 1 });
});
