// SPDX-License-Identifier: MIT
/**
 * Known traffic between two network namespaces, seen by the kernel program of a running daemon, read with `rtcprobe
 * streams --json`. Oracle: test/traffic/, a C program that shares no code with rtcprobe; it says what it sent, counted from
 * the order of sending, and a receiver of its own says that all of it arrived.
 */

import { basename } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Datagrams } from "../src/native.js";
import { can } from "./capability.js";
import {
  BAD,
  type Case,
  type Daemon,
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
import { expectedStreams, foundStreams, type SeenStream, sumOfOutcomes } from "./traffic/truth.js";

const why = [can.bpf, can.netns].find((capability) => !capability.ok)?.why ?? "";

const CASES: Case[] = [
  { name: "IPv4, one stream", send: { streams: 1, packets: 3000 } },
  { name: "IPv6, three streams on one socket", family: "v6", send: { streams: 3, packets: 2000 } },
  { name: "IPv4 from and to IPv6 sockets", family: "mapped", send: { streams: 2, packets: 2000 } },
  { name: "IPv4 with options", send: { streams: 2, packets: 2000, "ip-options": true } },
  { name: "IPv6 with destination options", family: "v6", send: { streams: 2, packets: 2000, "ip-options": true } },
  { name: "UDP_SEGMENT, IPv4", send: { streams: 3, packets: 2000, gso: 10 } },
  { name: "UDP_SEGMENT and UDP_GRO, IPv4", send: { streams: 3, packets: 2000, gso: 10 }, gro: true },
  { name: "UDP_SEGMENT and UDP_GRO, IPv6", family: "v6", send: { streams: 3, packets: 2000, gso: 7 }, gro: true },
  { name: "UDP_GRO alone", send: { streams: 2, packets: 2000 }, gro: true },
  { name: "super-packets of 45 segments", send: { streams: 2, packets: 2000, gso: 45, size: 1200 }, gro: true },
  { name: "destination options and UDP_SEGMENT", family: "v6", send: { streams: 2, gso: 5, "ip-options": true } },
  { name: "200 streams on one socket", send: { streams: 200, packets: 60, pace: 20_000 } },
  { name: "two CPUs, streams of their own, IPv4", send: { streams: 4, packets: 2000, threads: 2 } },
  { name: "two CPUs, streams of their own, IPv6", family: "v6", send: { streams: 4, packets: 2000, threads: 2 } },
  { name: "two CPUs on one stream, IPv4", send: TOGETHER, racy: true },
  {
    name: "two CPUs on one stream, IPv6",
    family: "v6",
    send: TOGETHER,
    racy: true,
  },
  {
    name: "two CPUs on one stream, UDP_SEGMENT and UDP_GRO",
    send: { ...TOGETHER, gso: 8 },
    gro: true,
    racy: true,
  },
];

function addresses(family: Case["family"]): { source: string; destination: string } {
  if (family === "mapped") return { source: `::ffff:${SENDER.v4}`, destination: `::ffff:${RECEIVER.v4}` };
  return { source: SENDER[family ?? "v4"], destination: RECEIVER[family ?? "v4"] };
}

/** The totals are those of the truth but for so many packets, which were refused while another CPU had the record: they are no loss. */
function expectLess(found: SeenStream[], expected: SeenStream[], contended: number): void {
  const namesOf = (streams: SeenStream[]) => streams.map(({ type, ssrc, srcPort }) => [type, ssrc, srcPort]);
  const packetsOf = (streams: SeenStream[]) => streams.reduce((sum, { packets }) => sum + packets, 0);
  expect(namesOf(found)).toEqual(namesOf(expected));
  expect(packetsOf(found) + contended).toBe(packetsOf(expected));
  for (const [i, truth] of expected.entries()) {
    const stream = found[i] as SeenStream;
    // All headers of a stream are of one size.
    expect(stream.headerBytes / stream.packets).toBe(truth.headerBytes / truth.packets);
    expect(stream.bytes).toBeLessThanOrEqual(truth.bytes);
    // Where one of two equal packets was refused the other is no duplicate, and the refused one stands in for a loss: no more than that.
    const duplicates = truth.packetsDuplicated - stream.packetsDuplicated;
    expect(duplicates).toBeGreaterThanOrEqual(0);
    expect(duplicates).toBeLessThanOrEqual(truth.packets - stream.packets);
    if (stream.packetsLost === undefined || truth.packetsLost === undefined) continue;
    // One that was refused while the other CPU took the record for this stream is counted for nobody.
    const unclaimed = stream.packetsLost + duplicates - truth.packetsLost;
    expect(unclaimed).toBeGreaterThanOrEqual(0);
    expect(unclaimed).toBeLessThanOrEqual(1);
  }
}

describe.skipIf(why !== "")(`live, through the kernel program — ${why || "eBPF and namespaces"}`, () => {
  let lab: Lab;
  let daemon: Daemon;
  let before: Datagrams;
  let ssrc = FIRST_SSRC;

  beforeAll(async () => {
    lab = await Lab.open("live");
    daemon = await lab.startDaemon(["--source", "ebpf", "--cgroup", lab.cgroup]);
  });
  afterAll(async () => lab?.close());
  beforeEach(async () => {
    before = await daemon.datagrams();
  });

  /** Sends one case and holds both ends to its truth; "contended" if the host was so busy that datagrams were refused. */
  async function holdToTruth({ family, send, gro, racy }: Case): Promise<"equal" | "contended"> {
    before = await daemon.datagrams();
    const { source, destination } = addresses(family);
    const receiver = await lab.receive({ source: destination, "source-port": PORTS.destination, ...(gro && { gro }) });
    const first = ssrc;
    ssrc += 1000;
    const path = { source, "source-port": PORTS.source, to: destination, port: PORTS.destination };
    const truth = await lab.send<Truth>("send", { ...path, ssrc: first, seed: first, pace: 10_000, ...BAD, ...send });
    const after = await daemon.streamsAfter(before.seen + 2 * truth.datagrams);
    const received = await receiver.finish();

    expect(received.datagrams, "all arrived").toBe(truth.datagrams);
    expect(
      truth.streams.reduce((sum, { lost, duplicated, reordered }) => sum + lost * duplicated * reordered, 0),
    ).toBeGreaterThan(0);
    if (send.gso && gro) expect(received.superPackets).toBeGreaterThan(0);
    const ends = { srcAddress: source.replace("::ffff:", ""), dstAddress: destination.replace("::ffff:", "") };
    const where = { ...ends, srcPort: PORTS.source, dstPort: PORTS.destination };
    const { datagrams } = after;
    expect(datagrams.seen - before.seen).toBe(2 * truth.datagrams);
    expect(sumOfOutcomes(datagrams)).toBe(datagrams.seen);
    const found = foundStreams(after.streams, first, racy);
    const expected = expectedStreams(truth, where, racy);
    const contended = datagrams.contended - before.contended;
    if (contended > 0) {
      expectLess(found, expected, contended);
      return "contended";
    }
    expect(found).toEqual(expected);
    const owner = { pid: receiver.pid, comm: "traffic", cgroup: `/${basename(lab.cgroup)}` };
    const inbound = after.streams.filter((stream) => stream.type === "inbound-rtp" && stream.ssrc === first);
    expect(inbound).toMatchObject([owner]);

    expect(datagrams.rtp - before.rtp).toBe(2 * truth.datagrams);
    return "equal";
  }

  it.each(named(CASES))("%s: both ends count what was sent", { timeout: 60_000 }, async (_, one) => {
    // Two CPUs on one stream may refuse datagrams when the host is overloaded, each counted: then once more.
    const tries = one.racy ? 4 : 1;
    let outcome = "";
    for (let i = 0; i < tries && outcome !== "equal"; i++) outcome = await holdToTruth(one);
    expect(outcome).toBe("equal");
  });

  it.each(["v4", "v6"] as const)("noise over IP%s is no stream, and each datagram has its reason", async (family) => {
    const { source, destination } = addresses(family);
    const receiver = await lab.receive({ source: destination, "source-port": PORTS.destination });
    const path = { source, "source-port": PORTS.source, to: destination, port: PORTS.destination };
    const truth = await lab.send<NoiseTruth>("noise", { ...path, packets: 7000, pace: 50_000, seed: 7 });
    const after = await daemon.streamsAfter(before.seen + 2 * truth.datagrams);

    expect((await receiver.finish()).datagrams).toBe(truth.datagrams);
    expect(after.streams.filter((stream) => stream.ssrc < FIRST_SSRC || stream.ssrc >= ssrc)).toEqual([]);
    expect(after.candidatePairs).toEqual([]);
    expect(after.datagrams.rtp - before.rtp).toBe(0);
    expect(after.datagrams.stun - before.stun).toBe(0);
    expect(after.datagrams.empty - before.empty).toBe(2 * truth.empty);
    expect(after.datagrams.dtls - before.dtls).toBe(2 * truth.dtls);
    expect(after.datagrams.seen - before.seen).toBe(2 * truth.datagrams);
    expect(sumOfOutcomes(after.datagrams)).toBe(after.datagrams.seen);
  });

  it("media amid noise on the same sockets' addresses: the streams are exact, the noise is none", async () => {
    const { source, destination } = addresses("v4");
    const receiver = await lab.receive({ source: destination, "source-port": PORTS.destination });
    const to = { source, to: destination, port: PORTS.destination };
    const first = ssrc;
    ssrc += 1000;
    const media = { ...to, "source-port": PORTS.source, ssrc: first, seed: first, streams: 3, packets: 2000, ...BAD };
    const [truth, noise] = await Promise.all([
      lab.send<Truth>("send", { ...media, pace: 5000 }),
      lab.send<NoiseTruth>("noise", { ...to, "source-port": PORTS.source + 1, packets: 3000, pace: 20_000, seed: 8 }),
    ]);
    const all = 2 * (truth.datagrams + noise.datagrams);
    const after = await daemon.streamsAfter(before.seen + all);
    await receiver.finish();

    const where = { srcAddress: source, dstAddress: destination, srcPort: PORTS.source, dstPort: PORTS.destination };
    expect(foundStreams(after.streams, first)).toEqual(expectedStreams(truth, where));
    expect(after.streams.filter((stream) => stream.srcPort === PORTS.source + 1)).toEqual([]);
    expect(after.datagrams.seen - before.seen).toBe(all);
    expect(after.datagrams.rtp - before.rtp).toBe(2 * truth.datagrams);
    expect(sumOfOutcomes(after.datagrams)).toBe(after.datagrams.seen);
  });
});
