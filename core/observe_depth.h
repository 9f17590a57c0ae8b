/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_OBSERVE_DEPTH_H
#define RTCPROBE_CORE_OBSERVE_DEPTH_H

/* The depth probe's part of core/observe.h. */
#include "depth_elements.h"
#include "depth_timing.h"
#include "seam.h"
#include "table.h"

/* Slot of the bundle of this tag, or one that it may claim; above the mask if there is none. */
static inline __u32 observe_bundle_slot(struct observer *o, __u64 tag, __u64 now)
{
	__u32 mask = observer_bundle_mask(o);

	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct bundle *b = observer_bundle(o, table_slot(tag, i, mask));

		if (b && b->tag == tag)
			return table_slot(tag, i, mask);
	}
	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct bundle *b = observer_bundle(o, table_slot(tag, i, mask));

		if (b && bundle_is_claimable(b, now))
			return table_slot(tag, i, mask);
	}
	return mask + 1;
}

/* A packet that may have the number that all streams of its 5-tuple share. Returns the tag of its bundle, or 0. */
static inline __u64 observe_bundle(struct observer *o, const struct datagram *d, const struct endpoints *e,
				   const struct stream_packet *packet, __u32 halves)
{
	__u64 tag = endpoints_tag(e, observer_keys(o), observer_socket(o), 0);
	__u32 slot = observer_bundle_slot(o, tag, packet->now);
	struct bundle *b = slot <= observer_bundle_mask(o) ? observer_bundle(o, slot) : 0;

	if (!b)
		return 0;
	if (!record_lock(&b->version)) {
		if (b->tag == tag)
			(void)__sync_fetch_and_add(&b->contended, 1);
		return tag;
	}
	if (b->tag != tag && bundle_is_claimable(b, packet->now)) {
		b->tag = tag;
		b->contended = 0;
		bundle_begin(b, 0);
	}
	if (b->tag == tag) {
		b->last_ns = packet->now;
		(void)bundle_receive(b, d, halves, packet->header.ssrc);
	}
	(void)record_unlock(&b->version);
	return tag;
}

/*
 * What the window has to say beside the header, before the stream's record is taken: no packet of a bundle may wait. Returns
 * the bundle's tag, 0 = none.
 */
static inline __u64 observe_elements(struct observer *o, struct datagram *d, const struct endpoints *e,
				     const struct stream_packet *packet)
{
	int halves;

	if (!packet->header.extension_size)
		return 0;
	if (d->filled < packet->header.size && d->filled < DATAGRAM_WINDOW)
		observer_show(o, d, 0);
	halves = extension_find(d, &packet->header);
	return halves ? observe_bundle(o, d, e, packet, (__u32)halves) : 0;
}

/* The packet in the depth of its stream, whose record is held. `d` is not looked at where there is no header extension. */
SHORT_FUNCTION void observe_depth(struct stream_depth *depth, const struct datagram *d, const struct stream *s,
				  const struct stream_totals *totals, const struct stream_packet *packet, __u64 bundle)
{
	int order;

	order = depth_receive(depth, s, totals, packet, bundle);
	if (order == DEPTH_PASSED)
		return;
	if (packet->header.extension_size)
		(void)depth_elements(depth, s, d);
	for (__u32 id = 1; order == DEPTH_LEARNING && id < EXTENSION_IDS; id++)
		if (depth_learn(depth, s, d, id))
			(void)depth_believe(depth, d, id);
	(void)depth_timing(depth, s, packet);
}

#endif
