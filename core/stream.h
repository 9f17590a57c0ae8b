/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_STREAM_H
#define RTCPROBE_CORE_STREAM_H

#include "clock.h"
#include "endpoints.h"
#include "function.h"
#include "rtp.h"
#include "sequence.h"
#include "table.h"

/*
 * One stream: one SSRC, one direction, one 5-tuple on one socket. Three cache lines: what every packet changes, what
 * most packets change, and the sequence window. `tag` and `version` belong to core/table.h.
 */
struct stream {
	__u64 tag;     /* identity; 0 = the slot is free */
	__u32 version; /* odd while somebody writes */
	__u32 ssrc;
	__u64 packets;        /* all, duplicates and those of probation included */
	__u64 bytes;          /* RTP payload (with padding and SRTP's tag: both are encrypted or unmarked) */
	__u64 header_bytes;   /* RTP headers, CSRCs and extensions: bytes + header_bytes = UDP payload */
	__u64 last_ns;        /* arrival of the last packet */
	__u64 jitter_rfc3550; /* ns << JITTER_FRACTION_BITS, every packet in order of arrival; valid if clock_rate */
	__u64 jitter;         /* the same unit, in-order packets whose timestamp changed; valid if clock_rate */

	__u64 order_ns; /* arrival of the last packet that advanced the sequence */
	__u64 first_ns;
	__u32 last_ts; /* RTP timestamps of these two */
	__u32 order_ts;
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
	__u16 bad_seq;         /* RFC 3550 A.1: the number that confirms a restart, if has_bad_seq */
	__u8 has_bad_seq;
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

/* What is written once, or only until the clock rate is known: kept away from the lines every packet touches. */
struct stream_detail {
	struct endpoints endpoints;
	__u64 cgroup_id; /* of the socket; 0 = not known */
	__u32 pid;       /* that created the socket; 0 = not seen */
	__u32 reserved;
	struct clock_search search;
};

_Static_assert(sizeof(struct stream_detail) == 208, "stream_detail is a map value: no padding");

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

static inline void stream_begin(struct stream *s, struct clock_search *search, const struct rtp_header *h, __u64 now,
				__u32 configured_rate)
{
	s->ssrc = h->ssrc;
	s->packets = 0;
	s->bytes = 0;
	s->header_bytes = 0;
	s->jitter_rfc3550 = 0;
	s->jitter = 0;
	s->first_ns = s->last_ns = s->order_ns = now;
	s->last_ts = s->order_ts = h->timestamp;
	s->duplicated = s->reordered = s->stray = s->expected_before = s->contended = 0;
	s->payload_type = h->payload_type;
	s->clock_rate = stream_known_rate(h->payload_type, configured_rate, &s->clock_source);
	s->evidence = 0;
	s->csrc_count = h->csrc_count;
	s->bad_seq = 0;
	s->has_bad_seq = 0;
	s->reserved = 0;
	sequence_begin(&s->sequence, h->sequence);
	clock_search_begin(search);
}

/* The clock rate is not known: run every candidate, and take over the one that proves right. */
static inline void stream_search(struct stream *s, struct clock_search *search, __u64 now, __u32 timestamp,
				 int in_order)
{
	int counts = in_order && timestamp != s->order_ts;
	__u32 found;

	for (__u32 i = 0; i < CLOCK_CANDIDATES; i++) {
		__u32 rate = CLOCK_CANDIDATE[i];

		jitter_step(&search->jitter_rfc3550[i],
			    transit_change(now - s->last_ns, (__s32)(timestamp - s->last_ts), rate));
		if (counts) {
			__u64 change = transit_change(now - s->order_ns, (__s32)(timestamp - s->order_ts), rate);

			if (!jitter_is_restart(change, rate))
				jitter_step(&search->jitter[i], change);
		}
	}
	if (!in_order)
		return;
	found = clock_search_step(search, now - s->order_ns, (__s32)(timestamp - s->order_ts));
	if (found >= CLOCK_CANDIDATES)
		return;
	s->clock_rate = CLOCK_CANDIDATE[found];
	s->clock_source = CLOCK_INFERRED;
	s->jitter = search->jitter[found];
	s->jitter_rfc3550 = search->jitter_rfc3550[found];
}

/* Both filters, clock rate known. Source of the in-order rule: W3C webrtc-stats `jitter` as endpoints compute it. */
static inline void stream_jitter(struct stream *s, __u64 now, __u32 timestamp, int in_order)
{
	__u64 change = transit_change(now - s->last_ns, (__s32)(timestamp - s->last_ts), s->clock_rate);

	if (!s->has_bad_seq) /* else the packet before was a stray of another time */
		jitter_step(&s->jitter_rfc3550, change);
	if (!in_order || timestamp == s->order_ts)
		return;
	if (s->order_ns != s->last_ns || s->order_ts != s->last_ts)
		change = transit_change(now - s->order_ns, (__s32)(timestamp - s->order_ts), s->clock_rate);
	if (!jitter_is_restart(change, s->clock_rate))
		jitter_step(&s->jitter, change);
}

/*
 * How far ahead a number may be and still mean loss. A long outage loses more than MAX_DROPOUT packets; it differs from
 * a restarted sender in that the RTP clock went on all the while, within a second or an eighth.
 */
static inline __s32 stream_reach(const struct stream *s, __s32 delta, __u64 now, __u32 timestamp)
{
	__u64 elapsed = now - s->order_ns;
	__u64 change;

	if (delta < SEQUENCE_MAX_DROPOUT || !s->clock_rate)
		return SEQUENCE_MAX_DROPOUT;
	change = transit_change(elapsed, (__s32)(timestamp - s->order_ts), s->clock_rate);
	return change < NS_PER_S || (__s64)change < (__s64)elapsed >> 3 ? 1 << 15 : SEQUENCE_MAX_DROPOUT;
}

/*
 * A number out of reach: a stray, or the sender restarted. RFC 3550 A.1: the next consecutive number proves the latter;
 * the packet before, taken for a stray, was then the first of the new run, and the timing starts from it.
 */
static inline enum sequence_step stream_jump(struct stream *s, __u16 sequence)
{
	if (!s->has_bad_seq || sequence != s->bad_seq) {
		s->bad_seq = (__u16)(sequence + 1);
		s->has_bad_seq = 1;
		s->stray++;
		return SEQUENCE_JUMP;
	}
	s->stray--;
	s->has_bad_seq = 0;
	s->expected_before += s->sequence.max_seq - s->sequence.base_seq + 1;
	sequence_begin(&s->sequence, (__u16)(sequence - 1));
	s->order_ns = s->last_ns;
	s->order_ts = s->last_ts;
	return sequence_step(&s->sequence, 1, SEQUENCE_MAX_DROPOUT);
}

/* The sender changed the payload type: timestamps of two clocks do not subtract, so timing starts anew on a new one. */
static inline void stream_payload_type(struct stream *s, const struct rtp_header *h, __u64 now, __u32 configured_rate)
{
	__u8 source;
	__u32 rate = stream_known_rate(h->payload_type, configured_rate, &source);

	s->payload_type = h->payload_type;
	if (rate == 0 || rate == s->clock_rate)
		return;
	s->clock_rate = rate;
	s->clock_source = source;
	s->last_ns = s->order_ns = now;
	s->last_ts = s->order_ts = h->timestamp;
}

/*
 * One packet that belongs to the stream. The caller holds the record, and has begun it if it was new. Returns enum
 * stream_step.
 */
LONG_FUNCTION int stream_receive(struct stream *s, struct clock_search *search, const struct stream_packet *packet)
{
	const struct rtp_header *h = &packet->header;
	enum sequence_step step = SEQUENCE_ADVANCED;
	int first, consistent;
	__u32 configured_rate;
	__u64 now;
	__s32 delta;

	if (!s || !search || !packet)
		return STREAM_UNCONFIRMED;
	now = packet->now;
	configured_rate = packet->configured_rate;
	first = s->packets == 0;
	delta = sequence_delta(&s->sequence, h->sequence);
	consistent = h->payload_type == s->payload_type && h->csrc_count == s->csrc_count && delta <= STREAM_NEAR &&
		     delta >= -STREAM_NEAR;
	if (!first) {
		if (s->evidence < STREAM_EVIDENCE && (delta >= SEQUENCE_WINDOW || delta <= -SEQUENCE_WINDOW)) {
			stream_begin(s, search, h, now, configured_rate); /* not one sender's numbers: begin anew */
			first = 1;
		} else {
			step = sequence_step(&s->sequence, delta, stream_reach(s, delta, now, h->timestamp));
		}
	}
	s->packets++;
	s->header_bytes += h->size;
	s->bytes += packet->size - h->size;

	if (h->payload_type != s->payload_type)
		stream_payload_type(s, h, now, configured_rate);
	s->csrc_count = h->csrc_count;

	if (step == SEQUENCE_JUMP)
		step = stream_jump(s, h->sequence);
	if (!first && step != SEQUENCE_JUMP) {
		if (s->clock_rate)
			stream_jitter(s, now, h->timestamp, step == SEQUENCE_ADVANCED);
		else
			stream_search(s, search, now, h->timestamp, step == SEQUENCE_ADVANCED);
	}
	if (step != SEQUENCE_JUMP)
		s->has_bad_seq = 0;
	if (step == SEQUENCE_DUPLICATE)
		s->duplicated++;
	else if (step == SEQUENCE_LATE)
		s->reordered++;
	s->last_ns = now;
	s->last_ts = h->timestamp;
	if (step == SEQUENCE_ADVANCED) {
		s->order_ns = now;
		s->order_ts = h->timestamp;
	}

	if (s->evidence >= STREAM_EVIDENCE)
		return STREAM_COUNTED;
	if (first || step == SEQUENCE_DUPLICATE || step == SEQUENCE_JUMP)
		return STREAM_UNCONFIRMED;
	s->evidence = consistent ? s->evidence + 1 : 0;
	return s->evidence >= STREAM_EVIDENCE ? STREAM_CONFIRMED : STREAM_UNCONFIRMED;
}

#endif
