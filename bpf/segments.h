/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_BPF_SEGMENTS_H
#define RTCPROBE_BPF_SEGMENTS_H

/* The datagrams of a packet through core's observe(): one, or the segments of a super-packet. */
#include "observer.h"

enum {
	MAX_SEGMENTS = 128, /* UDP_MAX_SEGMENTS of Linux 6.9; 64 before */
	SOME_SEGMENTS = 16,
};

/*
 * The two halves of core's observe(): the stack is too short for one of them to be called by the other. The first half of a
 * datagram of d->size bytes; d shows its first bytes, or nothing (d->filled is 0) and is filled here. 1 if it has media. Global
 * functions: the verifier walks each once, however many segments and callers there are.
 */
__attribute__((noinline)) int observe_first(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb };
	enum outcome outcome = DATAGRAM_TRUNCATED;

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	observer_tally(&o, DATAGRAM_SEEN, 1);
	if (d->size == 0) {
		observer_tally(&o, DATAGRAM_EMPTY, 1);
		return 0;
	}
	if (d->filled == 0)
		observer_show(&o, d, 0);
	if (d->filled)
		outcome = observe_apart(&o, d, &a->endpoints);
	if (outcome == DATAGRAM_SEEN)
		return 1;
	observer_tally(&o, outcome, 1);
	return 0;
}

/* 1 if it is RTCP, which is looked into apart. */
__attribute__((noinline)) int observe_second(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb, .arrival = a };
	__u32 outcome;

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	outcome = observe_media(&o, d, &a->endpoints);
	if (outcome == OUTCOME_LATER)
		return 1;
	if (outcome < DATAGRAM_OUTCOMES)
		observer_tally(&o, outcome, 1);
	return 0;
}

static __always_inline void observe_datagram(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	if (!observe_first(skb, a, d))
		return;
	if (observe_second(skb, a, d))
		observe_rtcp_of(skb, a, d);
	if (a->look_after) {
		look_after(a->look_after);
		a->look_after = 0;
	}
}

/* The next segments of a super-packet. Global as well: two short loops are walked faster than one long one. */
__attribute__((noinline)) int observe_some_segments(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	if (!a || !d)
		return 0;
	for (int i = 0; i < SOME_SEGMENTS; i++) {
		__u32 total = skb->len - a->payload;
		__u32 segment = skb->gso_size;

		if (a->next >= total)
			return 0;
		d->offset = a->next; /* observe() moves it behind a TURN header */
		d->size = total - a->next < segment ? total - a->next : segment;
		d->filled = 0;
		a->endpoints.channel = 0; /* what the datagram before may have been in */
		a->next += segment;
		observe_datagram(skb, a, d);
	}
	return 0;
}

/* A super-packet (UDP_SEGMENT, UDP_GRO): gso_size bytes each, the last one may be shorter. */
static __always_inline void observe_segments(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	__u32 total = skb->len - a->payload;

	for (int i = 0; i < MAX_SEGMENTS / SOME_SEGMENTS; i++)
		observe_some_segments(skb, a, d);
	if (a->next < total)
		refuse(DATAGRAM_SEGMENTS, (total - a->next + skb->gso_size - 1) / skb->gso_size);
}

#endif
