/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_DEPTH_H
#define RTCPROBE_CORE_DEPTH_H

#include "bundle.h"
#include "element.h"
#include "frames.h"
#include "level.h"
#include "loss.h"
#include "stream.h"
#include "variation.h"

/* Why nothing came for GAP_NS or longer, between two packets in order. */
enum gap {
	GAP_PAUSE,   /* the sender's clock went on all the while: it had nothing to send (DTX, a muted camera) */
	GAP_OUTAGE,  /* numbers are missing: what was sent was lost */
	GAP_SENDER,  /* late, and sent late: by abs-send-time */
	GAP_NETWORK, /* late, though sent in time: by abs-send-time */
	GAP_LATE,    /* late, and nothing tells where */
	GAPS,
};

enum {
	GAP_NS = 200000000,
	VIDEO_RATE = 90000, /* Hz: the clock of video, and of no audio */
};

/* A packet in order against the one before in order. */
struct depth_step {
	__u64 elapsed_ns; /* since the last packet */
	__u64 frame_ns;   /* since the present frame began */
	__u64 send_ns;    /* since the last look at send times; 0 = it is not time for one */
	__s64 ticks_ns;   /* by the sender's clock; 0 while the clock rate is not known */
	__s64 sent_ns;    /* between the sendings, if is_sent_known */
	__s32 ticks;
	__u8 is_missing, is_restart, is_sent_known;
	__u8 is_new_frame; /* or the first */
};

/*
 * What the depth probe measures of one stream, beside its record and under its lock. It may begin in the middle of a
 * stream; `tag` tells whose it is, so that nobody has to clear it. What a usual packet changes stands together: it is in five
 * cache lines.
 */
struct stream_depth {
	__u64 tag;    /* of the stream that it measures */
	__u64 bundle; /* tag of its struct bundle; 0 = none */
	__u64 packets;
	__u64 last_ns;    /* arrival of the last packet */
	__u64 gap_max_ns; /* longest time between two packets, in order of arrival */
	__u64 order_ns;   /* arrival of the last packet in order */
	__u64 frame_ns;   /* arrival of the first packet of the present frame */
	__u32 frame_ts;   /* and its RTP timestamp */
	__u16 order_seq;  /* highest number */
	__u8 had_level;   /* the last packet in order had a level */
	__u8 has_send_time;

	struct depth_step step; /* of the packet at hand */
	__u64 extended;         /* packets with a header extension of RFC 8285 */
	__u64 encrypted;        /* packets whose extension is encrypted as a whole */

	struct drift drift;
	struct frames frames;
	__u64 transit_variation; /* as struct stream's jitter, abs-send-time in place of RTP timestamps */
	__u64 step_ns;           /* arrival of the last packet that send times were looked at */
	__u64 energy;            /* sum of energy × RTP ticks, LEVEL_FRACTION_BITS */
	__u64 level_ticks;       /* RTP ticks that it is the sum over */

	__u32 variation[VARIATION_BUCKETS]; /* of |D| between frames (RFC 3550 A.8) since the clock rate is known */
	__u64 gap_ns[GAPS];                 /* sum of the gaps of each kind */
	__u32 gaps[GAPS];
	__u32 levels; /* packets with a level, and those of them with the voice bit */
	__u32 voices;
	__u32 send_time;  /* of the last packet in order, if has_send_time */
	__u32 key_frames; /* descriptors that came with a template structure */
	__u8 level;       /* RFC 6464's byte, of the last packet in order that had one; valid if levels */
	__u8 level_id, send_time_id, frame_id; /* of the elements that are believed to be these; 0 = none */
	__u16 text_ids;                        /* bits of those that are text */
	__u8 text[ELEMENT_TEXT_SIZE];          /* of the element that became text last; 0 fills it up */
	__u16 reserved;
	struct element elements[EXTENSION_IDS];
	__u32 reserved_too;
	struct element_packet hint;
	struct loss loss; /* of all packets of the stream since `tag` is its */
};

_Static_assert(__builtin_offsetof(struct stream_depth, step) % 64 == 0,
	       "what a usual packet changes is in lines without it");
_Static_assert(__builtin_offsetof(struct stream_depth, drift.transit_ns) % 64 == 0, "with the frames two lines");
_Static_assert(sizeof(struct stream_depth) == 1152, "stream_depth is a map value: no padding");
_Static_assert(__builtin_offsetof(struct stream_depth, hint) - __builtin_offsetof(struct stream_depth, extended) <=
		       1024,
	       "compilers for BPF clear no more in one go");

static inline void depth_begin(struct stream_depth *d, const struct stream *s, int is_first,
			       const struct stream_packet *packet)
{
	__builtin_memset(d, 0, __builtin_offsetof(struct stream_depth, step));
	__builtin_memset((__u8 *)d + __builtin_offsetof(struct stream_depth, extended), 0,
			 __builtin_offsetof(struct stream_depth, hint) -
				 __builtin_offsetof(struct stream_depth, extended));
	loss_begin(&d->loss, is_first ? 0 : s->max_seq);
	d->tag = s->tag;
	d->last_ns = d->order_ns = d->frame_ns = d->step_ns = packet->now;
	d->frame_ts = packet->header.timestamp;
	d->order_seq = (__u16)(packet->header.sequence - 1);
	drift_begin(&d->drift, packet->now);
}

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
	d->variation[variation_bucket(magnitude(change)) % VARIATION_BUCKETS]++;
	drift_step(&d->drift, now, change);
}

/* The times of a packet in order. */
static inline void depth_time(struct stream_depth *d, const struct depth_step *step, const struct stream *s,
			      const struct stream_packet *packet)
{
	if (s->clock_rate && d->frames.frames) {
		if (!step->is_restart && step->elapsed_ns >= GAP_NS)
			depth_gap(d, step);
		if (step->is_new_frame)
			depth_delay(d, step, s->clock_rate, packet->now);
	}
	if (step->is_new_frame) {
		frames_begin(&d->frames, step->frame_ns);
		d->frame_ns = packet->now;
		d->frame_ts = packet->header.timestamp;
	}
	frames_add(&d->frames, packet->size - packet->header.size);
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

/* Arrivals of a capture may step back. */
static inline __u64 depth_since(__u64 then, __u64 now)
{
	return now > then ? now - then : 0;
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
	step->is_new_frame = d->frames.frames == 0 || step->is_restart || step->ticks > 0;
	step->is_sent_known = 0;
	step->send_ns = 0;
	if (packet->header.extension_size && packet->now - d->step_ns >= ELEMENT_SEND_STEP_NS) {
		step->send_ns = packet->now - d->step_ns;
		d->step_ns = packet->now;
	}
}

/* Any packet, in order or not. */
static inline void depth_arrival(struct stream_depth *d, __u64 now)
{
	d->packets++;
	if (depth_since(d->last_ns, now) > d->gap_max_ns)
		d->gap_max_ns = now - d->last_ns;
	d->last_ns = now;
}

/* No header extension says anything of the packet. */
static inline void depth_plain(struct stream_depth *d)
{
	d->had_level = 0;
	d->has_send_time = 0;
}

/*
 * True if a packet that stream_is_usual() and that has no header extension may be counted by depth_usual(): the next one here, too,
 * and no clock began anew.
 */
static inline int depth_is_usual(const struct stream_depth *d, const struct stream *s, const struct rtp_header *h)
{
	return d->tag == s->tag && d->order_seq == (__u16)s->max_seq && d->frames.frames &&
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
	int is_first;

	if (!d || !s || !totals || !packet)
		return DEPTH_PASSED;
	is_first = stream_packets(s, totals) == 1;
	if (d->tag != s->tag || is_first)
		depth_begin(d, s, is_first, packet);
	sequence = packet->header.sequence;
	d->bundle = bundle ? bundle : d->bundle;
	depth_arrival(d, packet->now);
	if (sequence != (__u16)s->max_seq || sequence == d->order_seq)
		return DEPTH_PASSED;
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
