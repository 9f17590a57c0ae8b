/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_BPF_APART_H
#define RTCPROBE_BPF_APART_H

/* What core/seam.h wants apart from the path of RTP: global functions, each of which makes an observer anew. */

__attribute__((noinline)) int pair_slot(__u64 tag)
{
	return (int)observe_pair_slot(0, tag);
}

__attribute__((noinline)) int stream_slot(__u64 tag, __u64 now)
{
	return (int)observe_stream_slot(0, tag, now);
}

__attribute__((noinline)) int bundle_slot(__u64 tag, __u64 now)
{
	return (int)observe_bundle_slot(0, tag, now);
}

__attribute__((noinline)) __u64 pair_tag(const struct endpoints *e, __u16 channel)
{
	return e ? endpoints_pair_tag(e, observer_keys(0), channel) : 0;
}

__attribute__((noinline)) int channel(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb };

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	return observe_channel(&o, d, &a->endpoints);
}

__attribute__((noinline)) int indication(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb };

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	return observe_indication(&o, d, &a->endpoints);
}

__attribute__((noinline)) int stun(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb };

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	return observe_stun(&o, d, &a->endpoints);
}

__attribute__((noinline)) int bind(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb };

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	return observe_bind(&o, d, &a->endpoints);
}

__attribute__((noinline)) int dtls(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb };

	if (!a || !d)
		return 0;
	o.now = &a->now;
	o.payload = a->payload;
	return observe_dtls(&o, d, &a->endpoints);
}

static __always_inline __u64 observer_pair_tag(const struct observer *o, const struct endpoints *e, __u16 channel)
{
	return pair_tag(e, channel);
}

static __always_inline struct arrival *arrival_of(struct endpoints *e)
{
	return (struct arrival *)e;
}

_Static_assert(__builtin_offsetof(struct arrival, endpoints) == 0, "arrival_of");

static __always_inline int observer_channel(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return channel(o->skb, arrival_of(e), d);
}

static __always_inline int observer_indication(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return indication(o->skb, arrival_of(e), d);
}

static __always_inline int observer_stun(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return stun(o->skb, arrival_of(e), d);
}

static __always_inline int observer_bind(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return bind(o->skb, arrival_of(e), d);
}

static __always_inline int observer_dtls(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return dtls(o->skb, arrival_of(e), d);
}

static __always_inline __u32 observer_stream_slot(struct observer *o, __u64 tag, __u64 now)
{
	return (__u32)stream_slot(tag, now);
}

static __always_inline __u32 observer_bundle_slot(struct observer *o, __u64 tag, __u64 now)
{
	return (__u32)bundle_slot(tag, now);
}

static __always_inline __u32 observer_pair_slot(struct observer *o, __u64 tag)
{
	return (__u32)pair_slot(tag);
}

static __always_inline void observer_pair_begins(struct observer *o, __u64 tag)
{
	take_slot(table_words(config.stream_mask) + table_words(config.report_mask), (__u32)pair_slot(tag));
}

#endif
