/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_RTCP_H
#define RTCPROBE_CORE_RTCP_H

#include "datagram.h"

enum {
	RTCP_HEADER = 8,        /* up to the sender's SSRC: all that SRTCP leaves in the clear */
	RTCP_COMPOUND = 8,      /* packets of a compound that are walked */
	SRTCP_MIN_TRAILER = 14, /* RFC 3711 section 3.4: E and index (4) with the shortest tag (10) */
};

enum rtcp_kind {
	RTCP_NONE,
	RTCP_CLEAR,
	RTCP_ENCRYPTED,
};

/* RFC 5761 section 4: the second byte that tells RTCP from RTP on one port. */
static inline int rtcp_is_type(__u8 type)
{
	return type >= 192 && type <= 223;
}

/* Length in bytes of the RTCP packet whose header the window shows; 0 if this is none. */
static inline __u32 rtcp_length(const struct datagram *d)
{
	if (d->filled < 4 || d->bytes[0] >> 6 != 2 || !rtcp_is_type(d->bytes[1]))
		return 0;
	return 4u * (read_u16(d, 2) + 1u);
}

/*
 * After `at` bytes in `packets` headers that look right: what is the rest? Cleartext RTCP ends exactly where the datagram
 * ends (RFC 3550 section 6.1). SRTCP shows one true header only, and has its index and tag behind.
 */
static inline enum rtcp_kind rtcp_rest(__u32 at, __u32 size, int packets)
{
	if (at == size || packets > 1)
		return RTCP_CLEAR;
	return packets == 1 && size - at >= SRTCP_MIN_TRAILER ? RTCP_ENCRYPTED : RTCP_NONE;
}

#endif
