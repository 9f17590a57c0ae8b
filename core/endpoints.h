/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_ENDPOINTS_H
#define RTCPROBE_CORE_ENDPOINTS_H

#include <linux/types.h>

enum direction {
	DIRECTION_IN,
	DIRECTION_OUT,
	DIRECTION_UNKNOWN, /* a capture, and nobody said which end is ours */
};

/* Where a datagram came from and went to, as the packet says it. Addresses and ports in network byte order. */
struct endpoints {
	__u64 cookie; /* socket; 0 where there is none (capture, mirrored traffic) */
	__u64 src[2]; /* IPv4 is in the first four bytes, the rest 0 */
	__u64 dst[2];
	__u16 src_port;
	__u16 dst_port;
	__u16 channel; /* TURN channel the datagram came in, 0 = none */
	__u8 is_ipv6;
	__u8 direction; /* enum direction */
};

_Static_assert(sizeof(struct endpoints) == 48, "endpoints is part of map values: no padding");

/* True if the source is the end that a pair names first: this host's, or else the lower (address, port). */
static inline int endpoints_source_first(const struct endpoints *e)
{
	if (e->direction != DIRECTION_UNKNOWN)
		return e->direction == DIRECTION_OUT;
	if (e->src[0] != e->dst[0])
		return e->src[0] < e->dst[0];
	if (e->src[1] != e->dst[1])
		return e->src[1] < e->dst[1];
	return e->src_port <= e->dst_port;
}

/* The same datagram seen from the other end; the direction stays, it is this host's and not the packet's. */
static inline void endpoints_swap(struct endpoints *e)
{
	__u64 low = e->src[0], high = e->src[1];
	__u16 port = e->src_port;

	e->src[0] = e->dst[0];
	e->src[1] = e->dst[1];
	e->dst[0] = low;
	e->dst[1] = high;
	e->src_port = e->dst_port;
	e->dst_port = port;
}

/* One round of a 64-bit mixer (multiply by an odd constant, fold the high half down). */
static inline __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
	return hash ^ hash >> 32;
}

/*
 * 64-bit identity of (socket, 5-tuple, channel, direction, what), never 0: 0 marks a free slot. `what` is an SSRC for
 * streams. The seed is random per load, so that nobody can aim at a slot from outside.
 */
static inline __u64 endpoints_tag(const struct endpoints *e, __u64 seed, __u32 what)
{
	__u64 tag = mix(seed ^ e->cookie, e->src[0]);

	tag = mix(tag, e->dst[0]);
	if (e->is_ipv6)
		tag = mix(mix(tag, e->src[1]), e->dst[1]);
	tag = mix(tag, ((__u64)e->src_port << 16 | e->dst_port) << 32 | what);
	tag = mix(tag, (__u32)e->channel << 8 | e->direction);
	return tag | 1;
}

#endif
