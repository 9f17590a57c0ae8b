// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_LINK_H
#define RTCPROBE_NATIVE_LINK_H

#include <linux/if_ether.h>

#include "bytes.h"

/* Link layers of capture files and interfaces. Inline, as all of the way of a packet: a call costs more than the work. */

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
	ETH_P_QINQ_OLD = 0x9100, /* 802.1ad before it had its own number */
};

/* True if frames of this type can be read. */
inline bool link_is_known(__u32 link_type)
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

/* Strip what VLAN tags stand between an EtherType and its packet. Returns the EtherType behind them. */
inline __u16 vlan_strip(__u16 ether_type, struct bytes *packet)
{
	while (ether_type == ETH_P_8021Q || ether_type == ETH_P_8021AD || ether_type == ETH_P_QINQ_OLD) {
		if (packet->size < VLAN_TAG)
			return 0;
		ether_type = load_u16(packet->data + 2);
		strip(packet, VLAN_TAG);
	}
	return ether_type;
}

/* A header of fixed size with the EtherType at a fixed place. */
inline __u16 header_strip(struct bytes *frame, __u32 header, __u32 type_at)
{
	__u16 ether_type;

	if (frame->size < header)
		return 0;
	ether_type = load_u16(frame->data + type_at);
	strip(frame, header);
	return vlan_strip(ether_type, frame);
}

inline __u16 ethernet_strip(struct bytes *frame)
{
	return header_strip(frame, ETHERNET_HEADER, 12);
}

inline __u16 ip_version(const struct bytes *packet)
{
	if (packet->size == 0)
		return 0;
	return packet->data[0] >> 4 == 4 ? ETH_P_IP : packet->data[0] >> 4 == 6 ? ETH_P_IPV6 : 0;
}

/* BSD loopback: an address family in the byte order of the host that captured; AF_INET6 is 10, 24, 28 or 30. */
inline __u16 loopback_strip(struct bytes *frame)
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

/* Strip the link layer, VLAN tags included: frame becomes the network packet. Returns its EtherType, 0 if it has none. */
[[gnu::always_inline]] inline __u16 link_strip(__u32 link_type, struct bytes *frame)
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

#endif
