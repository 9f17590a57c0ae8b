/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_OBSERVE_H
#define RTCPROBE_CORE_OBSERVE_H

/*
 * One datagram, from its bytes to its record and its outcome: the same path in the kernel and offline. Who includes this
 * file defines `struct observer` and the functions declared here.
 */
#include "config.h"
#include "depth.h"
#include "outcome.h"
#include "pair.h"
#include "receive.h"
#include "rtcp.h"
#include "table.h"
#include "waiting.h"

struct observer;

/* Records and details by slot; a slot is already masked, NULL cannot happen and is handled. */
static inline struct stream *observer_stream(struct observer *o, __u32 slot);
static inline struct stream_detail *observer_detail(struct observer *o, __u32 slot);
static inline struct stream_depth *observer_depth(struct observer *o, __u32 slot);
static inline struct pair *observer_pair(struct observer *o, __u32 slot);
/* Where packets of this tag wait for their record; NULL where nobody ever does. */
static inline struct waiting_room *observer_waiting_room(struct observer *o, __u64 tag);
static inline __u32 observer_stream_mask(const struct observer *o);
static inline __u32 observer_pair_mask(const struct observer *o);
static inline const struct tag_keys *observer_keys(const struct observer *o);
/* Clock rate the operator gave this payload type, 0 = none. */
static inline __u32 observer_clock_rate(const struct observer *o, __u8 payload_type);
static inline int observer_probe_is_on(const struct observer *o, __u32 probe);
/* When the datagram arrived. Asked only of what is measured: a clock costs more than all else. */
static inline __u64 observer_arrival(struct observer *o);
/* A number that tells the datagram's socket from the other live ones; 0 where there are no sockets. */
static inline __u64 observer_socket(const struct observer *o);
/* The same for all times: its cookie. */
static inline __u64 observer_cookie(const struct observer *o);
/* Who owns the socket, as far as this place knows. */
static inline void observer_owner(struct observer *o, __u64 *cgroup_id, __u32 *pid);
/* Add n to the number of datagrams with this outcome. */
static inline void observer_tally(struct observer *o, enum outcome outcome, __s64 n);
/* Move the window to byte `at` of the datagram; d->filled tells how much of it there is. */
static inline void observer_show(struct observer *o, struct datagram *d, __u32 at);

/* A stream that never left probation and fell silent may lose its slot to another. */
enum { STREAM_STALE_MS = 1000 };

static inline int stream_is_claimable(const struct stream *s, __u64 now)
{
	return s->tag == 0 ||
	       (s->evidence < STREAM_EVIDENCE && (__s64)(now - s->last_ns) > (__s64)STREAM_STALE_MS * 1000000);
}

/* Slot of this tag, or one that it may claim; above the mask if there is none. */
static inline __u32 observe_stream_slot(struct observer *o, __u64 tag, __u64 now)
{
	__u32 mask = observer_stream_mask(o);
	__u32 claimable = mask + 1;

	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		__u32 slot = table_slot(tag, i, mask);
		struct stream *s = observer_stream(o, slot);

		if (!s)
			break;
		if (s->tag == tag)
			return slot;
		if (claimable > mask && stream_is_claimable(s, now))
			claimable = slot;
	}
	return claimable;
}

/* Look after the packets that wait, and move them from where they were tallied. */
static inline void observe_waiting(struct observer *o, struct stream *s, struct stream_detail *detail, __u64 tag)
{
	int counted = waiting_catch_up(observer_waiting_room(o, tag), tag, s, detail);

	if (!counted)
		return;
	observer_tally(o, DATAGRAM_RTP, counted);
	observer_tally(o, DATAGRAM_UNCONFIRMED, -(__s64)counted);
}

/* The record is locked, by a packet of the same stream or by one that claims the slot: this one waits. */
static inline enum outcome observe_contended(struct observer *o, struct stream *s, struct stream_detail *detail,
					     __u64 tag, const struct stream_packet *packet)
{
	if ((s->tag != tag && s->tag != 0) || !waiting_add(observer_waiting_room(o, tag), tag, packet)) {
		if (s->tag == tag)
			(void)__sync_fetch_and_add(&s->contended, 1);
		return DATAGRAM_CONTENDED;
	}
	observe_waiting(o, s, detail, tag);
	return DATAGRAM_UNCONFIRMED;
}

static inline enum outcome observe_rtp(struct observer *o, const struct datagram *d, struct endpoints *e)
{
	struct stream_packet packet;
	struct stream_detail *detail;
	struct stream *s;
	__u32 slot;
	__u64 tag;
	int step;

	if (!rtp_parse(d, &packet.header))
		return DATAGRAM_UNKNOWN;
	packet.size = d->size;
	packet.now = observer_arrival(o);
	packet.configured_rate = observer_clock_rate(o, packet.header.payload_type);
	tag = endpoints_tag(e, observer_keys(o), observer_socket(o), packet.header.ssrc);
	slot = observe_stream_slot(o, tag, packet.now);
	if (slot > observer_stream_mask(o))
		return DATAGRAM_TABLE_FULL;
	s = observer_stream(o, slot);
	detail = observer_detail(o, slot);
	if (!s || !detail)
		return DATAGRAM_TABLE_FULL;
	if (!record_lock(&s->version))
		return observe_contended(o, s, detail, tag, &packet);
	e->cookie = observer_cookie(o);
	if (s->tag != tag || detail->endpoints.cookie != e->cookie) { /* a new socket may have an old one's number */
		if (s->tag != tag && !stream_is_claimable(s, packet.now)) { /* another CPU was faster */
			if (record_unlock(&s->version))
				record_wait(&s->version); /* somebody waits for the other stream */
			return DATAGRAM_CONTENDED;
		}
		s->tag = tag;
		detail->endpoints = *e;
		observer_owner(o, &detail->cgroup_id, &detail->pid);
		stream_begin(s, detail, &packet.header, packet.now, packet.configured_rate);
	}
	step = stream_receive(s, detail, &packet);
	if (step == STREAM_CONFIRMED) { /* what probation held back is counted now */
		observer_tally(o, DATAGRAM_RTP, (__s64)s->packets - 1);
		observer_tally(o, DATAGRAM_UNCONFIRMED, 1 - (__s64)s->packets);
	}
	if (observer_probe_is_on(o, PROBE_DEPTH))
		(void)depth_receive(observer_depth(o, slot), s, &packet);
	if (record_unlock(&s->version))
		observe_waiting(o, s, detail, tag);
	return step == STREAM_UNCONFIRMED ? DATAGRAM_UNCONFIRMED : DATAGRAM_RTP;
}

/* The pair of this tag or a free slot for it, by the same rules; pairs are confirmed by STUN's magic cookie. */
static inline __u32 observe_pair_slot(struct observer *o, __u64 tag)
{
	__u32 mask = observer_pair_mask(o);
	__u32 claimable = mask + 1;

	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		__u32 slot = table_slot(tag, i, mask);
		struct pair *p = observer_pair(o, slot);

		if (!p)
			break;
		if (p->tag == tag)
			return slot;
		if (claimable > mask && p->tag == 0)
			claimable = slot;
	}
	return claimable;
}

/* A Binding message; `e` names the pair, as from its first end to the second. */
static inline enum outcome observe_binding(struct observer *o, const struct stun_header *h, const struct endpoints *e,
					   int from_first, __u64 now)
{
	__u64 tag = endpoints_tag(e, observer_keys(o), e->cookie, 0);
	__u32 slot = observe_pair_slot(o, tag);
	struct pair *p;

	if (slot > observer_pair_mask(o))
		return DATAGRAM_TABLE_FULL;
	p = observer_pair(o, slot);
	if (!p)
		return DATAGRAM_TABLE_FULL;
	if (!record_lock(&p->version)) {
		if (p->tag == tag)
			(void)__sync_fetch_and_add(&p->contended, 1);
		return DATAGRAM_CONTENDED;
	}
	if (p->tag != tag) {
		if (p->tag != 0) { /* another CPU was faster */
			(void)record_unlock(&p->version);
			return DATAGRAM_CONTENDED;
		}
		p->tag = tag; /* a free slot is all zero but for its version */
		p->first_ns = now;
		p->endpoints = *e;
		observer_owner(o, &p->cgroup_id, &p->pid);
	}
	(void)pair_receive(p, h, from_first, now);
	(void)record_unlock(&p->version);
	return DATAGRAM_STUN;
}

static inline enum outcome observe_stun(struct observer *o, const struct datagram *d, struct endpoints *e)
{
	int from_first = endpoints_source_first(e);
	__u8 direction = e->direction;
	struct stun_header h;
	enum outcome outcome;
	__u64 now;

	if (!stun_parse(d, &h))
		return DATAGRAM_UNKNOWN;
	if (h.method != STUN_BINDING)
		return DATAGRAM_TURN;
	now = observer_arrival(o);
	e->cookie = observer_cookie(o);
	/* Both directions are one pair, named from its first end. In place, for the stack is short, and back again. */
	if (!from_first)
		endpoints_swap(e);
	if (direction != DIRECTION_UNKNOWN)
		e->direction = DIRECTION_OUT;
	outcome = observe_binding(o, &h, e, from_first, now);
	if (!from_first)
		endpoints_swap(e);
	e->direction = direction;
	return outcome;
}

static inline enum outcome observe_rtcp(struct observer *o, struct datagram *d)
{
	__u32 at = 0;
	int packets;

	for (packets = 0; packets < RTCP_COMPOUND && at < d->size; packets++) {
		__u32 length;

		if (packets)
			observer_show(o, d, at);
		length = rtcp_length(d);
		if (length == 0 || length > d->size - at)
			break;
		at += length;
	}
	switch (rtcp_rest(at, d->size, packets)) {
	case RTCP_CLEAR: return DATAGRAM_RTCP;
	case RTCP_ENCRYPTED: return DATAGRAM_SRTCP;
	default: return DATAGRAM_UNKNOWN;
	}
}

/* Recognise the datagram that the window shows from its first byte, and account for it. Adds no tally of its own. */
static inline enum outcome observe(struct observer *o, struct datagram *d, struct endpoints *e)
{
	enum protocol protocol = datagram_protocol(d);

	if (protocol == PROTOCOL_TURN_CHANNEL) { /* media through a relay: what is inside counts */
		__u16 channel = datagram_channel(d);

		if (!channel)
			return DATAGRAM_UNKNOWN;
		e->channel = channel;
		d->size = read_u16(d, 2);
		d->offset += 4;
		observer_show(o, d, 0);
		protocol = datagram_protocol(d);
	}
	switch (protocol) {
	case PROTOCOL_RTP_OR_RTCP:
		if (d->filled >= 2 && rtcp_is_type(d->bytes[1]))
			return observer_probe_is_on(o, PROBE_RTCP) ? observe_rtcp(o, d) : DATAGRAM_PROBE_OFF;
		if (!observer_probe_is_on(o, PROBE_RTP))
			return DATAGRAM_PROBE_OFF;
		if (d->filled < RTP_HEADER)
			return DATAGRAM_UNKNOWN;
		if (d->filled < rtp_window(d))
			observer_show(o, d, 0);
		return observe_rtp(o, d, e);
	case PROTOCOL_STUN: return observer_probe_is_on(o, PROBE_STUN) ? observe_stun(o, d, e) : DATAGRAM_PROBE_OFF;
	case PROTOCOL_DTLS: return datagram_is_dtls(d) ? DATAGRAM_DTLS : DATAGRAM_UNKNOWN;
	default: return DATAGRAM_UNKNOWN;
	}
}

#endif
