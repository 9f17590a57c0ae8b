/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_ENDPOINTS_H
#define RTCPROBE_CORE_ENDPOINTS_H

#include <linux/types.h>

enum direction {
	DIRECTION_IN,
	DIRECTION_OUT,
	DIRECTION_UNKNOWN, /* a capture, and nobody said which end is ours */
};

enum { IPV6_EXTENSIONS = 6 }; /* headers that are walked on the way to UDP */

/* TURN channels are 0x4000 to 0x4FFF (RFC 8656 section 12); with this bit it is a hash of a peer's address. */
enum { ENDPOINTS_RELAYED = 0x8000 };

/* Where a datagram came from and went to, as the packet says it. Addresses and ports in network byte order. */
struct endpoints {
	__u64 cookie; /* socket; 0 where there is none (capture, mirrored traffic) */
	__u64 src[2]; /* IPv4 is in the first four bytes, the rest 0 */
	__u64 dst[2];
	__u16 src_port;
	__u16 dst_port;
	__u16 channel; /* TURN channel the datagram came in, or ENDPOINTS_RELAYED and who is behind the relay; 0 = none */
	__u8 is_ipv6;
	__u8 direction; /* enum direction */
};

_Static_assert(sizeof(struct endpoints) == 48, "endpoints is part of map values: no padding");

/* True if the source is the end that a pair names first: this host's, or else one of both whatever the direction. */
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

/* Both directions of a pair are one: tell *e from the pair's first end. */
static inline void endpoints_turn(struct endpoints *e)
{
	if (!endpoints_source_first(e))
		endpoints_swap(e);
	if (e->direction != DIRECTION_UNKNOWN)
		e->direction = DIRECTION_OUT;
}

/* What tags are made with: random per load, so that nobody can aim at a slot, or at another's tag, from outside. */
enum { TAG_KEYS = 15 };

struct tag_keys {
	__u64 key[TAG_KEYS];
};

/* All keys from one random number: splitmix64. */
static inline void tag_keys_begin(struct tag_keys *keys, __u64 seed)
{
	for (int i = 0; i < TAG_KEYS; i++) {
		__u64 z = seed += 0x9E3779B97F4A7C15ULL;

		z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
		z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
		keys->key[i] = z ^ z >> 31;
	}
}

/*
 * 64-bit identity of (socket, 5-tuple, channel, direction, what), never 0: 0 marks a free slot. `what` is an SSRC for
 * streams. Multilinear hashing: a sum of products, which a CPU computes side by side; its upper half is strongly universal
 * (Carter and Wegman), so two identities share it with a chance of 2^-32 whoever chose them. In two parts: the addresses,
 * and with them all.
 */
static inline __u64 tag_of_ipv4(const struct tag_keys *keys, __u32 src, __u32 dst)
{
	return keys->key[0] + keys->key[1] * src + keys->key[2] * dst;
}

static inline __u64 tag_of_ipv6(const struct tag_keys *keys, const __u64 src[2], const __u64 dst[2])
{
	__u64 tag = tag_of_ipv4(keys, (__u32)src[0], (__u32)dst[0]) + keys->key[8];

	tag += keys->key[9] * (src[0] >> 32) + keys->key[10] * (__u32)src[1] + keys->key[11] * (src[1] >> 32);
	return tag + keys->key[12] * (dst[0] >> 32) + keys->key[13] * (__u32)dst[1] + keys->key[14] * (dst[1] >> 32);
}

static inline __u64 tag_of(const struct tag_keys *keys, __u64 addresses, __u32 ports, __u32 way, __u64 socket,
			   __u32 what)
{
	__u64 tag = addresses + keys->key[3] * ports + keys->key[4] * way + keys->key[5] * what;

	return (tag + keys->key[6] * (__u32)socket + keys->key[7] * (socket >> 32)) | 1;
}

/* The ports as they stand in the UDP header, and what of the way is no address. */
static inline __u32 tag_way(__u16 channel, __u8 direction)
{
	return (__u32)channel << 8 | direction;
}

static inline __u64 tag_of_addresses(const struct tag_keys *keys, const struct endpoints *e)
{
	return e->is_ipv6 ? tag_of_ipv6(keys, e->src, e->dst) : tag_of_ipv4(keys, (__u32)e->src[0], (__u32)e->dst[0]);
}

static inline __u64 endpoints_tag(const struct endpoints *e, const struct tag_keys *keys, __u64 socket, __u32 what)
{
	__u32 ports = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? (__u32)e->dst_port << 16 | e->src_port :
								  (__u32)e->src_port << 16 | e->dst_port;

	return tag_of(keys, tag_of_addresses(keys, e), ports, tag_way(e->channel, e->direction), socket, what);
}

/* The same for a pair: of either direction, and of a channel that need not be the datagram's. */
static inline __u64 endpoints_pair_tag(const struct endpoints *e, const struct tag_keys *keys, __u16 channel)
{
	int from_first = endpoints_source_first(e);
	const __u64 *first = from_first ? e->src : e->dst, *second = from_first ? e->dst : e->src;
	__u64 addresses =
		e->is_ipv6 ? tag_of_ipv6(keys, first, second) : tag_of_ipv4(keys, (__u32)first[0], (__u32)second[0]);
	__u32 ports = from_first ? (__u32)e->dst_port << 16 | e->src_port : (__u32)e->src_port << 16 | e->dst_port;
	__u8 direction = e->direction == DIRECTION_UNKNOWN ? DIRECTION_UNKNOWN : DIRECTION_OUT;

	return tag_of(keys, addresses, ports, tag_way(channel, direction), e->cookie, 0);
}

#endif
