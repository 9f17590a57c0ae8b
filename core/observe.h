/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_OBSERVE_H
#define RTCPROBE_CORE_OBSERVE_H

/*
 * One datagram, from its bytes to its record and its outcome: the same path in the kernel and offline. Who includes this
 * file defines what core/seam.h declares.
 */
#include "fate.h"
#include "ice.h"
#include "observe_depth.h"
#include "receive.h"
#include "observe_rtcp.h"
#include "seam.h"
#include "table.h"
#include "waiting.h"

/* A stream that never left probation and fell silent may lose its slot to another. */
enum { STREAM_STALE_MS = 1000 };

static inline int stream_is_claimable(const struct stream *s, __u64 now)
{
	return s->tag == 0 ||
	       (s->evidence < STREAM_EVIDENCE && (__s64)(now - s->last_ns) > (__s64)STREAM_STALE_MS * 1000000);
}

/* Slot of this tag, or one that it may claim; above the mask if there is none. Two loops are verified faster than one that forks. */
static inline __u32 observe_stream_slot(struct observer *o, __u64 tag, __u64 now)
{
	__u32 mask = observer_stream_mask(o);

	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct stream *s = observer_stream(o, table_slot(tag, i, mask));

		if (s && s->tag == tag)
			return table_slot(tag, i, mask);
	}
	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct stream *s = observer_stream(o, table_slot(tag, i, mask));

		if (s && stream_is_claimable(s, now))
			return table_slot(tag, i, mask);
	}
	return mask + 1;
}

/* Look after the packets that wait for the record of this tag, and move them from where they were tallied. */
static inline void observe_waiting(struct observer *o, __u64 tag)
{
	__u32 slot = observer_stream_slot(o, tag, 0);
	struct stream *s = observer_stream(o, slot);
	struct stream_totals *totals = observer_totals(o, slot);
	struct stream_detail *detail = observer_detail(o, slot);
	struct waiting_room *room = observer_waiting_room(o, tag);
	struct stream_depth *depth = 0;
	int counted;

	if (observer_probe_is_on(o, PROBE_DEPTH))
		depth = observer_depth(o, slot);
	if (!s || !totals || !detail || !room)
		return;
	counted = waiting_catch_up(room, tag, s, totals, detail, depth ? &depth->loss : 0);
	if (!counted)
		return;
	observer_tally(o, DATAGRAM_RTP, counted);
	observer_tally(o, DATAGRAM_UNCONFIRMED, -(__s64)counted);
}

/* The record is locked, by a packet of the same stream or by one that claims the slot: this one waits. */
static inline enum outcome observe_contended(struct observer *o, struct stream *s, struct stream_totals *totals,
					     __u64 tag, const struct stream_packet *packet)
{
	if ((s->tag != tag && s->tag != 0) || !waiting_add(observer_waiting_room(o, tag), tag, packet)) {
		if (s->tag == tag)
			(void)__sync_fetch_and_add(&totals->contended, 1);
		return DATAGRAM_CONTENDED;
	}
	observer_look_after(o, tag);
	return DATAGRAM_UNCONFIRMED;
}

/*
 * A packet of the stream whose record is held, with its depth unless that is off. `d` is not looked at where there is no header
 * extension.
 */
SHORT_FUNCTION enum outcome observe_held(struct observer *o, struct stream *s, struct stream_totals *totals,
					 struct stream_detail *detail, struct stream_depth *depth,
					 const struct datagram *d, const struct stream_packet *packet, __u64 bundle)
{
	int step;

	if (depth && sequence_leaves(s->max_seq, packet->header.sequence))
		(void)stream_lose(&depth->loss, s, totals, detail, packet);
	step = stream_receive(s, totals, detail, packet);
	if (step == STREAM_CONFIRMED) { /* what probation held back is counted now */
		observer_tally(o, DATAGRAM_RTP, (__s64)totals->packets - 1);
		observer_tally(o, DATAGRAM_UNCONFIRMED, 1 - (__s64)totals->packets);
	}
	if (depth)
		observe_depth(depth, d, s, totals, packet, bundle);
	return step == STREAM_UNCONFIRMED ? DATAGRAM_UNCONFIRMED : DATAGRAM_RTP;
}

static inline enum outcome observe_rtp(struct observer *o, struct datagram *d, struct endpoints *e)
{
	enum outcome outcome;
	struct stream_packet packet;
	__u64 bundle = 0;
	struct stream_totals *totals;
	struct stream_detail *detail;
	struct stream_depth *depth = 0;
	struct stream *s;
	__u32 slot;
	__u64 tag;

	if (!rtp_parse(d, &packet.header))
		return DATAGRAM_UNKNOWN;
	packet.size = d->size;
	packet.now = observer_arrival(o);
	packet.configured_rate = observer_clock_rate(o, packet.header.payload_type);
	if (observer_probe_is_on(o, PROBE_DEPTH))
		bundle = observe_elements(o, d, e, &packet);
	tag = endpoints_tag(e, observer_keys(o), observer_socket(o), packet.header.ssrc);
	slot = observer_stream_slot(o, tag, packet.now);
	if (slot > observer_stream_mask(o))
		return DATAGRAM_TABLE_FULL;
	s = observer_stream(o, slot);
	totals = observer_totals(o, slot);
	detail = observer_detail(o, slot);
	if (observer_probe_is_on(o, PROBE_DEPTH))
		depth = observer_depth(o, slot);
	if (!s || !totals || !detail || (observer_probe_is_on(o, PROBE_DEPTH) && !depth))
		return DATAGRAM_TABLE_FULL;
	if (!record_lock(&s->version))
		return observe_contended(o, s, totals, tag, &packet);
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
		observer_stream_begins(o, slot);
		stream_begin(s, totals, detail, &packet);
	}
	outcome = observe_held(o, s, totals, detail, depth, d, &packet, bundle);
	if (record_unlock(&s->version))
		observer_look_after(o, tag);
	return outcome;
}

/* Media through a relay come in frames of TURN's: returns what is inside, or `protocol` if it is none. */
static inline enum protocol observe_inside(struct observer *o, struct datagram *d, struct endpoints *e,
					   enum protocol protocol)
{
	if (protocol == PROTOCOL_TURN_CHANNEL)
		return (enum protocol)observer_channel(o, d, e);
	if (protocol == PROTOCOL_STUN && stun_is_indication(d))
		return (enum protocol)observer_indication(o, d, e);
	return protocol;
}

/* What one of the functions apart says became of a datagram. */
static inline enum outcome observe_counted(int said)
{
	__u32 outcome = (__u32)said;

	__asm__("" : "+r"(outcome)); /* so that the verifier sees the bound of the register that is used */
	return outcome < DATAGRAM_OUTCOMES ? (enum outcome)outcome : DATAGRAM_UNKNOWN;
}

static inline enum outcome observe_message(struct observer *o, struct datagram *d, struct endpoints *e)
{
	int is_bind = stun_is_channel_bind(d);
	enum outcome outcome = observe_counted(observer_stun(o, d, e));

	if (is_bind && outcome == DATAGRAM_TURN) {
		observer_show(o, d, 0);
		(void)observer_bind(o, d, e);
	}
	return outcome;
}

/*
 * Recognise the datagram that the window shows from its first byte, and account for it if it is no media. DATAGRAM_SEEN if it
 * is, or has media inside, where the window then stands.
 */
static inline enum outcome observe_apart(struct observer *o, struct datagram *d, struct endpoints *e)
{
	enum protocol protocol = datagram_protocol(d);

	if (protocol != PROTOCOL_RTP_OR_RTCP)
		protocol = observe_inside(o, d, e, protocol);
	switch (protocol) {
	case PROTOCOL_RTP_OR_RTCP: return DATAGRAM_SEEN;
	case PROTOCOL_STUN: return observer_probe_is_on(o, PROBE_STUN) ? observe_message(o, d, e) : DATAGRAM_PROBE_OFF;
	case PROTOCOL_DTLS: return observe_counted(observer_dtls(o, d, e));
	default: return DATAGRAM_UNKNOWN;
	}
}

/* Account for media. */
static inline enum outcome observe_media(struct observer *o, struct datagram *d, struct endpoints *e)
{
	if (d->filled >= 2 && rtcp_is_type(d->bytes[1]))
		return observer_probe_is_on(o, PROBE_RTCP) ? (enum outcome)observer_rtcp(o, d, e) : DATAGRAM_PROBE_OFF;
	if (!observer_probe_is_on(o, PROBE_RTP))
		return DATAGRAM_PROBE_OFF;
	if (d->filled < RTP_HEADER)
		return DATAGRAM_UNKNOWN;
	if (d->filled < rtp_window(d))
		observer_show(o, d, 0);
	return observe_rtp(o, d, e);
}

/* Both: the whole path from a datagram to its record. Adds no tally of its own. */
static inline enum outcome observe(struct observer *o, struct datagram *d, struct endpoints *e)
{
	enum outcome outcome = observe_apart(o, d, e);

	return outcome == DATAGRAM_SEEN ? observe_media(o, d, e) : outcome;
}

#endif
