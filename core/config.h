/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_CONFIG_H
#define RTCPROBE_CORE_CONFIG_H

#include <linux/types.h>

#include "endpoints.h"

/* The probes of the hooks; off means that its datagrams are not looked into. */
enum probe_bit {
	PROBE_RTP = 1,
	PROBE_STUN = 2,
	PROBE_RTCP = 4,
	PROBE_DEPTH = 8, /* of streams: needs PROBE_RTP */
};

/* What a run is told before it begins. In the kernel it is read-only data, so that dead branches are never loaded. */
struct config {
	struct tag_keys keys;
	__u32 stream_mask; /* slots - 1, a power of two less one */
	__u32 pair_mask;
	__u32 report_mask;
	__u32 clock_rates[128]; /* Hz by payload type, over RFC 3551 and inference; 0 = not configured */
	__u8 by_socket;         /* the socket is part of a stream's identity: addresses repeat across namespaces */
	__u8 packet_timestamps; /* arrival is the packet's own time (replay), not the monotonic clock */
	__u8 probes;            /* bits that may be on at all: the rest is dead code */
	__u8 reserved;
};

_Static_assert(sizeof(struct config) == 648, "config is read-only data of the program: no padding");

#endif
