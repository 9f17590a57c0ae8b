// SPDX-License-Identifier: MIT
/**
 * The AF_PACKET source on interfaces that the test builds. Oracle: the number of datagrams that packetchild.mjs sends, and
 * which devices of the kernel's a packet passes on its way.
 */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { depthAt } from "../src/depthrecord.js";
import { addon, type PacketOptions } from "../src/native.js";
import { can } from "./capability.js";
import { rtp } from "./packets.js";

const COUNT = 500;
const OPTIONS: PacketOptions = { maxStreams: 64, maxPairs: 64, clockRates: {}, probes: ["rtp", "stun", "rtcp"] };

interface Seen {
  rows: { direction: string; packets: number; duplicated: number; expected: number }[];
  seen: number;
  rtp: number;
  missed: number;
}

/** What the sources saw in a new namespace, set up by these commands of ip(8). */
function sendIn(commands: string[], address: string, interfaces: string[]): Seen[] {
  const child = join(import.meta.dirname, "packetchild.mjs");
  const script = `set -e; ${commands.map((command) => `ip ${command};`).join(" ")} exec "$@"`;
  const argv = ["--net", "sh", "-c", script, "sh", process.execPath, child, address, `${COUNT}`, ...interfaces];
  return JSON.parse(execFileSync("unshare", argv, { encoding: "utf8" })) as Seen[];
}

const whole = (direction: string) => ({ direction, packets: COUNT, duplicated: 0, expected: COUNT });

/** Two ends of a cable; what goes out of a0 comes in at a1, where nobody has its address. */
const CABLE = ["link add a0 type veth peer name a1", "link set a0 up", "link set a1 up"];
const neighbour = (device: string) => `neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev ${device} nud permanent`;

const why = [can.packet, can.netns].find((capability) => !capability.ok)?.why ?? "";

describe.skipIf(why !== "")(`a packet source — ${why || "CAP_NET_RAW and namespaces"}`, () => {
  it("sees what leaves as outgoing, and what is not addressed to us as of unknown direction", () => {
    const [a0, a1] = sendIn([...CABLE, "addr add 192.0.2.1/24 dev a0", neighbour("a0")], "192.0.2.2", ["a0", "a1"]);
    expect(a0).toEqual({ rows: [whole("out")], seen: COUNT, rtp: COUNT, missed: 0 });
    expect(a1).toEqual({ rows: [whole("unknown")], seen: COUNT, rtp: COUNT, missed: 0 });
  });

  it("on loopback, sees each datagram go out and come in", () => {
    const [any] = sendIn(["link set lo up"], "127.0.0.1", ["any"]);
    expect(any?.rows.toSorted((a, b) => a.direction.localeCompare(b.direction))).toEqual([whole("in"), whole("out")]);
    const [any6] = sendIn(["link set lo up"], "::1", ["any"]);
    expect(any6?.rows).toHaveLength(2);
  });

  it("counts a packet once that passes a bridge and its port", () => {
    const commands = [
      ...CABLE,
      "link add b0 type bridge",
      "link set a0 master b0",
      "link set b0 up",
      "addr add 192.0.2.1/24 dev b0",
      neighbour("b0"),
    ];
    const [any, b0, a0] = sendIn(commands, "192.0.2.2", ["any", "b0", "a0"]);
    expect(any?.rows.filter(({ direction }) => direction === "out")).toEqual([whole("out")]);
    expect(any?.rows).toHaveLength(2); // out, and at the other end of the cable
    expect(any?.seen).toBe(2 * COUNT);
    expect(b0?.rows).toEqual([whole("out")]);
    expect(a0?.rows).toEqual([whole("out")]);
  });

  it("measures the depth of a stream from when that is switched on, also for the second time", async () => {
    // Of this host's loopback: whatever else is on it has its own ports, and room.
    const options: PacketOptions = { ...OPTIONS, maxStreams: 4096, probes: ["rtp", "depth"], interface: "lo" };
    const source = addon.openPacketSource(options);
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    let sent = 0;
    const isReceived = (id: number) => {
      const { direction, srcPort } = source.origin("stream", id);
      return direction === "in" && srcPort === socket.address().port;
    };
    const found = () => {
      const { streams, depths } = source.snapshot();
      const i = streams.id.findIndex(isReceived);
      const depth = depths.id.indexOf(streams.id[i] as number);
      return { packets: streams.packets[i], ...(depth >= 0 && { depth: depthAt(depths, depth) }) };
    };
    const send = async (count: number) => {
      for (let i = 0; i < count; i++, sent++) {
        const datagram = rtp({ payloadType: 0, seq: sent, timestamp: 160 * sent });
        await new Promise((done) => socket.send(datagram, socket.address().port, "127.0.0.1", done));
      }
      return vi.waitFor(() => {
        const now = found();
        expect(now.packets).toBe(sent);
        return now;
      });
    };
    try {
      expect((await send(30)).depth).toMatchObject({ packets: 30, lossNumbers: 30 });
      source.setProbes(["rtp"]);
      expect((await send(20)).depth).toBeUndefined();
      source.setProbes(["rtp", "depth"]);
      const { depth } = await send(10);
      expect(depth).toMatchObject({ packets: 10, lossNumbers: 10, lossGapLost: 0 });
    } finally {
      socket.close();
      source.close();
    }
  });

  it("is deaf while all probes are off", async () => {
    const source = addon.openPacketSource({ ...OPTIONS, interface: "lo" });
    expect(source.probes()).toEqual(["rtp", "stun", "rtcp"]);
    source.setProbes([]);
    expect(source.probes()).toEqual([]);
    source.setProbes(["stun"]);
    expect(source.probes()).toEqual(["stun"]);
    source.close();
  });

  it("names an interface that is not there", () => {
    expect(() => addon.openPacketSource({ ...OPTIONS, interface: "nowhere0" })).toThrow(
      expect.objectContaining({ code: "ENODEV", errno: -19, path: "nowhere0" }),
    );
  });

  it("refuses what is not of the contract, and never crashes", () => {
    const open = addon.openPacketSource as (options: unknown) => unknown;
    for (const options of [undefined, null, 7, "x", {}, { ...OPTIONS, probes: "rtp" }, { ...OPTIONS, probes: [7] }])
      expect(() => open(options)).toThrow(TypeError);
    for (const options of [
      { ...OPTIONS, probes: ["drops"] },
      { ...OPTIONS, maxStreams: 0 },
      { ...OPTIONS, maxStreams: Number.NaN },
      { ...OPTIONS, maxPairs: 1.5 },
      { ...OPTIONS, maxPairs: 2 ** 40 },
      { ...OPTIONS, clockRates: { 128: 8000 } },
      { ...OPTIONS, clockRates: { 96: -1 } },
      { ...OPTIONS, clockRates: { x: 8000 } },
    ])
      expect(() => open(options)).toThrow(RangeError);
  });

  it("throws ERR_CLOSED after close, which may be called again", () => {
    const source = addon.openPacketSource(OPTIONS);
    source.close();
    source.close();
    for (const use of [
      () => source.snapshot(),
      () => source.probes(),
      () => source.setProbes([]),
      () => source.framesMissed(),
      () => source.origin("stream", 0),
      () => source.retire("stream", new Float64Array()),
    ])
      expect(use).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });

  it("ends with the thread that opened it", async () => {
    const path = join(import.meta.dirname, "../build/Release/rtcprobe.node");
    const code = `
      const source = require(${JSON.stringify(path)}).openPacketSource(${JSON.stringify(OPTIONS)});
      require("node:worker_threads").parentPort.postMessage(source.snapshot().datagrams.seen);
      setInterval(() => source.snapshot(), 10);`;
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(code, { eval: true });
      expect(await new Promise((resolve) => worker.once("message", resolve))).toBe(0);
      expect(await worker.terminate()).toBe(1);
    }
  });
});
