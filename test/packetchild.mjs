// SPDX-License-Identifier: MIT
/**
 * Runs in a network namespace of its own, for packet-source.test.ts: opens packet sources on the interfaces that argv
 * names ("any" for all), sends RTP to argv's address, and writes what each source saw as one line of JSON.
 */
import { createSocket } from "node:dgram";
import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";

const addon = createRequire(import.meta.url)("../build/Release/rtcprobe.node");
const [address, count, ...interfaces] = process.argv.slice(2);
const limits = { maxStreams: 64, maxPairs: 64, clockRates: {}, probes: ["rtp"] };
const sources = interfaces.map((name) =>
  addon.openPacketSource(name === "any" ? limits : { ...limits, interface: name }),
);

const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
for (let i = 0; i < Number(count); i++) {
  const packet = Buffer.alloc(172);
  packet.writeUInt16BE(0x8000, 0);
  packet.writeUInt16BE(i, 2);
  packet.writeUInt32BE(i * 160, 4);
  packet.writeUInt32BE(0xdecafbad, 8);
  await new Promise((resolve, reject) =>
    socket.send(packet, 6004, address, (error) => (error ? reject(error) : resolve())),
  );
  if (i % 50 === 0) await delay(1);
}
socket.close();
await delay(200); // the ring hands over what it has every 20 ms

const seen = sources.map((source) => {
  const { streams, datagrams } = source.snapshot();
  const rows = Array.from(streams.id, (id, i) => ({
    direction: source.origin("stream", id).direction,
    packets: streams.packets[i],
    duplicated: streams.duplicated[i],
    expected: streams.maxSeq[i] - streams.baseSeq[i] + 1,
  }));
  return { rows, seen: datagrams.seen, rtp: datagrams.rtp, missed: source.framesMissed() };
});
for (const source of sources) source.close();
console.log(JSON.stringify(seen));
