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

/* What is so after the last packet. */
enum depth_flag {
	DEPTH_FRAME = 1,     /* there is a present frame */
	DEPTH_LATE = 2,      /* it was not in order */
	DEPTH_LEVEL = 4,     /* the last packet in order had a level */
	DEPTH_SEND_TIME = 8, /* the last packet in order had an abs-send-time */
};

/*
 * What the depth probe measures of one stream, beside its record and under its lock. It may begin in the middle of a
 * stream; `tag` tells whose it is, so that nobody has to clear it. What a usual packet of audio changes is in the first cache line
 * and in one of the variation's; of video, in the first line of the frames and one of their ring as well.
 */
struct stream_depth {
	__u64 tag;        /* of the stream that it measures */
	__u64 gap_max_ns; /* longest time between two packets, in order of arrival */
	__u64 order_ns;   /* arrival of the last packet in order */
	__u64 frame_ns;   /* arrival of the first packet of the present frame */
	struct drift drift;
	__u32 frame_ts;  /* RTP timestamp of the present frame */
	__u16 order_seq; /* highest number */
	__u8 flags;      /* bits of enum depth_flag */
	__u8 bucket;     /* of `variation` that the last frame was counted in: likely the next one's */

	__u32 variation[VARIATION_BUCKETS]; /* of |D| between frames (RFC 3550 A.8) since the clock rate is known */
	struct frames frames;

	struct depth_step step; /* of the packet at hand */
	__u64 packets_before;   /* of the stream, that are not measured */
	__u64 begin_ns;         /* arrival of the first frame */
	__u64 late_ns;          /* arrival of the last packet, if DEPTH_LATE */
	__u64 bundle;           /* tag of its struct bundle; 0 = none */
	__u64 extended;         /* packets with a header extension of RFC 8285 */
	__u64 encrypted;        /* packets whose extension is encrypted as a whole */

	struct drift_windows windows;
	__u64 transit_variation; /* as struct stream's jitter, abs-send-time in place of RTP timestamps */
	__u64 step_ns;           /* arrival of the last packet that send times were looked at */
	__u64 energy;            /* sum of energy × RTP ticks, LEVEL_FRACTION_BITS */
	__u64 level_ticks;       /* RTP ticks that it is the sum over */
	__u64 gap_ns[GAPS];      /* sum of the gaps of each kind */
	__u32 gaps[GAPS];
	__u32 levels; /* packets with a level, and those of them with the voice bit */
	__u32 voices;
	__u32 send_time;  /* of the last packet in order, if DEPTH_SEND_TIME */
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

_Static_assert(__builtin_offsetof(struct stream_depth, variation) == 64, "what every packet changes is one line");
_Static_assert(__builtin_offsetof(struct stream_depth, frames) % 64 == 0,
	       "and what every frame of video changes another");
_Static_assert(sizeof(struct stream_depth) == 1152, "stream_depth is a map value: no padding");
_Static_assert(__builtin_offsetof(struct stream_depth, hint) -
			       __builtin_offsetof(struct stream_depth, packets_before) <=
		       1024,
	       "compilers for BPF clear no more in one go");

/* Arrivals of a capture may step back. */
static inline __u64 depth_since(__u64 then, __u64 now)
{
	return now > then ? now - then : 0;
}

/* Packets of the stream since it is measured. */
static inline __u64 depth_packets(const struct stream_depth *d, const struct stream *s,
				  const struct stream_totals *totals)
{
	return stream_packets(s, totals) - d->packets_before;
}

/* Sum of the intervals between frames, µs. */
static inline __u64 depth_interval_us(const struct stream_depth *d)
{
	return depth_since(d->begin_ns, d->frame_ns) / 1000;
}

static inline void depth_begin(struct stream_depth *d, const struct stream *s, __u64 packets_before,
			       const struct stream_packet *packet)
{
	__builtin_memset(d, 0, __builtin_offsetof(struct stream_depth, step));
	__builtin_memset((__u8 *)d + __builtin_offsetof(struct stream_depth, packets_before), 0,
			 __builtin_offsetof(struct stream_depth, hint) -
				 __builtin_offsetof(struct stream_depth, packets_before));
	loss_begin(&d->loss, packets_before ? s->max_seq : 0);
	d->tag = s->tag;
	d->packets_before = packets_before;
	d->order_ns = d->frame_ns = d->step_ns = packet->now;
	d->frame_ts = packet->header.timestamp;
	d->order_seq = (__u16)(packet->header.sequence - 1);
	drift_begin(&d->drift, packet->now);
}

static inline int depth_is_audio(const struct stream *s)
{
	return s->clock_rate && s->clock_rate != VIDEO_RATE;
}

#endif
