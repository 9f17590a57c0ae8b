// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_OBSERVER_H
#define RTCPROBE_NATIVE_OBSERVER_H

#include <cstring>

#include "frame.h"
#include "packet_log.h"
#include "records.h"

#include "../core/observe.h"

/* The host side of the core's seam: capture files, AF_PACKET and the fuzzer. One thread at a time. */
struct observer {
	struct config config = {};
	__u32 probes = PROBE_RTP | PROBE_STUN | PROBE_RTCP | PROBE_DEPTH;
	__u64 tallies[DATAGRAM_OUTCOMES] = {};
	stream_table streams;
	pair_table pairs;
	bundle_table bundles;
	report_table reports;
	bool reports_full = false;             /* the datagram found no slot, and there are no more */
	const struct bytes *payload = nullptr; /* of the packet that is being observed */
	__u64 now = 0;                         /* when it arrived */
	packet_log *log = nullptr;             /* takes every packet of RTP, if there is one */
};

static inline struct stream *observer_stream(struct observer *o, __u32 slot)
{
	return &o->streams.at(slot).record;
}

static inline struct stream_totals *observer_totals(struct observer *o, __u32 slot)
{
	return &o->streams.at(slot).totals;
}

static inline struct stream_detail *observer_detail(struct observer *o, __u32 slot)
{
	return &o->streams.at(slot).detail;
}

static inline struct stream_depth *observer_depth(struct observer *o, __u32 slot)
{
	return &o->streams.at(slot).depth;
}

static inline struct bundle *observer_bundle(struct observer *o, __u32 slot)
{
	return &o->bundles.at(slot).record;
}

static inline struct pair *observer_pair(struct observer *o, __u32 slot)
{
	return &o->pairs.at(slot).record;
}

static inline struct report *observer_report(struct observer *o, __u32 slot)
{
	return &o->reports.at(slot).record;
}

/* Its reader walks entries, not slots. */
static inline void observer_stream_begins(struct observer *, __u32)
{
}

static inline void observer_pair_begins(struct observer *, __u64)
{
}

static inline void observer_report_begins(struct observer *, __u32)
{
}

static inline void observer_report_keep(struct observer *o, __u64 now)
{
	o->reports.keep(now);
}

static inline int observer_report_grow(struct observer *o, __u64 now)
{
	o->reports_full = !o->reports.grow(now);
	return !o->reports_full;
}

/* One thread owns the tables: no record is ever found locked. */
static inline struct waiting_room *observer_waiting_room(struct observer *, __u64)
{
	return nullptr;
}

static inline void observer_look_after(struct observer *, __u64)
{
}

static inline __u32 observer_stream_mask(const struct observer *o)
{
	return o->streams.mask();
}

static inline __u32 observer_pair_mask(const struct observer *o)
{
	return o->pairs.mask();
}

static inline __u32 observer_bundle_mask(const struct observer *o)
{
	return o->bundles.mask();
}

static inline __u32 observer_report_mask(const struct observer *o)
{
	return o->reports.mask();
}

static inline const struct tag_keys *observer_keys(const struct observer *o)
{
	return &o->config.keys;
}

static inline __u32 observer_clock_rate(const struct observer *o, __u8 payload_type)
{
	return o->config.clock_rates[payload_type & 127];
}

static inline int observer_probe_is_on(const struct observer *o, __u32 probe)
{
	return (o->probes & probe) != 0;
}

static inline __u64 observer_arrival(struct observer *o)
{
	return o->now;
}

static inline __u64 observer_socket(const struct observer *)
{
	return 0;
}

static inline __u64 observer_cookie(const struct observer *)
{
	return 0;
}

/* Packets do not say whose socket they belong to. */
static inline void observer_owner(struct observer *, __u64 *cgroup_id, __u32 *pid)
{
	*cgroup_id = 0;
	*pid = 0;
}

static inline void observer_tally(struct observer *o, enum outcome outcome, __s64 n)
{
	o->tallies[outcome] += static_cast<__u64>(n);
}

static inline void observer_show(struct observer *o, struct datagram *d, __u32 at)
{
	__u32 begin = d->offset + at;
	__u32 size = at < d->size ? d->size - at : 0;

	d->filled = 0;
	if (begin >= o->payload->size)
		return;
	if (size > o->payload->size - begin)
		size = o->payload->size - begin;
	if (size >= DATAGRAM_WINDOW) {
		memcpy(d->bytes, o->payload->data + begin, DATAGRAM_WINDOW);
		d->filled = DATAGRAM_WINDOW;
	} else {
		memcpy(d->bytes, o->payload->data + begin, size);
		d->filled = size;
	}
}

#include "apart.h"

#endif
