/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_FRAMES_H
#define RTCPROBE_CORE_FRAMES_H

#include <linux/types.h>

/*
 * Frames of video as they arrive: packets in order that share a timestamp. A frame arrives with the first of them. They are counted
 * while the clock rate is not known, too: only that tells whether it is video.
 */
enum {
	FRAMES_RING = 32,   /* a power of two above FREEZE_WINDOW */
	FREEZE_WINDOW = 30, /* intervals in the average: W3C webrtc-stats, freezeCount */
	FREEZE_SAMPLES = 5, /* intervals before a freeze can be told, as endpoints have it */
	FREEZE_OVER_US = 150000,
	PAUSE_US = 5000000, /* W3C pauseCount: a longer interval is a pause and no freeze */
};

struct frames {
	__u64 interval_squares; /* 1 024 µs² each, sum of the squares of the intervals between frames */
	__u32 frames;
	__u32 recent_us;   /* sum of the last FREEZE_WINDOW intervals that were no pauses */
	__u32 intervals;   /* how many there ever were */
	__u32 packets;     /* of the present frame */
	__u32 bytes;       /* payload of the present frame */
	__u32 packets_max; /* of one frame */
	__u32 bytes_max;   /* of one frame */
	__u32 freezes;
	__u64 freeze_us;
	__u64 pause_us;
	__u32 pauses;
	__u32 reserved;
	__u32 ring[FRAMES_RING]; /* µs, interval i at i mod 32 */
};

_Static_assert(sizeof(struct frames) == 64 + 4 * FRAMES_RING, "frames is part of a map value: no padding");

static inline void frames_freeze(struct frames *f, __u32 us)
{
	__u32 average, samples;

	if (us > PAUSE_US) {
		f->pauses++;
		f->pause_us += us;
		return;
	}
	f->recent_us += us;
	if (f->intervals >= FREEZE_WINDOW)
		f->recent_us -= f->ring[(f->intervals - FREEZE_WINDOW) % FRAMES_RING];
	f->ring[f->intervals % FRAMES_RING] = us;
	f->intervals++;
	if (us < FREEZE_OVER_US) /* never one, and few are longer: no division for the others */
		return;
	samples = f->intervals < FREEZE_WINDOW ? f->intervals : (__u32)FREEZE_WINDOW;
	average = f->recent_us / samples;
	if (samples >= FREEZE_SAMPLES && us >= 3 * average && us >= average + FREEZE_OVER_US) {
		f->freezes++;
		f->freeze_us += us;
	}
}

/* In units of 1 024 µs², rounded: in µs² an hour would leave no room for another. */
static inline __u64 frames_square(__u64 us)
{
	if (us >> 32) /* 71 minutes */
		return (us >> 5) * (us >> 5);
	return (us * us >> 10) + (us * us >> 9 & 1);
}

/* A packet in order that begins a frame, `elapsed_ns` after the one that began the frame before. */
static inline void frames_begin(struct frames *f, __u64 elapsed_ns)
{
	__u64 us = elapsed_ns / 1000;

	if (f->frames) {
		f->interval_squares += frames_square(us);
		frames_freeze(f, us < 0xffffffff ? (__u32)us : 0xffffffff);
	}
	f->frames++;
	f->packets = 0;
	f->bytes = 0;
}

/* A packet in order of the present frame. */
static inline void frames_add(struct frames *f, __u32 bytes)
{
	f->packets++;
	f->bytes += bytes;
	if (f->packets > f->packets_max)
		f->packets_max = f->packets;
	if (f->bytes > f->bytes_max)
		f->bytes_max = f->bytes;
}

#endif
