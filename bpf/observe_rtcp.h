/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_BPF_OBSERVE_RTCP_H
#define RTCPROBE_BPF_OBSERVE_RTCP_H

/* The parts of core/observe_rtcp.h as global functions, from the inside out. Part of observer.h. */

static __always_inline void observer_report_begins(struct observer *o, __u32 slot)
{
	take_slot(table_words(config.stream_mask), slot);
}

/* Records stay in their slots, and the map has its size. */
static __always_inline void observer_report_keep(struct observer *o, __u64 now)
{
}

static __always_inline int observer_report_grow(struct observer *o, __u64 now)
{
	return 0;
}

static __always_inline struct observer observer_of(struct __sk_buff *skb, struct arrival *a)
{
	return (struct observer){ .skb = skb, .now = &a->now, .payload = a->payload, .arrival = a };
}

__attribute__((noinline)) int report_slot(__u64 tag, __u64 now)
{
	return (int)observe_report_slot(0, tag, now);
}

static __always_inline __u32 observer_report_slot(struct observer *o, __u64 tag, __u64 now)
{
	return (__u32)report_slot(tag, now);
}

__attribute__((noinline)) int observe_item_of(struct __sk_buff *skb, struct arrival *a, struct datagram *d,
					      struct rtcp_item *item)
{
	struct observer o;

	if (!a || !d || !item)
		return DATAGRAM_RTCP;
	o = observer_of(skb, a);
	return observe_item(&o, d, &a->endpoints, item);
}

static __always_inline int observer_item(struct observer *o, struct datagram *d, struct endpoints *e,
					 struct rtcp_item *item)
{
	return observe_item_of(o->skb, o->arrival, d, item);
}

__attribute__((noinline)) int observe_lengths_of(struct __sk_buff *skb, struct arrival *a, struct datagram *d,
						 struct rtcp_cursor *c)
{
	struct observer o;

	if (!a || !d || !c)
		return 0;
	o = observer_of(skb, a);
	return observe_lengths(&o, d, c);
}

static __always_inline int observer_lengths(struct observer *o, struct datagram *d, struct rtcp_cursor *c)
{
	return observe_lengths_of(o->skb, o->arrival, d, c);
}

__attribute__((noinline)) int observe_rtcp_of(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o;
	__u32 outcome;

	if (!a || !d)
		return 0;
	o = observer_of(skb, a);
	outcome = observe_rtcp(&o, d, &a->endpoints);
	__asm__("" : "+r"(outcome)); /* the compiler knows what follows to be true, the verifier does not */
	if (outcome < DATAGRAM_OUTCOMES)
		observer_tally(&o, outcome, 1);
	return 0;
}

/* Not here, where the stack is deep: observe_whole() calls it. */
static __always_inline int observer_rtcp(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return OUTCOME_LATER;
}

#endif
