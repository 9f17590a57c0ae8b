/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_TRACE_H
#define RTCPROBE_CORE_TRACE_H

#include "stream.h"

/* How far a stream had come with its packet before: what a single packet did to it is the difference. */
struct trace {
	__u64 tag; /* of the stream; another one: there is no packet before */
	__u64 last_ns;
	__u32 max_seq;
	__u32 expected_before;
};

/* One packet of a stream, and the stream as it left it. */
struct traced_packet {
	__u64 now;
	__s64 gap_ns; /* since the packet before; means nothing of the first */
	__u64 jitter; /* as in the stream's record; valid if clock_rate */
	__u64 jitter_rfc3550;
	__u32 ssrc;
	__u32 clock_rate;
	__u32 timestamp;
	__u32 lost_before; /* numbers between the highest so far and this one; 0 for one that is late or repeated */
	__u16 sequence;
	__u8 payload_type;
	__u8 marker;
	__u8 is_first;
};

/* After stream_receive() accounted for the packet of this header. */
static inline struct traced_packet trace_packet(struct trace *t, const struct stream *s,
						const struct stream_totals *totals, const struct rtp_header *h)
{
	int is_first = t->tag != s->tag || stream_packets(s, totals) == 1;
	int is_same_run = !is_first && t->expected_before == totals->expected_before;
	__u32 max_seq = s->max_seq;
	struct traced_packet p = {
		.now = s->last_ns,
		.gap_ns = is_first ? 0 : (__s64)(s->last_ns - t->last_ns),
		.jitter = s->jitter,
		.jitter_rfc3550 = s->jitter_rfc3550,
		.ssrc = s->ssrc,
		.clock_rate = s->clock_rate,
		.timestamp = h->timestamp,
		.lost_before = is_same_run && max_seq > t->max_seq ? max_seq - t->max_seq - 1 : 0,
		.sequence = h->sequence,
		.payload_type = h->payload_type,
		.marker = h->marker,
		.is_first = (__u8)is_first,
	};

	t->tag = s->tag;
	t->last_ns = s->last_ns;
	t->max_seq = max_seq;
	t->expected_before = totals->expected_before;
	return p;
}

#endif
