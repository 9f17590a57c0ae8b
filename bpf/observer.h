/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_BPF_OBSERVER_H
#define RTCPROBE_BPF_OBSERVER_H

/* The kernel's side of the seam in core/observe.h: records in maps, bytes from the packet, time from the clock. */
#include "maps.h"

#include "../core/usual.h"

enum {
	OUTCOME_LATER = DATAGRAM_OUTCOMES, /* of RTCP: observe_rtcp_of() is still to be called, and tallies it */
};

/* Where a datagram begins, and who exchanges it. */
struct arrival {
	struct endpoints endpoints;
	__u64 now;        /* as in struct observer */
	__u64 look_after; /* tag of the stream that observer_look_after() was asked for, 0 = none */
	__u32 payload;    /* offset of the UDP payload in the packet */
	__u32 next;       /* segment: its offset in the payload */
};

/* One datagram on its way through the hook. */
struct observer {
	struct __sk_buff *skb;
	__u64 *now;              /* 0 until somebody asked: the datagrams of a super-packet arrived together */
	__u32 payload;           /* offset of the UDP payload in the packet */
	struct arrival *arrival; /* NULL in the hook itself, and where nobody asks for it */
};

static __always_inline struct stream *observer_stream(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&streams, &slot);
}

static __always_inline struct stream_totals *observer_totals(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&totals, &slot);
}

static __always_inline struct stream_detail *observer_detail(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&details, &slot);
}

static __always_inline struct stream_depth *observer_depth(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&depths, &slot);
}

static __always_inline struct bundle *observer_bundle(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&bundles, &slot);
}

static __always_inline struct pair *observer_pair(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&pairs, &slot);
}

static __always_inline struct report *observer_report(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&reports, &slot);
}

static __always_inline void take_slot(__u32 first_word, __u32 slot)
{
	__u32 word = first_word + slot / TABLE_WORD;
	__u64 *bits = bpf_map_lookup_elem(&taken, &word);

	if (bits)
		__sync_fetch_and_or(bits, table_bit(slot));
}

static __always_inline void observer_stream_begins(struct observer *o, __u32 slot)
{
	take_slot(0, slot);
}

static __always_inline struct waiting_room *observer_waiting_room(struct observer *o, __u64 tag)
{
	__u32 room = waiting_room_of(tag);

	return bpf_map_lookup_elem(&waiting, &room);
}

static __always_inline __u32 observer_stream_mask(const struct observer *o)
{
	return config.stream_mask;
}

static __always_inline __u32 observer_pair_mask(const struct observer *o)
{
	return config.pair_mask;
}

static __always_inline __u32 observer_bundle_mask(const struct observer *o)
{
	return config.stream_mask;
}

static __always_inline __u32 observer_report_mask(const struct observer *o)
{
	return config.report_mask;
}

static __always_inline const struct tag_keys *observer_keys(const struct observer *o)
{
	const struct tag_keys *keys = (const struct tag_keys *)&config.keys;

	__asm__("" : "+r"(keys)); /* else the compiler takes the zeros it sees for the keys */
	return keys;
}

static __always_inline __u32 observer_clock_rate(const struct observer *o, __u8 payload_type)
{
	return config.clock_rates[payload_type & 127];
}

static __always_inline int observer_probe_is_on(const struct observer *o, __u32 probe)
{
	return config.probes & probe && probes & probe;
}

static __always_inline __u64 observer_arrival(struct observer *o)
{
	if (!*o->now)
		*o->now = config.packet_timestamps ? o->skb->tstamp : bpf_ktime_get_ns();
	return *o->now;
}

/*
 * The address of the socket: its cookie costs a call per packet. Less the address of a map, because the verifier lets two
 * pointers become a number in no other way; of one that outlives the programs, or a stream were another after each switch.
 */
static __always_inline __u64 observer_socket(const struct observer *o)
{
	return config.by_socket ? (__u64)((long)o->skb->sk - (long)&streams) : 0;
}

static __always_inline __u64 observer_cookie(const struct observer *o)
{
	return config.by_socket ? bpf_get_socket_cookie(o->skb) : 0;
}

static __always_inline void observer_owner(struct observer *o, __u64 *cgroup_id, __u32 *pid)
{
	__u64 cookie = bpf_get_socket_cookie(o->skb);
	__u32 *creator = bpf_map_lookup_elem(&creators, &cookie);

	*cgroup_id = bpf_skb_cgroup_id(o->skb);
	*pid = creator ? *creator : 0;
}

/* Atomic: an interrupt may bring another datagram to this CPU in the middle of the addition. */
static __always_inline void observer_tally(struct observer *o, enum outcome outcome, __s64 n)
{
	__u32 zero = 0;
	struct tallies *mine = bpf_map_lookup_elem(&tallies, &zero);

	if (mine)
		__sync_fetch_and_add(&mine->counts[outcome], n);
}

/* The same for a datagram that nobody has tallied as seen. */
static __always_inline void observer_tally_at_once(enum outcome outcome)
{
	__u32 zero = 0;
	struct tallies *mine = bpf_map_lookup_elem(&tallies, &zero);

	if (mine)
		__sync_fetch_and_add(&mine->at_once[outcome], 1);
}

/* A global function: the verifier walks it once, not once for each place of a window. */
__attribute__((noinline)) int show(struct __sk_buff *skb, __u32 payload, struct datagram *d, __u32 at)
{
	__u32 more; /* bytes beside the first: Linux 6.1 does not learn from `size > 0` that there is one */

	if (!d)
		return 0;
	d->filled = 0;
	if (at >= d->size)
		return 0;
	more = d->size - at - 1;
	if (more > DATAGRAM_WINDOW - 1)
		more = DATAGRAM_WINDOW - 1;
	barrier_var(more);
	if (bpf_skb_load_bytes(skb, payload + d->offset + at, d->bytes, more + 1) == 0)
		d->filled = more + 1;
	return 0;
}

static __always_inline void observer_show(struct observer *o, struct datagram *d, __u32 at)
{
	show(o->skb, o->payload, d, at);
}

#include "apart.h"

/* A global function, for it needs no packet, and the hook's stack is short. */
__attribute__((noinline)) int look_after(__u64 tag)
{
	struct observer o = {};

	observe_waiting(&o, tag);
	return 0;
}

/* In the middle of observe_second() the stack is too deep for it. */
static __always_inline void observer_look_after(struct observer *o, __u64 tag)
{
	if (o->arrival)
		o->arrival->look_after = tag;
	else
		look_after(tag);
}

#include "observe_rtcp.h"

/* `n` datagrams that are refused before anybody looks into them. */
static __always_inline void refuse(enum outcome reason, __u32 n)
{
	observer_tally(0, DATAGRAM_SEEN, n);
	observer_tally(0, reason, n);
}

#endif
