// SPDX-License-Identifier: MIT
#include "frame.h"

#include <cstring>

#include <linux/if_ether.h>
#include <netinet/in.h>

namespace
{

/* https://www.tcpdump.org/linktypes.html; 12 and 14 are DLT_RAW of systems that wrote their own number into the file. */
enum link_type : __u32 {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_LINUX_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_LINUX_SLL2 = 276,
};

enum : __u32 {
	ETHERNET_HEADER = 14,
	SLL_HEADER = 16,
	SLL2_HEADER = 20,
	VLAN_TAG = 4,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	IPV6_EXTENSIONS = 6, /* headers that are walked, as in the kernel */
	UDP_HEADER = 8,
	ETH_P_QINQ_OLD = 0x9100, /* 802.1ad before it had its own number */
};

inline __u16 load_u16(const __u8 *at)
{
	return static_cast<__u16>(at[0] << 8 | at[1]);
}

inline __u16 load_raw_u16(const __u8 *at)
{
	__u16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* An IPv4 address in the first four bytes of a word, the rest 0. */
inline __u64 load_ipv4(const __u8 *at)
{
	__u64 word = 0;

	memcpy(&word, at, 4);
	return word;
}

inline void strip(struct bytes *b, __u32 n)
{
	b->data += n;
	b->size -= n;
}

__u16 ip_version(const struct bytes *packet)
{
	if (packet->size == 0)
		return 0;
	return packet->data[0] >> 4 == 4 ? ETH_P_IP : packet->data[0] >> 4 == 6 ? ETH_P_IPV6 : 0;
}

/* BSD loopback: an address family in the byte order of the host that captured; AF_INET6 is 10, 24, 28 or 30. */
__u16 loopback_strip(struct bytes *frame)
{
	__u32 family;

	if (frame->size < 4)
		return 0;
	family = static_cast<__u32>(load_u16(frame->data)) << 16 | load_u16(frame->data + 2);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	strip(frame, 4);
	if (family == 2)
		return ETH_P_IP;
	return family == 10 || family == 24 || family == 28 || family == 30 ? ETH_P_IPV6 : 0;
}

/* A header of fixed size with the EtherType at a fixed place. */
__u16 header_strip(struct bytes *frame, __u32 header, __u32 type_at)
{
	__u16 ether_type;

	if (frame->size < header)
		return 0;
	ether_type = load_u16(frame->data + type_at);
	strip(frame, header);
	return vlan_strip(ether_type, frame);
}

enum frame_kind udp_parse(struct bytes rest, __u32 ip_payload, bool first_fragment, struct udp_packet *udp)
{
	__u32 length;

	if (rest.size < UDP_HEADER)
		return FRAME_TRUNCATED;
	length = load_u16(rest.data + 4);
	/* The first fragment of a datagram has less than all of it, and the UDP header still tells the size. */
	if (length < UDP_HEADER || (length > ip_payload && !first_fragment))
		return FRAME_TRUNCATED;
	udp->endpoints.src_port = load_raw_u16(rest.data);
	udp->endpoints.dst_port = load_raw_u16(rest.data + 2);
	udp->size = length - UDP_HEADER;
	strip(&rest, UDP_HEADER);
	if (rest.size > ip_payload - UDP_HEADER) /* what an Ethernet frame is padded with */
		rest.size = ip_payload - UDP_HEADER;
	if (rest.size > udp->size)
		rest.size = udp->size;
	udp->payload = rest;
	return FRAME_UDP;
}

enum frame_kind ipv4_parse(struct bytes packet, struct udp_packet *udp)
{
	__u32 header, total, fragment;

	if (packet.size < 10 || packet.data[0] >> 4 != 4 || packet.data[9] != IPPROTO_UDP)
		return FRAME_OTHER;
	header = 4u * (packet.data[0] & 15);
	total = load_u16(packet.data + 2);
	fragment = load_u16(packet.data + 6);
	if (fragment & 0x1fff)
		return FRAME_FRAGMENT;
	if (header < IPV4_HEADER || packet.size < header || total < header + UDP_HEADER)
		return FRAME_TRUNCATED;
	udp->endpoints = {};
	udp->endpoints.src[0] = load_ipv4(packet.data + 12);
	udp->endpoints.dst[0] = load_ipv4(packet.data + 16);
	strip(&packet, header);
	return udp_parse(packet, total - header, fragment & 0x2000, udp);
}

bool is_extension(__u8 header)
{
	return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_FRAGMENT ||
	       header == IPPROTO_AH || header == IPPROTO_DSTOPTS;
}

/* RFC 8200 section 4: walk the extension headers. */
enum frame_kind ipv6_parse(struct bytes packet, struct udp_packet *udp)
{
	__u32 at = IPV6_HEADER, total;
	bool first_fragment = false;
	__u8 next;

	if (packet.size < IPV6_HEADER || packet.data[0] >> 4 != 6)
		return FRAME_OTHER;
	next = packet.data[6];
	total = IPV6_HEADER + load_u16(packet.data + 4);
	for (__u32 i = 0; i < IPV6_EXTENSIONS && is_extension(next); i++) {
		const __u8 *header = packet.data + at;

		if (packet.size < at + 4)
			return FRAME_OTHER; /* cut off before it says whether this is UDP */
		if (next == IPPROTO_FRAGMENT) {
			if (load_u16(header + 2) & 0xfff8)
				return header[0] == IPPROTO_UDP ? FRAME_FRAGMENT : FRAME_OTHER;
			first_fragment = header[3] & 1;
			at += 8;
		} else if (next == IPPROTO_AH) {
			at += (header[1] + 2u) * 4;
		} else {
			at += (header[1] + 1u) * 8;
		}
		next = header[0];
	}
	if (next != IPPROTO_UDP)
		return FRAME_OTHER;
	if (packet.size < at || total < at + UDP_HEADER)
		return FRAME_TRUNCATED;
	udp->endpoints = {};
	udp->endpoints.is_ipv6 = 1;
	memcpy(udp->endpoints.src, packet.data + 8, 16);
	memcpy(udp->endpoints.dst, packet.data + 24, 16);
	strip(&packet, at);
	return udp_parse(packet, total - at, first_fragment, udp);
}

} // namespace

bool link_is_known(__u32 link_type)
{
	switch (link_type) {
	case LINK_NULL:
	case LINK_ETHERNET:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_RAW:
	case LINK_LOOP:
	case LINK_LINUX_SLL:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_LINUX_SLL2: return true;
	default: return false;
	}
}

__u16 vlan_strip(__u16 ether_type, struct bytes *packet)
{
	while (ether_type == ETH_P_8021Q || ether_type == ETH_P_8021AD || ether_type == ETH_P_QINQ_OLD) {
		if (packet->size < VLAN_TAG)
			return 0;
		ether_type = load_u16(packet->data + 2);
		strip(packet, VLAN_TAG);
	}
	return ether_type;
}

__u16 ethernet_strip(struct bytes *frame)
{
	return header_strip(frame, ETHERNET_HEADER, 12);
}

__u16 link_strip(__u32 link_type, struct bytes *frame)
{
	switch (link_type) {
	case LINK_ETHERNET: return ethernet_strip(frame);
	case LINK_LINUX_SLL: return header_strip(frame, SLL_HEADER, 14);
	case LINK_LINUX_SLL2: return header_strip(frame, SLL2_HEADER, 0);
	case LINK_NULL:
	case LINK_LOOP: return loopback_strip(frame);
	case LINK_IPV4: return ETH_P_IP;
	case LINK_IPV6: return ETH_P_IPV6;
	default: return ip_version(frame);
	}
}

enum frame_kind packet_parse(__u16 ether_type, struct bytes packet, struct udp_packet *udp)
{
	switch (ether_type) {
	case ETH_P_IP: return ipv4_parse(packet, udp);
	case ETH_P_IPV6: return ipv6_parse(packet, udp);
	default: return FRAME_OTHER;
	}
}
