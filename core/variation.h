/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_VARIATION_H
#define RTCPROBE_CORE_VARIATION_H

#include "bits.h"
#include "jitter.h"

/*
 * A histogram of times: four buckets per octave, so that a quantile is within an eighth of itself, or within a bucket of
 * 16 µs below 65 µs. The last bucket holds all from 1.88 s on.
 */
enum {
	VARIATION_BUCKETS = 64,
	VARIATION_UNIT_BITS = 14, /* 16.384 µs */
};

static inline __u32 variation_bucket(__u64 ns)
{
	__u64 units = ns >> VARIATION_UNIT_BITS;
	__u32 value = units < 0x1ffff ? (__u32)units : 0x1ffff;
	__u32 octave;

	if (value < 4)
		return value;
	octave = highest_bit(value);
	value = 4 * (octave - 1) + (value >> (octave - 2) & 3);
	return value < VARIATION_BUCKETS ? value : VARIATION_BUCKETS - 1;
}

/*
 * The sender's clock against ours. Transit varies with queues, but is never shorter than the path: the least of each window
 * of 8.6 s follows the clocks. Sixteen of them are kept, so that the reader can tell a drift from a step.
 */
enum {
	DRIFT_WINDOWS = 16,
	DRIFT_WINDOW_BITS = 33,     /* 8.59 s */
	DRIFT_UNIT_BITS = 10,       /* 1.024 µs */
	DRIFT_LONGEST = 0x7fffffff, /* such units: no clock drifts by half an hour */
};

/* The latest window: what a packet is held against that tells of no shorter path. */
struct drift {
	__s64 transit_ns;    /* of the latest packet, less that of the first */
	__u64 window_end_ns; /* arrivals from then on are in another window */
	__s32 lowest;        /* least transit in it, ns >> DRIFT_UNIT_BITS; DRIFT_LONGEST before the first */
	__u32 windows;       /* begun so far: the first packet came as many before `window_end_ns` */
};

struct drift_windows {
	__u32 at_ms[DRIFT_WINDOWS]; /* window w at w mod 16: when its least transit was, since the first packet */
	__s32 least[DRIFT_WINDOWS]; /* and how much it was; ns >> DRIFT_UNIT_BITS */
};

_Static_assert(sizeof(struct drift) == 24, "drift is part of a map value: no padding");

static inline void drift_begin(struct drift *d, __u64 now)
{
	d->transit_ns = 0;
	d->window_end_ns = now;
	d->lowest = DRIFT_LONGEST;
	d->windows = 0;
}

/* A packet that begins a window, or may be the fastest of one so far. */
static inline void drift_lower(struct drift *d, struct drift_windows *w, __u64 now, __s64 transit)
{
	__u64 begin_ns = d->window_end_ns - ((__u64)d->windows << DRIFT_WINDOW_BITS);
	__u64 since = now - begin_ns;
	__u32 window = (__u32)(since >> DRIFT_WINDOW_BITS);
	__u32 at = window % DRIFT_WINDOWS;

	if (now < begin_ns || magnitude(transit) >= DRIFT_LONGEST) {
		drift_begin(d, now);
		return;
	}
	if (window >= d->windows) {
		for (__u32 i = 0; i < DRIFT_WINDOWS; i++) /* windows without a packet */
			if (d->windows + i < window)
				w->at_ms[(d->windows + i) % DRIFT_WINDOWS] = 0xffffffff;
		d->windows = window + 1;
		d->window_end_ns = begin_ns + ((__u64)d->windows << DRIFT_WINDOW_BITS);
	} else if (transit >= w->least[at]) {
		return;
	}
	if (window + 1 == d->windows)
		d->lowest = (__s32)transit;
	w->at_ms[at] = (__u32)(since / 1000000);
	w->least[at] = (__s32)transit;
}

/* One step in order: how long it took here, and by how much the sender's clock went on. */
static inline void drift_step(struct drift *d, struct drift_windows *w, __u64 now, __s64 change_ns)
{
	__s64 transit;

	d->transit_ns += change_ns;
	transit = d->transit_ns >> DRIFT_UNIT_BITS;
	if (d->window_end_ns - now - 1 >= 1ULL << DRIFT_WINDOW_BITS || transit < d->lowest || transit >= DRIFT_LONGEST)
		drift_lower(d, w, now, transit);
}

#endif
