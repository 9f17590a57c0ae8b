/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_CLOCK_H
#define RTCPROBE_CORE_CLOCK_H

#include "jitter.h"

enum clock_source {
	CLOCK_UNKNOWN,
	CLOCK_STATIC,     /* RFC 3551 tables 4 and 5 */
	CLOCK_CONFIGURED, /* the operator's payload type map */
	CLOCK_INFERRED,   /* slope of RTP timestamps against arrivals */
};

/* RTP clock rates in Hz of the static payload types, RFC 3551 section 6; 0 = dynamic, unassigned or reserved. */
enum { CLOCK_STATIC_TYPES = 35 };

static const __u32 CLOCK_STATIC_RATE[CLOCK_STATIC_TYPES] = {
	8000, 0, 0, 8000, 8000, 8000, 16000, 8000,  8000,  8000, 44100, 44100, 8000, 8000,  90000, 8000,  11025, 22050,
	8000, 0, 0, 0,    0,    0,    0,     90000, 90000, 0,    90000, 0,     0,    90000, 90000, 90000, 90000,
};

static inline __u32 clock_rate_static(__u8 payload_type)
{
	return payload_type < CLOCK_STATIC_TYPES ? CLOCK_STATIC_RATE[payload_type] : 0;
}

/* What dynamic payload types use (RFC 7587, RFC 7741, RFC 4867, RFC 3640 …); anything else wants configuring. */
enum { CLOCK_CANDIDATES = 7 };

static const __u32 CLOCK_CANDIDATE[CLOCK_CANDIDATES] = { 8000, 16000, 24000, 32000, 44100, 48000, 90000 };

/*
 * The search for the clock rate of one stream. Both jitter filters run for every candidate, so that jitter is right
 * from the first packet on once the rate is known.
 */
struct clock_search {
	__u64 elapsed_ns;                       /* sum of the steps taken */
	__s64 ticks;                            /* RTP ticks over the same steps */
	__u64 since_ns;                         /* elapsed_ns when `candidate` was last changed */
	__u64 jitter[CLOCK_CANDIDATES];         /* in-order rule */
	__u64 jitter_rfc3550[CLOCK_CANDIDATES]; /* every packet */
	__u32 candidate;                        /* index; CLOCK_CANDIDATES = none fits */
	__u32 steps;
};

_Static_assert(sizeof(struct clock_search) == 144, "clock_search is part of a map value: no padding");

enum {
	CLOCK_MAX_GAP_MS = 2000, /* a sender may stop its clock while it pauses */
	CLOCK_MIN_ELAPSED_MS = 1000,
	CLOCK_MIN_STEPS = 10,
	CLOCK_TOLERANCE = 40, /* slope within 1/40 = 2.5 %: 44.1 and 48 kHz are 8.8 % apart */
};

static inline void clock_search_begin(struct clock_search *c)
{
	c->elapsed_ns = 0;
	c->ticks = 0;
	c->since_ns = 0;
	c->candidate = CLOCK_CANDIDATES;
	c->steps = 0;
	for (int i = 0; i < CLOCK_CANDIDATES; i++) {
		c->jitter[i] = 0;
		c->jitter_rfc3550[i] = 0;
	}
}

static inline __u32 clock_nearest(__u64 ticks_per_s)
{
	for (__u32 i = 0; i < CLOCK_CANDIDATES; i++) {
		__u64 rate = CLOCK_CANDIDATE[i];

		if (magnitude((__s64)(ticks_per_s - rate)) <= rate / CLOCK_TOLERANCE)
			return i;
	}
	return CLOCK_CANDIDATES;
}

/*
 * One in-order step. Returns the index of the rate once it is known, else CLOCK_CANDIDATES.
 *
 * A start-up burst or delay of c seconds bends the slope by c/t. That error passes through the band of a wrong rate,
 * 8.8 % away, while t grows by less than a factor of 2; so a rate is believed when it has held for half of the time.
 */
static inline __u32 clock_search_step(struct clock_search *c, __u64 elapsed_ns, __s32 ticks)
{
	__u32 candidate;

	if (elapsed_ns > (__u64)CLOCK_MAX_GAP_MS * 1000000 || ticks > 4 * 90000 || ticks < -4 * 90000)
		return CLOCK_CANDIDATES;
	c->elapsed_ns += elapsed_ns;
	c->ticks += ticks;
	c->steps++;
	if (c->ticks <= 0 || c->elapsed_ns < 100000000)
		return CLOCK_CANDIDATES;
	candidate = clock_nearest((__u64)c->ticks * NS_PER_S / c->elapsed_ns);
	if (candidate != c->candidate) {
		c->candidate = candidate;
		c->since_ns = c->elapsed_ns;
	}
	if (c->steps < CLOCK_MIN_STEPS || c->elapsed_ns < (__u64)CLOCK_MIN_ELAPSED_MS * 1000000 ||
	    c->since_ns > c->elapsed_ns / 2)
		return CLOCK_CANDIDATES;
	return candidate;
}

#endif
