// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_PLAIN_H
#define RTCPROBE_NATIVE_PLAIN_H

/* The frames that nearly all are, taken apart no further than it takes to find their stream; native/frame.h takes any. */
#include "batches.h"
#include "frame.h"

#include "../core/function.h"

enum : __u32 { PLAIN_BYTES = PLAIN_WORDS * sizeof(__u32) };

/* Whole UDP right behind an IP header without options, with the first words of its payload. */
struct plain_packet {
	__u64 addresses; /* part of the tag, as the ports are */
	__u32 ports;
	__u32 size; /* of the payload */
	const __u8 *payload;
};

/* `rest` begins with the UDP header and `ip_payload` is its size by the IP header. */
SHORT_FUNCTION bool plain_udp(const __u8 *rest, __u32 ip_payload, struct plain_packet *plain)
{
	__u32 length = load_u16(rest + 4);

	plain->ports = load_raw_u32(rest);
	plain->size = length - UDP_HEADER;
	plain->payload = rest + UDP_HEADER;
	return length >= UDP_HEADER && length <= ip_payload;
}

SHORT_FUNCTION bool plain_ipv4(struct bytes packet, const struct tag_keys *keys, struct plain_packet *plain)
{
	const __u8 *at = packet.data;
	__u32 total;

	if (packet.size < IPV4_HEADER + UDP_HEADER + PLAIN_BYTES || at[0] != 0x45 || at[9] != IPPROTO_UDP ||
	    load_u16(at + 6) & 0x3fff)
		return false;
	total = load_u16(at + 2);
	plain->addresses = tag_of_ipv4(keys, load_raw_u32(at + 12), load_raw_u32(at + 16));
	return total >= IPV4_HEADER && plain_udp(at + IPV4_HEADER, total - IPV4_HEADER, plain);
}

SHORT_FUNCTION bool plain_ipv6(struct bytes packet, const struct tag_keys *keys, struct plain_packet *plain)
{
	const __u8 *at = packet.data;
	__u64 src[2], dst[2];

	if (packet.size < IPV6_HEADER + UDP_HEADER + PLAIN_BYTES || at[0] >> 4 != 6 || at[6] != IPPROTO_UDP)
		return false;
	memcpy(src, at + 8, sizeof(src));
	memcpy(dst, at + 24, sizeof(dst));
	plain->addresses = tag_of_ipv6(keys, src, dst);
	return plain_udp(at + IPV6_HEADER, load_u16(at + 4), plain);
}

/* True if the packet is such a one; then packet_parse() would say FRAME_UDP. */
SHORT_FUNCTION bool plain_parse(__u16 ether_type, struct bytes packet, const struct tag_keys *keys,
				struct plain_packet *plain)
{
	if (ether_type == ETH_P_IP)
		return plain_ipv4(packet, keys, plain);
	return ether_type == ETH_P_IPV6 && plain_ipv6(packet, keys, plain);
}

#endif
