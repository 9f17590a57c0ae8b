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

/* The tag that observe() will look for if the packet is plain RTP; 0 if it is not. */
static inline __u64 observer_expected_tag(const struct observer *o, const struct udp_packet *udp)
{
	const __u8 *payload = udp->payload.data;

	if (udp->payload.size < RTP_HEADER || payload[0] >> 6 != 2)
		return 0;
	return endpoints_tag(&udp->endpoints, &o->config.keys, 0, load_u32(payload + 8));
}

#include "apart.h"

/* A datagram that is refused before anybody looks into it. */
static inline void observer_refuse(struct observer *o, enum outcome reason)
{
	observer_tally(o, DATAGRAM_SEEN, 1);
	observer_tally(o, reason, 1);
}

/* Tell the log of the datagram, if it was accounted for as RTP. */
static inline void observer_log(struct observer *o, struct datagram &d, const struct endpoints &e, int outcome)
{
	struct rtp_header h;
	__u32 id;

	if (outcome != DATAGRAM_RTP && outcome != DATAGRAM_UNCONFIRMED)
		return;
	observer_show(o, &d, 0); /* extensions are looked at in the place of the header */
	if (!rtp_parse(&d, &h))
		return;
	id = o->streams.id_of(endpoints_tag(&e, &o->config.keys, 0, h.ssrc));
	if (id != stream_table::NONE)
		o->log->add(id, o->streams.find(id)->record, h);
}

/* One datagram of `size` bytes that begins at byte `offset` of the payload. */
static inline void observer_datagram(struct observer *o, struct endpoints *e, __u32 offset, __u32 size, __u64 now)
{
	enum outcome outcome;
	struct datagram d;

	if (size == 0)
		return observer_refuse(o, DATAGRAM_EMPTY);
	o->now = now;
	o->reports_full = false;
	for (;;) {
		e->channel = 0; /* observe() sets it, and moves the datagram behind the TURN header */
		d.size = size;
		d.offset = offset;
		observer_show(o, &d, 0);
		if (d.filled == 0)
			return observer_refuse(o, DATAGRAM_TRUNCATED);
		outcome = observe(o, &d, e);
		if (outcome != DATAGRAM_TABLE_FULL || o->reports_full) /* else nothing was counted yet: try again */
			break;
		o->pairs.keep(now); /* who is behind a relay may have been noted */
		observer_show(o, &d, 0);
		if (!(datagram_protocol(&d) == PROTOCOL_STUN ? o->pairs.grow(now) : o->streams.grow(now)))
			break;
	}
	o->streams.keep(now);
	o->pairs.keep(now);
	o->bundles.keep(now);
	if (o->log)
		observer_log(o, d, *e, outcome);
	observer_tally(o, DATAGRAM_SEEN, 1);
	observer_tally(o, outcome, 1);
}

/*
 * A parsed frame: every UDP datagram is tallied as seen and with one outcome. `segment` is the payload size of the
 * datagrams that a super-packet is made of, 0 if the packet is one datagram.
 */
static inline void observer_packet(struct observer *o, enum frame_kind kind, struct udp_packet *udp, __u32 segment,
				   __u64 now)
{
	switch (kind) {
	case FRAME_OTHER: return;
	case FRAME_TRUNCATED: return observer_refuse(o, DATAGRAM_TRUNCATED);
	case FRAME_FRAGMENT: return observer_refuse(o, DATAGRAM_FRAGMENT);
	case FRAME_UDP: break;
	}
	o->payload = &udp->payload;
	if (segment == 0 || segment >= udp->size)
		return observer_datagram(o, &udp->endpoints, 0, udp->size, now);
	for (__u32 at = 0; at < udp->size; at += segment)
		observer_datagram(o, &udp->endpoints, at, udp->size - at < segment ? udp->size - at : segment, now);
}

#endif
