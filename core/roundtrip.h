/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_ROUNDTRIP_H
#define RTCPROBE_CORE_ROUNDTRIP_H

/* Round trips of RTCP: when a time was said, and when somebody answered it. */
#include "function.h"
#include "jitter.h"

enum { MARKS = 8 }; /* times that are remembered: an answer may be to an older one than the latest */

/* When a time that its source said passed the hook: no clock but ours is asked. */
struct mark {
	__u64 at_ns;
	__u32 middle; /* of the NTP timestamp: what comes back as LSR or LRR */
	__u32 delay;  /* DLSR or DLRR of the latest answer: the same again is the network's, not the other end's */
};

/* What an answer gave. */
enum rtcp_answer {
	RTCP_UNMATCHED, /* to a time that nobody saw said */
	RTCP_ROUND_TRIP,
	RTCP_ANSWERS_NOTHING, /* or what another one answered before */
};

/* Round trips of one kind, in nanoseconds as seen at the hook. */
struct round_trips {
	__u64 total_ns;
	__u64 last_ns; /* these three are valid if count */
	__u64 min_ns;
	__u64 max_ns;
	__u32 count;
	__u32 unmatched; /* answers to a time that we did not see said, or that took longer than the whole */
};

/*
 * 1 + the mark of this time, 0 if there is none. Without a branch per mark, so that the verifier does not walk the rest
 * once for each.
 */
static inline __u32 marks_find(const struct mark *marks, __u32 middle)
{
	__u64 found = 0;

	for (__u32 i = 0; i < MARKS; i++) {
		__u64 equal = ((__u64)(marks[i].middle ^ middle) - 1) >> 63;

		__asm__("" : "+r"(equal)); /* else compilers make a branch of it again */
		found += (i + 1 - found) * equal;
	}
	return (__u32)found;
}

/* A - LSR - DLSR (RFC 3550 section 6.4.1), A and LSR by our clock. */
SHORT_FUNCTION enum rtcp_answer marks_answer(struct mark *marks, __u32 middle, __u32 delay, __u64 now,
					     __u64 *elapsed_ns)
{
	__u64 delay_ns = (__u64)delay * NS_PER_S >> 16;
	__u32 found = marks_find(marks, middle);
	struct mark *mark = &marks[(found - 1) % MARKS];

	if (!found || now < mark->at_ns || now - mark->at_ns < delay_ns)
		return RTCP_UNMATCHED;
	if (mark->delay == delay) /* the network repeated it */
		return RTCP_ANSWERS_NOTHING;
	mark->delay = delay;
	*elapsed_ns = now - mark->at_ns - delay_ns;
	return RTCP_ROUND_TRIP;
}

static inline void round_trips_add(struct round_trips *t, __u64 elapsed_ns)
{
	if (t->count == 0 || elapsed_ns < t->min_ns)
		t->min_ns = elapsed_ns;
	if (t->count == 0 || elapsed_ns > t->max_ns)
		t->max_ns = elapsed_ns;
	t->count++;
	t->last_ns = elapsed_ns;
	t->total_ns += elapsed_ns;
}

#endif
