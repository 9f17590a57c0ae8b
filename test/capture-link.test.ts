// SPDX-License-Identifier: MIT
/**
 * Link layers and IP headers. Oracle: the stream of referencestream.ts,
 * whose schedule is known; whatever it is wrapped in, the same record must come out.
 */
import { describe, expect, it } from "vitest";
import { analyzeBytes } from "./analysis.js";
import {
  authenticationHeader,
  ENDS,
  ENDS6,
  ETHER_IPV6,
  ethernet,
  fragmentHeader,
  ipv4,
  ipv6,
  optionsHeader,
  paced,
  pcap,
  rtp,
  u16,
  u32,
  udp,
} from "./packets.js";
import { COUNT, expectStream, ipv4Packets, ipv6Packets, packets, payloads } from "./referencestream.js";

describe("link layers", () => {
  const sll = Buffer.concat([u16(0), u16(1), u16(6), Buffer.alloc(8)]);
  const sll2 = (etherType: number) =>
    Buffer.concat([u16(etherType), u16(0), u32(2), u16(1), Buffer.from([4, 6]), Buffer.alloc(8)]);
  const swapped = (n: number) => Buffer.from(u32(n)).reverse();
  const vlan = (tags: [number, number][]) => (packet: Buffer) => ethernet(packet, 0x0800, tags);
  const behind = (header: Buffer) => (packet: Buffer) => Buffer.concat([header, packet]);

  it.each<[string, number, (packet: Buffer) => Buffer]>([
    ["Ethernet", 1, (packet) => ethernet(packet)],
    ["Ethernet, 802.1Q", 1, vlan([[0x8100, 7]])],
    [
      "Ethernet, QinQ",
      1,
      vlan([
        [0x88a8, 7],
        [0x8100, 8],
      ]),
    ],
    [
      "Ethernet, three tags",
      1,
      vlan([
        [0x9100, 6],
        [0x88a8, 7],
        [0x8100, 8],
      ]),
    ],
    ["raw IP", 101, (packet) => packet],
    ["raw IP by the number of some BSDs", 12, (packet) => packet],
    ["raw IP by the number of OpenBSD", 14, (packet) => packet],
    ["raw IPv4", 228, (packet) => packet],
    ["Linux cooked", 113, behind(Buffer.concat([sll, u16(0x0800)]))],
    ["Linux cooked, 802.1Q", 113, behind(Buffer.concat([sll, u16(0x8100), u16(7), u16(0x0800)]))],
    ["Linux cooked 2", 276, behind(sll2(0x0800))],
    ["BSD loopback of a little-endian host", 0, behind(swapped(2))],
    ["BSD loopback of a big-endian host", 0, behind(u32(2))],
    ["OpenBSD loopback", 108, behind(u32(2))],
  ])("%s", async (_, linkType, wrap) => {
    expectStream(await analyzeBytes(pcap(paced(ipv4Packets.map(wrap)), { linkType })));
  });

  it("header extensions behind a thousand tags that look like RTP", async () => {
    const tags = Array<[number, number]>(1_100).fill([0x8100, 0x8064]);
    const extended = Array.from({ length: 80 }, (_, seq) =>
      rtp({ seq, timestamp: 160 * seq, extension: Buffer.from([0x31, 0, seq, 0]) }),
    );
    const packets = extended.map((payload) => ethernet(ipv4(udp(payload, ENDS), ENDS), 0x0800, tags));
    const { streams } = await analyzeBytes(pcap(paced(packets)));
    expect(streams).toHaveLength(1);
    expect(streams[0]?.record).toMatchObject({
      packets: 80,
      baseSeq: 65536,
      maxSeq: 65536 + 79,
      stray: 0,
      duplicated: 0,
    });
  });

  it.each<[string, number, (packet: Buffer) => Buffer]>([
    ["Ethernet", 1, (packet) => ethernet(packet, ETHER_IPV6)],
    ["raw IP", 101, (packet) => packet],
    ["raw IPv6", 229, (packet) => packet],
    ["Linux cooked 2", 276, behind(sll2(ETHER_IPV6))],
    ["BSD loopback of FreeBSD", 0, behind(swapped(28))],
    ["BSD loopback of macOS", 0, behind(swapped(30))],
  ])("IPv6 in %s", async (_, linkType, wrap) => {
    expectStream(await analyzeBytes(pcap(paced(ipv6Packets.map(wrap)), { linkType })), ENDS6);
  });
});

describe("IP headers", () => {
  const raw = (packets: Buffer[]) => analyzeBytes(pcap(paced(packets), { linkType: 101 }));

  it("IPv4 options", async () => {
    expectStream(await raw(payloads.map((payload) => ipv4(udp(payload, ENDS), ENDS, { options: 8 }))));
  });

  it.each<[string, [number, Buffer][]]>([
    ["hop-by-hop options", [[0, optionsHeader(0)]]],
    ["routing", [[43, optionsHeader(2)]]],
    [
      "destination options twice",
      [
        [60, optionsHeader(1)],
        [60, optionsHeader(0)],
      ],
    ],
    ["a fragment header on a whole packet", [[44, fragmentHeader(0)]]],
    ["authentication", [[51, authenticationHeader()]]],
    [
      "five of them",
      [
        [0, optionsHeader(0)],
        [60, optionsHeader(0)],
        [43, optionsHeader(0)],
        [51, authenticationHeader()],
        [60, optionsHeader(0)],
      ],
    ],
  ])("IPv6 with %s", async (_, extensions) => {
    expectStream(await raw(payloads.map((payload) => ipv6(udp(payload, ENDS6), ENDS6, extensions))), ENDS6);
  });

  it("counts a fragmented datagram by its first fragment, and the others as fragments", async () => {
    const split = payloads.flatMap((payload) => {
      const body = udp(payload, ENDS);
      return [ipv4(body.subarray(0, 80), ENDS, { more: true }), ipv4(body.subarray(80), ENDS, { offset: 10 })];
    });
    const analysis = await raw(split);
    expectStream(analysis);
    expect(analysis.datagrams.fragment).toBe(COUNT);

    const split6 = payloads.flatMap((payload) => {
      const body = udp(payload, ENDS6);
      return [
        ipv6(body.subarray(0, 80), ENDS6, [[44, fragmentHeader(0, true)]]),
        ipv6(body.subarray(80), ENDS6, [[44, fragmentHeader(10)]]),
      ];
    });
    const analysis6 = await raw(split6);
    expectStream(analysis6, ENDS6);
    expect(analysis6.datagrams.fragment).toBe(COUNT);
  });

  it("names what it cannot count", async () => {
    const payload = payloads[0] as Buffer;
    const { datagrams, frames: count } = await raw([
      ipv4(udp(Buffer.alloc(0), ENDS), ENDS), // empty
      ipv4(udp(payload, ENDS, 0), ENDS), // truncated: no length
      ipv4(udp(payload, ENDS, 7), ENDS), // truncated: less than its own header
      ipv4(udp(payload, ENDS, 9 + payload.length), ENDS), // truncated: longer than the IP payload
      ipv4(udp(payload, ENDS).subarray(0, 6), ENDS), // truncated: half a header
      ipv4(udp(payload, ENDS).subarray(8), ENDS, { offset: 1 }), // fragment
      ipv4(payload, ENDS, { protocol: 6 }), // other
      ipv6(payload, ENDS6, [], 58), // other
      ipv6(
        udp(payload, ENDS6),
        ENDS6,
        Array.from({ length: 7 }, () => [60, optionsHeader(0)]),
      ), // other: too long a chain
      Buffer.from([0x50]), // other: no IP
    ]);
    expect(datagrams).toMatchObject({ seen: 6, empty: 1, truncated: 4, fragment: 1 });
    expect(count).toMatchObject({ total: 10, other: 4 });
  });

  it("has a truncated outcome for captures that kept no byte of the payload", async () => {
    const cut = packets.map((packet) => ({ ...packet, captured: 14 + 20 + 8 }));
    const { datagrams } = await analyzeBytes(pcap(cut));
    expect(datagrams).toMatchObject({ seen: COUNT, truncated: COUNT });
  });
});
