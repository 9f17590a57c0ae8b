// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_FRAME_H
#define RTCPROBE_NATIVE_FRAME_H

#include "core.h"

/* Bytes of one packet, of which a capture may have kept only the first. */
struct bytes {
	const __u8 *data;
	__u32 size;
};

/* What a frame holds, by the rules of bpf/probe.bpf.c. */
enum frame_kind {
	FRAME_OTHER,     /* no UDP over IP */
	FRAME_TRUNCATED, /* UDP, but the headers are cut off or contradict each other */
	FRAME_FRAGMENT,  /* a later fragment: no UDP header */
	FRAME_UDP,
};

struct udp_packet {
	struct endpoints endpoints; /* cookie 0, direction left to the caller */
	struct bytes payload;       /* what was captured of it */
	__u32 size;                 /* of the whole payload, as the UDP header says */
};

/* True if frames of this link-layer type (LINKTYPE_ of tcpdump.org) can be read. */
bool link_is_known(__u32 link_type);

/* Strip the link layer, VLAN tags included: frame becomes the network packet. Returns its EtherType, 0 if it has none. */
__u16 link_strip(__u32 link_type, struct bytes *frame);

/* The same of an Ethernet frame. */
__u16 ethernet_strip(struct bytes *frame);

/* Strip what VLAN tags stand between an EtherType and its packet. Returns the EtherType behind them. */
__u16 vlan_strip(__u16 ether_type, struct bytes *packet);

/* Walk the IP and UDP headers. *udp is filled if the result is FRAME_UDP. */
enum frame_kind packet_parse(__u16 ether_type, struct bytes packet, struct udp_packet *udp);

#endif
