/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_DEPTH_H
#define RTCPROBE_CORE_DEPTH_H

#include "function.h"
#include "stream.h"

/*
 * What the depth probe measures of one stream, beside its record and under its lock. It may begin in the middle of a
 * stream; `tag` tells whose it is, so that nobody has to clear it.
 */
struct stream_depth {
	__u64 tag; /* of the stream that it measures */
	__u64 packets;
	__u64 last_ns;    /* arrival of the last packet */
	__u64 gap_max_ns; /* longest time between two packets, in order of arrival */
};

_Static_assert(sizeof(struct stream_depth) == 32, "stream_depth is a map value: no padding");

static inline void depth_begin(struct stream_depth *d, __u64 tag, __u64 now)
{
	d->tag = tag;
	d->packets = 0;
	d->last_ns = now;
	d->gap_max_ns = 0;
}

/* One packet, after stream_receive() accounted for it. The caller holds the stream's record. Always 0. */
LONG_FUNCTION int depth_receive(struct stream_depth *d, const struct stream *s, const struct stream_packet *packet)
{
	__u64 now;

	if (!d || !s || !packet)
		return 0;
	now = packet->now;
	if (d->tag != s->tag)
		depth_begin(d, s->tag, now);
	d->packets++;
	if (now > d->last_ns && now - d->last_ns > d->gap_max_ns)
		d->gap_max_ns = now - d->last_ns;
	d->last_ns = now;
	return 0;
}

#endif
