/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_RECEIVE_H
#define RTCPROBE_CORE_RECEIVE_H

/* One packet into the record of its stream. */
#include "function.h"
#include "stream.h"

/*
 * What has passed since the packet before, by the clock of arrival and by that of RTP. A stray of another time counts for
 * nothing (RFC 3550 A.1): behind it, since the last packet that advanced.
 */
struct stream_interval {
	__u64 elapsed;
	__s32 ticks;
};

static inline struct stream_interval stream_interval(const struct stream *s, const struct stream_detail *detail,
						     __u64 now, __u32 timestamp)
{
	__u64 before = detail->has_bad_seq ? detail->order_ns : s->last_ns;
	__u32 before_ts = detail->has_bad_seq ? detail->order_ts : s->last_ts;

	return (struct stream_interval){ now - before, (__s32)(timestamp - before_ts) };
}

/* One jitter filter over every packet in order of arrival, the other over the packets that advanced. */
static inline void stream_jitter(struct stream *s, const struct stream_detail *detail, __u64 now, __u32 timestamp,
				 int in_order)
{
	struct stream_interval since = stream_interval(s, detail, now, timestamp);
	__u64 change = transit_change(since.elapsed, since.ticks, s->clock_rate);

	jitter_step(&s->jitter_rfc3550, change);
	if (!in_order || timestamp == detail->order_ts)
		return;
	if (detail->behind)
		change = transit_change(now - detail->order_ns, (__s32)(timestamp - detail->order_ts), s->clock_rate);
	if (!jitter_is_restart(change, s->clock_rate))
		jitter_step(&s->jitter, change);
}

/* The clock rate is not known: run every candidate, and take over the one that proves right. */
static inline void stream_search(struct stream *s, struct stream_detail *detail, __u64 now, __u32 timestamp,
				 int in_order)
{
	struct stream_interval since = stream_interval(s, detail, now, timestamp);
	struct clock_search *search = &detail->search;
	int counts = in_order && timestamp != detail->order_ts;
	__u64 elapsed = now - detail->order_ns;
	__s32 ticks = (__s32)(timestamp - detail->order_ts);
	int is_both = !WALKED && elapsed == since.elapsed && ticks == since.ticks;
	__u32 found;

	UNROLLED
	for (__u32 i = 0; i < CLOCK_CANDIDATES; i++) {
		__u32 rate = CLOCK_CANDIDATE[i];
		__u64 change = transit_change(since.elapsed, since.ticks, rate);

		jitter_step(&search->jitter_rfc3550[i], change);
		if (counts) {
			change = is_both ? change : transit_change(elapsed, ticks, rate);
			if (!jitter_is_restart(change, rate))
				jitter_step(&search->jitter[i], change);
		}
	}
	if (!in_order)
		return;
	found = clock_search_step(search, elapsed, ticks);
	if (found >= CLOCK_CANDIDATES)
		return;
	s->clock_rate = CLOCK_CANDIDATE[found];
	s->clock_source = CLOCK_INFERRED;
	s->jitter = search->jitter[found];
	s->jitter_rfc3550 = search->jitter_rfc3550[found];
}

/*
 * How far ahead a number may be and still mean loss. A long outage loses more than MAX_DROPOUT packets; it differs from
 * a restarted sender in that the RTP clock went on all the while, within a second or an eighth.
 */
SHORT_FUNCTION __s32 stream_reach(const struct stream *s, const struct stream_detail *detail, __s32 delta, __u64 now,
				  __u32 timestamp)
{
	__u64 elapsed = now - detail->order_ns;
	__u64 change;

	if (delta < SEQUENCE_MAX_DROPOUT || !s->clock_rate)
		return SEQUENCE_MAX_DROPOUT;
	change = transit_change(elapsed, (__s32)(timestamp - detail->order_ts), s->clock_rate);
	return change < NS_PER_S || (__s64)change < (__s64)elapsed >> 3 ? 1 << 15 : SEQUENCE_MAX_DROPOUT;
}

/* The packet before said the number that proves a restart, and this is it. */
static inline int stream_is_restart(const struct stream_detail *detail, __u16 sequence)
{
	return detail->has_bad_seq && sequence == detail->bad_seq;
}

/* Nothing is pending of the packets before: what it goes on from is the last one. */
static inline void stream_order(const struct stream *s, struct stream_detail *detail)
{
	if (detail->behind)
		return;
	detail->order_ns = s->last_ns;
	detail->order_ts = s->last_ts;
}

/* A number of another sender's, who must not be believed yet. */
static inline int stream_is_another(const struct stream *s, __s32 delta)
{
	return s->evidence < STREAM_EVIDENCE && (delta >= SEQUENCE_WINDOW || delta <= -SEQUENCE_WINDOW);
}

/*
 * A number out of reach: a stray, or the sender restarted. RFC 3550 A.1: the next consecutive number proves the latter;
 * the packet before, taken for a stray, was then the first of the new run, and the timing starts from it.
 */
static inline enum sequence_step stream_jump(struct stream *s, struct stream_totals *totals,
					     struct stream_detail *detail, __u16 sequence)
{
	if (!stream_is_restart(detail, sequence)) {
		detail->bad_seq = (__u16)(sequence + 1);
		detail->has_bad_seq = 1;
		totals->stray++;
		return SEQUENCE_JUMP;
	}
	totals->stray--;
	detail->has_bad_seq = 0;
	totals->expected_before += detail->sequence.max_seq - detail->sequence.base_seq + 1;
	sequence_begin(&detail->sequence, (__u16)(sequence - 1));
	detail->order_ns = s->last_ns;
	detail->order_ts = s->last_ts;
	detail->behind = 0;
	return sequence_step(&detail->sequence, 1, SEQUENCE_MAX_DROPOUT);
}

/* Another run, which begins with this packet, of which the one before it tells nothing. */
static inline void stream_resume(struct stream *s, struct stream_totals *totals, struct stream_detail *detail,
				 const struct stream_packet *packet)
{
	totals->expected_before += detail->sequence.max_seq - detail->sequence.base_seq + 1;
	sequence_begin(&detail->sequence, packet->header.sequence);
	s->last_ns = detail->order_ns = packet->now;
	s->last_ts = detail->order_ts = packet->header.timestamp;
	detail->is_interrupted = detail->has_bad_seq = detail->behind = 0;
}

/*
 * The sender changed the payload type: timestamps of two clocks do not subtract, so timing starts anew on a new one. True if it
 * does.
 */
static inline int stream_payload_type(struct stream *s, struct stream_detail *detail, const struct rtp_header *h,
				      __u64 now, __u32 configured_rate)
{
	__u8 source;
	__u32 rate = stream_known_rate(h->payload_type, configured_rate, &source);

	s->payload_type = h->payload_type;
	if (rate == 0 || rate == s->clock_rate)
		return 0;
	s->clock_rate = rate;
	s->clock_source = source;
	s->last_ns = detail->order_ns = now;
	s->last_ts = detail->order_ts = h->timestamp;
	detail->behind = 0;
	return 1;
}

/* True if the packet is the next one of a stream whose last packets were in order: stream_usual() may count it. */
SHORT_FUNCTION int stream_is_usual(const struct stream *s, const struct rtp_header *h)
{
	return s->evidence == STREAM_SETTLED && sequence_is_next(s->max_seq, h->sequence) &&
	       h->payload_type == s->payload_type && h->csrc_count == 0;
}

/*
 * What stream_receive() comes to for such a packet: nearly all are, and this needs no more than one line of the record. `sender_ns`
 * is how far the sender's clock went on since the last packet.
 */
SHORT_FUNCTION void stream_usual_step(struct stream *s, const struct rtp_header *h, __u32 size, __u64 now,
				      __s64 sender_ns)
{
	__u64 change = magnitude((__s64)(now - s->last_ns) - sender_ns);

	s->fresh_header_bytes += h->size;
	s->fresh_bytes += size - h->size;
	jitter_step(&s->jitter_rfc3550, change);
	if (h->timestamp != s->last_ts && !jitter_is_restart(change, s->clock_rate))
		jitter_step(&s->jitter, change);
	s->max_seq++;
	s->last_ns = now;
	s->last_ts = h->timestamp;
}

SHORT_FUNCTION void stream_usual(struct stream *s, const struct rtp_header *h, __u32 size, __u64 now)
{
	stream_usual_step(s, h, size, now, ticks_ns((__s32)(h->timestamp - s->last_ts), s->clock_rate));
}

/*
 * One packet that belongs to the stream. The caller holds the record, and has begun it if it was new. Returns enum
 * stream_step.
 */
LONG_FUNCTION int stream_receive(struct stream *s, struct stream_totals *totals, struct stream_detail *detail,
				 const struct stream_packet *packet)
{
	const struct rtp_header *h = &packet->header;
	enum sequence_step step = SEQUENCE_ADVANCED;
	int consistent;
	__s32 delta;

	if (!s || !totals || !detail || !packet)
		return STREAM_UNCONFIRMED;
	if (stream_is_usual(s, h)) {
		stream_usual(s, h, packet->size, packet->now);
		return STREAM_COUNTED;
	}
	stream_settle(s, totals, detail);
	stream_order(s, detail);
	delta = sequence_delta(&detail->sequence, h->sequence);
	consistent = h->payload_type == s->payload_type && h->csrc_count == detail->csrc_count &&
		     delta <= STREAM_NEAR && delta >= -STREAM_NEAR;
	if (detail->is_interrupted) {
		stream_resume(s, totals, detail, packet);
		step = SEQUENCE_BEGINS;
	} else if (totals->packets) {
		if (stream_is_another(s, delta)) /* not one sender's numbers: begin anew */
			stream_begin(s, totals, detail, packet);
		else
			step = sequence_step(&detail->sequence, delta,
					     stream_reach(s, detail, delta, packet->now, h->timestamp));
	}
	totals->packets++;
	totals->header_bytes += h->size;
	totals->bytes += packet->size - h->size;

	if (h->payload_type != s->payload_type &&
	    stream_payload_type(s, detail, h, packet->now, packet->configured_rate) && step == SEQUENCE_ADVANCED)
		step = SEQUENCE_BEGINS;
	detail->csrc_count = h->csrc_count;

	if (step == SEQUENCE_JUMP)
		step = stream_jump(s, totals, detail, h->sequence);
	stream_sequence_settled(s, totals, detail);
	if (totals->packets > 1 && step < SEQUENCE_JUMP) {
		if (s->clock_rate)
			stream_jitter(s, detail, packet->now, h->timestamp, step == SEQUENCE_ADVANCED);
		else
			stream_search(s, detail, packet->now, h->timestamp, step == SEQUENCE_ADVANCED);
	}
	if (step != SEQUENCE_JUMP)
		detail->has_bad_seq = 0;
	if (step == SEQUENCE_DUPLICATE)
		totals->duplicated++;
	else if (step == SEQUENCE_LATE)
		totals->reordered++;
	s->last_ns = packet->now;
	s->last_ts = h->timestamp;
	if (step == SEQUENCE_BEGINS)
		step = SEQUENCE_ADVANCED;
	detail->behind = step != SEQUENCE_ADVANCED;

	if (s->evidence < STREAM_EVIDENCE) {
		if (totals->packets == 1 || step == SEQUENCE_DUPLICATE || step == SEQUENCE_JUMP)
			return STREAM_UNCONFIRMED;
		s->evidence = consistent ? s->evidence + 1 : 0;
		return s->evidence >= STREAM_EVIDENCE ? STREAM_CONFIRMED : STREAM_UNCONFIRMED;
	}
	s->evidence =
		step == SEQUENCE_ADVANCED && s->clock_rate && h->csrc_count == 0 ? STREAM_SETTLED : STREAM_EVIDENCE;
	return STREAM_COUNTED;
}

#endif
