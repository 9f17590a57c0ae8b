/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_HISTOGRAM_H
#define RTCPROBE_CORE_HISTOGRAM_H

#include "bits.h"

/*
 * Durations by size, from 4 µs to 8.6 s: linear below 32 µs, then eight buckets per octave. No bucket is wider than an eighth
 * of its lower bound, so the middle of one is at most 1/16 (6.25 %) away from whatever it holds; below 32 µs, 2 µs.
 */
enum {
	HISTOGRAM_UNIT_BITS = 12, /* ns: the linear buckets are 4.096 µs wide */
	HISTOGRAM_STEP_BITS = 3,
	HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
	HISTOGRAM_BUCKETS = 19 * HISTOGRAM_STEPS, /* the last holds all that is longer */
};

static inline __u32 histogram_bucket(__u64 ns)
{
	__u64 units = ns >> HISTOGRAM_UNIT_BITS;
	__u32 octave, bucket;

	if (units >> 32)
		return HISTOGRAM_BUCKETS - 1;
	octave = highest_bit((__u32)units | HISTOGRAM_STEPS) - HISTOGRAM_STEP_BITS;
	bucket = octave * HISTOGRAM_STEPS + ((__u32)units >> octave);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The least duration in a bucket, in nanoseconds; for HISTOGRAM_BUCKETS, where the last one would end. */
static inline __u64 histogram_least(__u32 bucket)
{
	__u32 octave = bucket < 2 * HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;

	return (__u64)(bucket - octave * HISTOGRAM_STEPS) << (octave + HISTOGRAM_UNIT_BITS);
}

#endif
