/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_STREAM_H
#define RTCPROBE_CORE_STREAM_H

#include "clock.h"
#include "endpoints.h"
#include "rtp.h"
#include "sequence.h"
#include "table.h"

/*
 * One stream: one SSRC, one direction, one 5-tuple on one socket. Three cache lines: two that every packet changes, and the
 * sequence window that one in 64 does. `tag` and `version` belong to core/table.h. The two `touched` mean nothing: see observe_usual().
 */
struct stream {
	__u64 tag;     /* identity; 0 = the slot is free */
	__u32 version; /* odd while somebody writes */
	__u32 touched;
	__u64 packets;        /* all, duplicates and those of probation included */
	__u64 bytes;          /* RTP payload (with padding and SRTP's tag: both are encrypted or unmarked) */
	__u64 header_bytes;   /* RTP headers, CSRCs and extensions: bytes + header_bytes = UDP payload */
	__u64 last_ns;        /* arrival of the last packet */
	__u64 jitter_rfc3550; /* ns << JITTER_FRACTION_BITS, every packet in order of arrival; valid if clock_rate */
	__u64 jitter;         /* the same unit, in-order packets whose timestamp changed; valid if clock_rate */

	__u64 first_ns;
	__u32 ssrc;
	__u32 last_ts;    /* RTP timestamp of the last packet */
	__u32 clock_rate; /* Hz, 0 = not known yet */
	__u32 duplicated;
	__u32 reordered;       /* unique, behind the highest */
	__u32 stray;           /* beyond the sequence window: neither unique nor duplicate is known */
	__u32 expected_before; /* numbers that the runs before this one spanned */
	__u32 contended;       /* packets that found the record locked: not in any other figure */
	__u8 payload_type;     /* of the last packet */
	__u8 clock_source;     /* enum clock_source */
	__u8 evidence;         /* consistent packets in a row, up to STREAM_EVIDENCE; below it: probation */
	__u8 csrc_count;       /* of the last packet */
	__u8 behind;  /* the last packet did not advance the sequence: detail's order_* tell of the one that did */
	__u8 settled; /* confirmed, clock known, nothing pending: stream_usual() may take the next packet */
	__u8 touched_too;
	__u8 reserved;
	struct sequence sequence;
};

_Static_assert(sizeof(struct stream) == 192, "stream is a map value: three cache lines");
_Static_assert(__builtin_offsetof(struct stream, sequence.window) == 128, "the window has a line of its own");

/* One packet as it arrived: all that accounting for it takes. */
struct stream_packet {
	struct rtp_header header;
	__u64 now;
	__u32 size;            /* of the datagram */
	__u32 configured_rate; /* clock rate that the operator gave its payload type, 0 = none */
};

/* What is written once, seldom, or only until the clock rate is known: kept away from the lines every packet touches. */
struct stream_detail {
	struct endpoints endpoints;
	__u64 cgroup_id; /* of the socket; 0 = not known */
	__u64 order_ns; /* arrival of the last packet that advanced the sequence, and its timestamp; valid if `behind` */
	__u32 order_ts;
	__u32 pid;     /* that created the socket; 0 = not seen */
	__u32 bad_seq; /* RFC 3550 A.1: the number that confirms a restart, if has_bad_seq */
	__u32 has_bad_seq;
	struct clock_search search;
};

_Static_assert(sizeof(struct stream_detail) == 224, "stream_detail is a map value: no padding");

/*
 * Probation, stricter than RFC 3550 A.1's MIN_SEQUENTIAL of 2: three packets in a row of one payload type and CSRC count
 * whose numbers are new and near. (Two DNS answers, SERVFAIL then NXDOMAIN, have "consecutive sequence numbers".)
 */
enum {
	STREAM_EVIDENCE = 2,
	STREAM_NEAR = 16,
};

enum stream_step {
	STREAM_UNCONFIRMED, /* still in probation */
	STREAM_CONFIRMED,   /* with this packet: all `packets` so far become counted */
	STREAM_COUNTED,
};

/* The rate of a payload type and where it is from; a rate of the operator's wins over the RFC's. */
static inline __u32 stream_known_rate(__u8 payload_type, __u32 configured, __u8 *source)
{
	__u32 rate = clock_rate_static(payload_type);

	*source = configured ? CLOCK_CONFIGURED : rate ? CLOCK_STATIC : CLOCK_UNKNOWN;
	return configured ? configured : rate;
}

static inline void stream_begin(struct stream *s, struct stream_detail *detail, const struct rtp_header *h, __u64 now,
				__u32 configured_rate)
{
	s->ssrc = h->ssrc;
	s->packets = 0;
	s->bytes = 0;
	s->header_bytes = 0;
	s->jitter_rfc3550 = 0;
	s->jitter = 0;
	s->first_ns = s->last_ns = now;
	s->last_ts = h->timestamp;
	s->duplicated = s->reordered = s->stray = s->expected_before = s->contended = 0;
	s->payload_type = h->payload_type;
	s->clock_rate = stream_known_rate(h->payload_type, configured_rate, &s->clock_source);
	s->evidence = 0;
	s->csrc_count = h->csrc_count;
	s->behind = 0;
	s->settled = 0;
	detail->has_bad_seq = 0;
	sequence_begin(&s->sequence, h->sequence);
	clock_search_begin(&detail->search);
}

#endif
