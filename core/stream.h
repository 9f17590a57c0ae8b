/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_STREAM_H
#define RTCPROBE_CORE_STREAM_H

#include "clock.h"
#include "endpoints.h"
#include "rtp.h"
#include "sequence.h"

/*
 * One stream: one SSRC, one direction, one 5-tuple on one socket. This is what a usual packet changes, in one cache line; what else is
 * known of the stream is in its totals and its detail, at the same slot. What a usual packet adds to the totals can be told from here,
 * and is added by the next packet that is not usual, one in 64 at the least (stream_settle()). `tag` and `version` belong to core/table.h.
 */
struct stream {
	__u64 tag;            /* identity; 0 = the slot is free */
	__u32 version;        /* odd while somebody writes, to totals and detail as well */
	__u32 max_seq;        /* highest extended sequence number */
	__u64 last_ns;        /* arrival of the last packet */
	__u64 jitter_rfc3550; /* ns << JITTER_FRACTION_BITS, every packet in order of arrival; valid if clock_rate */
	__u64 jitter;         /* the same unit, in-order packets whose timestamp changed; valid if clock_rate */
	__u32 ssrc;
	__u32 last_ts;     /* RTP timestamp of the last packet */
	__u32 clock_rate;  /* Hz, 0 = not known yet */
	__u32 fresh_bytes; /* of the packets that the totals do not have yet, fewer than 64: see stream_bytes() */
	__u32 fresh_header_bytes; /* likewise */
	__u8 payload_type;        /* of the last packet */
	__u8 clock_source;        /* enum clock_source */
	__u8 evidence; /* consistent packets in a row, up to STREAM_EVIDENCE; below it: probation. Or STREAM_SETTLED */
	__u8 touched;  /* means nothing: see observe_usual() */
};

_Static_assert(sizeof(struct stream) == 64, "stream is a map value: one cache line");

/* One packet as it arrived: all that accounting for it takes. */
struct stream_packet {
	struct rtp_header header;
	__u64 now;
	__u32 size;            /* of the datagram */
	__u32 configured_rate; /* clock rate that the operator gave its payload type, 0 = none */
};

/*
 * What all packets of a stream come to, without the fresh ones, whose numbers are those between the two highest, this one's and the
 * stream's. Only other packets than the usual change it, so it is away from the line that every packet touches; and it has all that
 * a snapshot wants beside that one, in a line between others of its kind.
 */
struct stream_totals {
	__u64 packets;      /* all, duplicates and those of probation included */
	__u64 bytes;        /* RTP payload (with padding and SRTP's tag: both are encrypted or unmarked) */
	__u64 header_bytes; /* RTP headers, CSRCs and extensions: bytes + header_bytes = UDP payload */
	__u64 first_ns;
	__u32 duplicated;
	__u32 reordered;       /* unique, behind the highest */
	__u32 stray;           /* beyond the sequence window: neither unique nor duplicate is known */
	__u32 expected_before; /* numbers that the runs before this one spanned */
	__u32 base_seq;        /* of the sequence in the detail */
	__u32 max_seq;         /* likewise: the stream's, but for the fresh ones */
	__u32 contended;       /* packets that found the record locked: not in any other figure */
	__u32 reserved;
};

_Static_assert(sizeof(struct stream_totals) == 64, "stream_totals is a map value: one cache line");

/* What else it takes to account for packets, and whose they are. */
struct stream_detail {
	struct sequence sequence;
	__u64 order_ns; /* arrival of the last packet that advanced the sequence, and its timestamp; valid if `behind` */
	__u32 order_ts;
	__u32 bad_seq; /* RFC 3550 A.1: the number that confirms a restart, if has_bad_seq */
	struct endpoints endpoints;
	__u64 cgroup_id; /* of the socket; 0 = not known */
	__u32 pid;       /* that created the socket; 0 = not seen */
	__u8 has_bad_seq;
	__u8 behind;         /* the last packet did not advance the sequence: order_* tell of the one that did */
	__u8 csrc_count;     /* of the last packet */
	__u8 is_interrupted; /* packets went by that nobody looked at: the next one begins another run */
	struct clock_search search;
	__u64 reserved_rest[2]; /* so that every record begins with a cache line */
};

_Static_assert(sizeof(struct stream_detail) == 320, "stream_detail is a map value: five cache lines");

/*
 * Probation, stricter than RFC 3550 A.1's MIN_SEQUENTIAL of 2: three packets in a row of one payload type and CSRC count
 * whose numbers are new and near. (Two DNS answers, SERVFAIL then NXDOMAIN, have "consecutive sequence numbers".)
 */
enum {
	STREAM_EVIDENCE = 2,
	STREAM_SETTLED, /* clock known, nothing pending, no CSRCs: stream_usual() may take the next packet */
	STREAM_NEAR = 16,
};

enum stream_step {
	STREAM_UNCONFIRMED, /* still in probation */
	STREAM_CONFIRMED,   /* with this packet: all `packets` so far become counted */
	STREAM_COUNTED,
};

/* The figures of all packets, the fresh ones included. */
static inline __u64 stream_packets(const struct stream *s, const struct stream_totals *totals)
{
	return totals->packets + (s->max_seq - totals->max_seq);
}

static inline __u64 stream_bytes(const struct stream *s, const struct stream_totals *totals)
{
	return totals->bytes + s->fresh_bytes;
}

static inline __u64 stream_header_bytes(const struct stream *s, const struct stream_totals *totals)
{
	return totals->header_bytes + s->fresh_header_bytes;
}

/* With the fresh ones. */
static inline struct sequence stream_sequence(const struct stream *s, const struct stream_detail *detail)
{
	struct sequence whole = detail->sequence;

	sequence_follow(&whole, s->max_seq);
	return whole;
}

/* The sequence is accounted for, and nothing is fresh. */
static inline void stream_sequence_settled(struct stream *s, struct stream_totals *totals,
					   const struct stream_detail *detail)
{
	totals->base_seq = detail->sequence.base_seq;
	totals->max_seq = s->max_seq = detail->sequence.max_seq;
}

/* Add what is fresh. The caller holds the record. */
static inline void stream_settle(struct stream *s, struct stream_totals *totals, struct stream_detail *detail)
{
	totals->packets = stream_packets(s, totals);
	totals->bytes = stream_bytes(s, totals);
	totals->header_bytes = stream_header_bytes(s, totals);
	s->fresh_bytes = s->fresh_header_bytes = 0;
	sequence_follow(&detail->sequence, s->max_seq);
	stream_sequence_settled(s, totals, detail);
}

/* The rate of a payload type and where it is from; a rate of the operator's wins over the RFC's. */
static inline __u32 stream_known_rate(__u8 payload_type, __u32 configured, __u8 *source)
{
	__u32 rate = clock_rate_static(payload_type);

	*source = configured ? CLOCK_CONFIGURED : rate ? CLOCK_STATIC : CLOCK_UNKNOWN;
	return configured ? configured : rate;
}

static inline void stream_begin(struct stream *s, struct stream_totals *totals, struct stream_detail *detail,
				const struct stream_packet *packet)
{
	const struct rtp_header *h = &packet->header;

	s->ssrc = h->ssrc;
	s->jitter_rfc3550 = 0;
	s->jitter = 0;
	s->last_ns = packet->now;
	s->last_ts = h->timestamp;
	s->fresh_bytes = 0;
	s->fresh_header_bytes = 0;
	s->payload_type = h->payload_type;
	s->clock_rate = stream_known_rate(h->payload_type, packet->configured_rate, &s->clock_source);
	s->evidence = 0;
	totals->packets = 0;
	totals->bytes = 0;
	totals->header_bytes = 0;
	totals->first_ns = packet->now;
	totals->duplicated = totals->reordered = totals->stray = totals->expected_before = totals->contended = 0;
	sequence_begin(&detail->sequence, h->sequence);
	stream_sequence_settled(s, totals, detail);
	detail->csrc_count = h->csrc_count;
	detail->behind = 0;
	detail->has_bad_seq = 0;
	detail->is_interrupted = 0;
	clock_search_begin(&detail->search);
}

/* The probe was off, and is on again: what it did not see is neither lost nor late. The caller holds the record. */
static inline void stream_interrupt(struct stream *s, struct stream_detail *detail)
{
	if (s->evidence == STREAM_SETTLED)
		s->evidence = STREAM_EVIDENCE;
	detail->is_interrupted = 1;
}

#endif
