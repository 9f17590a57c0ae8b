// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_FRAME_H
#define RTCPROBE_NATIVE_FRAME_H

#include <netinet/in.h>

#include "core.h"
#include "link.h"

/* What a frame holds, by the rules of bpf/probe.bpf.c. */
enum frame_kind {
	FRAME_OTHER,     /* no UDP over IP */
	FRAME_TRUNCATED, /* UDP, but the headers are cut off or contradict each other */
	FRAME_FRAGMENT,  /* a later fragment: no UDP header */
	FRAME_UDP,
};

struct udp_packet {
	struct endpoints endpoints; /* cookie 0, direction left to the caller */
	struct bytes payload;       /* what was captured of it, and of padding behind it */
	__u32 size;                 /* of the whole payload, as the UDP header says */
};

enum : __u32 {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	UDP_HEADER = 8,
};

inline enum frame_kind udp_parse(struct bytes rest, __u32 ip_payload, bool first_fragment, struct udp_packet *udp)
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
	udp->payload = rest;
	return FRAME_UDP;
}

/* An IPv4 address in the first four bytes of a word, the rest 0. */
inline __u64 load_ipv4(const __u8 *at)
{
	__u64 word = 0;

	memcpy(&word, at, 4);
	return word;
}

inline enum frame_kind ipv4_parse(struct bytes packet, struct udp_packet *udp)
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

inline bool is_extension(__u8 header)
{
	return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_FRAGMENT ||
	       header == IPPROTO_AH || header == IPPROTO_DSTOPTS;
}

/* RFC 8200 section 4: walk the extension headers. */
inline enum frame_kind ipv6_parse(struct bytes packet, struct udp_packet *udp)
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

/* Walk the IP and UDP headers. *udp is filled if the result is FRAME_UDP. */
inline enum frame_kind packet_parse(__u16 ether_type, struct bytes packet, struct udp_packet *udp)
{
	switch (ether_type) {
	case ETH_P_IP: return ipv4_parse(packet, udp);
	case ETH_P_IPV6: return ipv6_parse(packet, udp);
	default: return FRAME_OTHER;
	}
}

#endif
