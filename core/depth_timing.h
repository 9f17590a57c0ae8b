/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_DEPTH_TIMING_H
#define RTCPROBE_CORE_DEPTH_TIMING_H

/* What the times of a stream's packets say to the depth probe. */
#include "depth.h"

/* Why it took so long until this packet came. */
static inline void depth_gap(struct stream_depth *d, const struct depth_step *step)
{
	__s64 half = (__s64)(step->elapsed_ns / 2);
	__u32 gap = GAP_NETWORK;

	if (step->is_missing)
		gap = GAP_OUTAGE;
	else if ((__s64)step->elapsed_ns - step->ticks_ns < half)
		gap = GAP_PAUSE;
	else if (!step->is_sent_known)
		gap = GAP_LATE;
	else if (step->sent_ns >= half)
		gap = GAP_SENDER;
	d->gaps[gap]++;
	d->gap_ns[gap] += step->elapsed_ns;
}

/* Against the sender's clock. */
static inline void depth_delay(struct stream_depth *d, const struct depth_step *step, __u32 rate, __u64 now)
{
	__s64 change = (__s64)step->frame_ns - step->ticks_ns;

	if (step->is_restart || jitter_is_restart(magnitude(change), rate)) {
		drift_begin(&d->drift, now);
		return;
	}
	d->bucket = variation_bucket(magnitude(change)) % VARIATION_BUCKETS;
	d->variation[d->bucket]++;
	drift_step(&d->drift, &d->windows, now, change);
}

/* The times of a packet in order. */
static inline void depth_time(struct stream_depth *d, const struct depth_step *step, const struct stream *s,
			      const struct stream_packet *packet)
{
	if (!(d->flags & DEPTH_FRAME)) {
		d->begin_ns = packet->now;
	} else if (s->clock_rate) {
		if (!step->is_restart && step->elapsed_ns >= GAP_NS)
			depth_gap(d, step);
		if (step->is_new_frame)
			depth_delay(d, step, s->clock_rate, packet->now);
	}
	if (!depth_is_audio(s)) {
		if (step->is_new_frame)
			frames_begin(&d->frames, step->frame_ns);
		frames_add(&d->frames, packet->size - packet->header.size);
	}
	if (step->is_new_frame) {
		d->frame_ns = packet->now;
		d->frame_ts = packet->header.timestamp;
	}
	d->flags = (__u8)((d->flags & ~DEPTH_LATE) | DEPTH_FRAME);
	d->order_ns = packet->now;
	d->order_seq = packet->header.sequence;
}

/* The same, of the packet at hand: the last thing that is done about it. Always 0. */
LONG_FUNCTION int depth_timing(struct stream_depth *d, const struct stream *s, const struct stream_packet *packet)
{
	if (d && s && packet)
		depth_time(d, &d->step, s, packet);
	return 0;
}

static inline void depth_step(struct stream_depth *d, struct depth_step *step, const struct stream *s,
			      const struct stream_packet *packet)
{
	__u16 ahead = (__u16)(packet->header.sequence - d->order_seq);

	step->elapsed_ns = depth_since(d->order_ns, packet->now);
	step->frame_ns = depth_since(d->frame_ns, packet->now);
	step->ticks = (__s32)(packet->header.timestamp - d->frame_ts);
	step->ticks_ns = s->clock_rate ? ticks_ns(step->ticks, s->clock_rate) : 0;
	step->is_missing = ahead != 1;
	step->is_restart = ahead >= SEQUENCE_MAX_DROPOUT || step->ticks <= -JITTER_MAX_STEP;
	step->is_new_frame = !(d->flags & DEPTH_FRAME) || step->is_restart || step->ticks > 0;
	step->is_sent_known = 0;
	step->send_ns = 0;
	if (packet->header.extension_size && depth_since(d->step_ns, packet->now) >= ELEMENT_SEND_STEP_NS) {
		step->send_ns = depth_since(d->step_ns, packet->now);
		d->step_ns = packet->now;
	}
}

/* Any packet comes, in order or not. */
static inline void depth_arrival(struct stream_depth *d, __u64 now)
{
	__u64 elapsed = depth_since(d->flags & DEPTH_LATE ? d->late_ns : d->order_ns, now);

	if (elapsed > d->gap_max_ns)
		d->gap_max_ns = elapsed;
}

/* No header extension says anything of the packet. */
static inline void depth_plain(struct stream_depth *d)
{
	d->flags &= (__u8) ~(DEPTH_LEVEL | DEPTH_SEND_TIME);
}

/*
 * True if a packet that stream_is_usual() and that has no header extension may be counted by depth_usual(): the next one here, too,
 * and no clock began anew.
 */
static inline int depth_is_usual(const struct stream_depth *d, const struct stream *s, const struct rtp_header *h)
{
	return d->tag == s->tag && d->order_seq == (__u16)s->max_seq && d->flags & DEPTH_FRAME &&
	       (__s32)(h->timestamp - d->frame_ts) > -JITTER_MAX_STEP;
}

/* What all below comes to for such a packet, once stream_usual() accounted for it. `ticks_ns` is step->ticks in ns. */
static inline void depth_usual(struct stream_depth *d, const struct stream *s, const struct stream_packet *packet,
			       __s32 ticks, __s64 ticks_ns)
{
	struct depth_step step = {};

	step.elapsed_ns = depth_since(d->order_ns, packet->now);
	step.frame_ns = depth_since(d->frame_ns, packet->now);
	step.ticks_ns = ticks_ns;
	step.ticks = ticks;
	step.is_new_frame = ticks > 0;
	depth_arrival(d, packet->now);
	depth_plain(d);
	depth_time(d, &step, s, packet);
}

enum depth_order {
	DEPTH_PASSED, /* not in order: no more is to be done */
	DEPTH_IN_ORDER,
	DEPTH_LEARNING, /* in order, and it may say what its elements are */
};

/*
 * One packet, after stream_receive() accounted for it; then depth_elements(), depth_learn() and depth_timing() follow, for a
 * verifier walks four functions faster than one. The caller holds the stream's record. Returns enum depth_order.
 */
LONG_FUNCTION int depth_receive(struct stream_depth *d, const struct stream *s, const struct stream_totals *totals,
				const struct stream_packet *packet, __u64 bundle)
{
	__u16 sequence;
	__u64 before;

	if (!d || !s || !totals || !packet)
		return DEPTH_PASSED;
	before = stream_packets(s, totals) - 1;
	if (d->tag != s->tag || !before)
		depth_begin(d, s, before, packet);
	sequence = packet->header.sequence;
	d->bundle = bundle ? bundle : d->bundle;
	depth_arrival(d, packet->now);
	if (sequence != (__u16)s->max_seq || sequence == d->order_seq) {
		d->flags |= DEPTH_LATE;
		d->late_ns = packet->now;
		return DEPTH_PASSED;
	}
	depth_step(d, &d->step, s, packet);
	if (extension_form(&packet->header) == EXTENSION_ENCRYPTED)
		d->encrypted++;
	if (!extension_is_readable(&packet->header)) {
		depth_plain(d);
		return DEPTH_IN_ORDER;
	}
	return d->extended++ < ELEMENT_LEARNING ? DEPTH_LEARNING : DEPTH_IN_ORDER;
}

#endif
