/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_OBSERVE_RTCP_H
#define RTCPROBE_CORE_OBSERVE_RTCP_H

/* RTCP, in the clear and encrypted, over the seam. It is rare, so nothing here is made for speed. */
#include "report.h"
#include "seam.h"
#include "table.h"

/*
 * Everything of core/seam.h, and these. Offline a record that was claimed gets a place of its own (keep), and a
 * table that is full grows; true if it did.
 */
static inline struct report *observer_report(struct observer *o, __u32 slot);
static inline __u32 observer_report_mask(const struct observer *o);
static inline void observer_report_begins(struct observer *o, __u32 slot); /* as observer_stream_begins() */
static inline void observer_report_keep(struct observer *o, __u64 now);
static inline int observer_report_grow(struct observer *o, __u64 now);
/*
 * observe_rtcp() and its parts. In the kernel each is a global function, for the reason that core/function.h has: here that is
 * a seam, for an observer is nothing that such a function can be given.
 */
static inline __u32 observer_report_slot(struct observer *o, __u64 tag, __u64 now);
static inline int observer_rtcp(struct observer *o, struct datagram *d, struct endpoints *e);
static inline int observer_lengths(struct observer *o, struct datagram *d, struct rtcp_cursor *c);
static inline int observer_item(struct observer *o, struct datagram *d, struct endpoints *e, struct rtcp_item *item);

/* Slot of this tag, or one that it may claim; above the mask if there is none. */
static inline __u32 observe_report_slot(struct observer *o, __u64 tag, __u64 now)
{
	__u32 mask = observer_report_mask(o);

	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct report *r = observer_report(o, table_slot(tag, i, mask));

		if (r && r->tag == tag)
			return table_slot(tag, i, mask);
	}
	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct report *r = observer_report(o, table_slot(tag, i, mask));

		if (r && report_is_claimable(r, now))
			return table_slot(tag, i, mask);
	}
	return mask + 1;
}

/* Whether an SSRC that nobody knows gets a record for this; else there is nothing that the item could add to. */
static inline int observe_item_claims(const struct rtcp_item *item)
{
	return item->action == RTCP_SAID || item->action == RTCP_SENDER_INFO || item->action == RTCP_BLOCK;
}

static inline void report_begin(struct report *r, const struct endpoints *e, const struct rtcp_item *item, __u64 tag,
				__u64 now)
{
	__u32 version = r->version;

	__builtin_memset(r, 0, sizeof(*r));
	r->version = version;
	r->tag = tag;
	r->ssrc = item->ssrc;
	r->endpoints = *e;
	r->encrypted = item->encrypted;
	r->first_ns = now;
}

/* `e` names the record, as from its SSRC to the other end. */
static inline enum outcome observe_report(struct observer *o, const struct datagram *d, struct endpoints *e,
					  struct rtcp_item *item)
{
	__u64 tag = report_tag(e, observer_keys(o), item->ssrc, item->encrypted);
	__u32 slot = observer_report_slot(o, tag, observer_arrival(o));
	struct report *r;

	if (slot > observer_report_mask(o) && observe_item_claims(item) && observer_report_grow(o, observer_arrival(o)))
		slot = observer_report_slot(o, tag, observer_arrival(o));
	r = slot > observer_report_mask(o) ? 0 : observer_report(o, slot);
	if (!observe_item_claims(item) && (!r || r->tag != tag))
		return DATAGRAM_RTCP;
	if (!r)
		return DATAGRAM_TABLE_FULL;
	if (!record_lock(&r->version)) {
		if (r->tag == tag)
			(void)__sync_fetch_and_add(&r->contended, 1);
		return DATAGRAM_CONTENDED;
	}
	if (r->tag != tag) {
		if (!report_is_claimable(r, observer_arrival(o))) { /* another CPU was faster */
			(void)record_unlock(&r->version);
			return DATAGRAM_CONTENDED;
		}
		report_begin(r, e, item, tag, observer_arrival(o));
		observer_owner(o, &r->cgroup_id, &r->pid);
		observer_report_begins(o, slot);
	}
	(void)report_answer(r, d, item, observer_arrival(o));
	(void)report_receive(r, d, item, observer_arrival(o));
	(void)record_unlock(&r->version);
	observer_report_keep(o, observer_arrival(o));
	return DATAGRAM_RTCP;
}

/* Where the SSRC is of the end that the datagram goes to: seen from there. Done twice it is undone, which spares the stack a copy. */
static inline void observe_turn(struct endpoints *e, const struct rtcp_item *item)
{
	if (item->action != RTCP_BLOCK && item->action != RTCP_FEEDBACK && item->action != RTCP_DELAY &&
	    item->action != RTCP_VOIP)
		return;
	endpoints_swap(e);
	if (e->direction != DIRECTION_UNKNOWN)
		e->direction = e->direction == DIRECTION_IN ? DIRECTION_OUT : DIRECTION_IN;
}

/* Account for one item, in the record of whom it is about. Returns enum outcome: DATAGRAM_RTCP, or why it could not be. */
static inline int observe_item(struct observer *o, struct datagram *d, struct endpoints *e, struct rtcp_item *item)
{
	int outcome;

	observe_turn(e, item);
	outcome = (int)observe_report(o, d, e, item);
	observe_turn(e, item);
	return outcome;
}

/* Walk the lengths of a compound, for as long as they make sense. Returns how many packets it has; they end at c->at. */
static inline int observe_lengths(struct observer *o, struct datagram *d, struct rtcp_cursor *c)
{
	int packets;

	for (packets = 0; packets < RTCP_COMPOUND && c->at < d->size; packets++) {
		__u32 length;

		if (packets)
			observer_show(o, d, c->at);
		length = rtcp_length(d);
		if (length == 0 || length > d->size - c->at)
			break;
		c->at += length;
	}
	return packets;
}

/*
 * A compound whose lengths are right: everything in it that tells of a stream. Returns enum outcome: DATAGRAM_RTCP, or why
 * something could not be accounted for.
 */
static inline int observe_compound(struct observer *o, struct datagram *d, struct endpoints *e, struct rtcp_cursor *c)
{
	c->at = 0;
	for (int i = 0; i < RTCP_STEPS && c->at < d->size; i++) {
		int outcome;

		observer_show(o, d, c->at);
		if (rtcp_step(c, d) == RTCP_NOTHING)
			continue;
		outcome = observer_item(o, d, e, &c->item);
		if (outcome == DATAGRAM_RTCP && c->item.action == RTCP_DELAY) {
			c->item.action = RTCP_DELAY_TRIP;
			c->item.ssrc = c->item.sender;
			outcome = observer_item(o, d, e, &c->item);
		}
		if (outcome != DATAGRAM_RTCP)
			return outcome;
	}
	return DATAGRAM_RTCP;
}

/* SRTCP: the first header, and where the cipher leaves its index. */
static inline int observe_srtcp(struct observer *o, struct datagram *d, struct endpoints *e, struct rtcp_item *item)
{
	int outcome;

	observer_show(o, d, d->size - SRTCP_MIN_TRAILER);
	item->word = item->elapsed_ns = 0;
	if (d->filled >= SRTCP_MIN_TRAILER) {
		item->word = read_u32(d, 0);
		item->elapsed_ns = (__u32)read_u16(d, 10) << 16 | read_u16(d, 12);
	}
	item->action = RTCP_SAID;
	outcome = observer_item(o, d, e, item);
	return outcome == DATAGRAM_RTCP ? DATAGRAM_SRTCP : outcome;
}

/* The datagram is RTCP by its first two bytes, which the window shows. Returns enum outcome. */
static inline int observe_rtcp(struct observer *o, struct datagram *d, struct endpoints *e)
{
	struct rtcp_cursor c = {};
	struct rtcp_item *item = &c.item;
	enum rtcp_kind kind;
	int packets;

	if (d->size < RTCP_HEADER) /* a source of nothing, that leaves */
		return rtcp_length(d) == d->size ? DATAGRAM_RTCP : DATAGRAM_UNKNOWN;
	if (d->filled < RTCP_HEADER)
		return DATAGRAM_TRUNCATED;
	e->cookie = observer_cookie(o);
	item->action = RTCP_ASK;
	item->leads = item->encrypted = 1;
	item->ssrc = read_u32(d, 4);
	item->packet = rtcp_packet_of(d->bytes[1], d->bytes[0] & 31);
	packets = observer_lengths(o, d, &c);
	kind = rtcp_rest(c.at, d->size, packets, c.at < d->size && d->filled < 4);
	if (kind == RTCP_NONE)
		return DATAGRAM_UNKNOWN;
	if (kind == RTCP_CUT)
		return DATAGRAM_TRUNCATED;
	if (kind == RTCP_CLEAR && packets > 1) { /* by chance? Who was seen to encrypt does not stop to */
		(void)observer_item(o, d, e, item);
		if (item->word)
			kind = RTCP_ENCRYPTED;
	}
	if (kind == RTCP_ENCRYPTED)
		return observe_srtcp(o, d, e, item);
	item->encrypted = 0;
	return observe_compound(o, d, e, &c);
}

#endif
