/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_ICE_H
#define RTCPROBE_CORE_ICE_H

/* STUN, TURN and DTLS: what is around the media, off the path of RTP. */
#include "pair.h"
#include "seam.h"
#include "table.h"

/* The slot of this tag or a free one for it, by the rules of streams; above the mask if there is none. */
static inline __u32 observe_pair_slot(struct observer *o, __u64 tag)
{
	__u32 mask = observer_pair_mask(o);

	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct pair *p = observer_pair(o, table_slot(tag, i, mask));

		if (p && p->tag == tag)
			return table_slot(tag, i, mask);
	}
	for (__u32 i = 0; i < TABLE_PROBES; i++) {
		struct pair *p = observer_pair(o, table_slot(tag, i, mask));

		if (p && p->tag == 0)
			return table_slot(tag, i, mask);
	}
	return mask + 1;
}

/* The pair of this tag, or the free record that is to be it; NULL if the table is full. Nobody holds it. */
static inline struct pair *observe_pair(struct observer *o, __u64 tag)
{
	__u32 slot = observer_pair_slot(o, tag);

	return slot > observer_pair_mask(o) ? 0 : observer_pair(o, slot);
}

static inline struct pair *observe_known_pair(struct observer *o, __u64 tag)
{
	struct pair *p = observe_pair(o, tag);

	return p && p->tag == tag ? p : 0;
}

/* Hold this pair, and begin it if it is new. False if another CPU has it. */
SHORT_FUNCTION int observe_hold(struct observer *o, struct pair *p, __u64 tag, const struct endpoints *e, __u16 channel,
				__u64 now)
{
	if (!record_lock(&p->version)) {
		if (p->tag == tag)
			(void)__sync_fetch_and_add(&p->contended, 1);
		return 0;
	}
	if (p->tag == tag)
		return 1;
	if (p->tag != 0) { /* another CPU was faster */
		(void)record_unlock(&p->version);
		return 0;
	}
	(void)pair_begin(p, tag, e, channel, now);
	observer_pair_begins(o, tag);
	observer_owner(o, &p->cgroup_id, &p->pid);
	return 1;
}

/* Read the first `most` attributes of a message; the window moves. */
static inline void observe_attributes(struct observer *o, struct datagram *d, struct stun_message *m, int most)
{
	__u32 at = STUN_HEADER;

	for (int i = 0; i < most; i++) {
		int size;

		observer_show(o, d, at);
		size = stun_attribute(d, m, at);
		if (size == 0)
			break;
		at += (__u32)size;
	}
}

/*
 * Note who is behind the relay, whose address the window shows, in the record that his name stands for; `channel` is bound to
 * him, 0 = none is known. A record that cannot be had leaves what is relayed without this label, no more.
 */
SHORT_FUNCTION void observe_peer(struct observer *o, const struct datagram *d, const struct stun_id *id,
				 const struct endpoints *e, __u16 name, __u16 channel, __u64 now)
{
	__u64 tag = observer_pair_tag(o, e, name);
	struct pair *p = observe_pair(o, tag);

	if (!p || (p->tag == tag && !channel) || !observe_hold(o, p, tag, e, name, now))
		return;
	(void)stun_address(d, id, &p->peer);
	p->last_ns = now;
	if (channel)
		p->channel = channel;
	(void)record_unlock(&p->version);
}

/*
 * A ChannelBind request (RFC 8656 section 12). What ICE does in the channel goes on in the peer's record, unless the channel
 * has one of its own already: then it was in use before anybody looked.
 */
static inline int observe_bind(struct observer *o, struct datagram *d, const struct endpoints *e)
{
	struct stun_message m = {};
	struct pair *relay;
	__u16 name;
	int is_new;
	__u64 now;

	if (!stun_parse(d, &m))
		return 0;
	observe_attributes(o, d, &m, TURN_ATTRIBUTES);
	if (!m.channel || !m.peer_at)
		return 0;
	observer_show(o, d, m.peer_at);
	name = (__u16)stun_address_name(d, &m.id, observer_keys(o)->key[0]);
	if (!name)
		return 0;
	is_new = !observe_known_pair(o, observer_pair_tag(o, e, m.channel));
	relay = observe_known_pair(o, observer_pair_tag(o, e, e->channel));
	if (!relay)
		return 0;
	now = relay->last_ns;
	if (is_new)
		relay->bindings[m.channel % PAIR_BINDINGS] = (__u32)m.channel << 16 | name; /* one write: no lock */
	observe_peer(o, d, &m.id, e, name, m.channel, now);
	return 0;
}

/* One message. Returns enum outcome. */
static inline int observe_stun(struct observer *o, struct datagram *d, struct endpoints *e)
{
	struct stun_message m = {};
	struct pair *p;
	__u64 now, tag;

	if (!stun_parse(d, &m))
		return DATAGRAM_UNKNOWN;
	if (!stun_is_counted(&m))
		return DATAGRAM_TURN;
	if (m.kind == STUN_REQUEST)
		observe_attributes(o, d, &m, ICE_ATTRIBUTES);
	now = observer_arrival(o);
	e->cookie = observer_cookie(o);
	tag = observer_pair_tag(o, e, e->channel);
	p = observe_pair(o, tag);
	if (!p)
		return DATAGRAM_TABLE_FULL;
	if (!observe_hold(o, p, tag, e, e->channel, now))
		return DATAGRAM_CONTENDED;
	(void)pair_receive(p, &m, endpoints_source_first(e), now);
	(void)record_unlock(&p->version);
	return m.method == STUN_BINDING ? DATAGRAM_STUN : DATAGRAM_TURN;
}

/* Media through a relay: what is inside counts. Moves the datagram behind the header; returns enum protocol of what is there. */
static inline int observe_channel(struct observer *o, struct datagram *d, struct endpoints *e)
{
	__u16 channel = datagram_channel(d);
	enum protocol inside;
	struct pair *relay;
	__u32 binding;

	if (!channel)
		return PROTOCOL_UNKNOWN;
	e->channel = channel;
	d->size = read_u16(d, 2);
	d->offset += 4;
	observer_show(o, d, 0);
	inside = datagram_protocol(d);
	if ((inside != PROTOCOL_STUN && inside != PROTOCOL_DTLS) || !observer_probe_is_on(o, PROBE_STUN))
		return inside;
	e->cookie = observer_cookie(o);
	relay = observe_known_pair(o, observer_pair_tag(o, e, 0));
	binding = relay ? relay->bindings[channel % PAIR_BINDINGS] : 0;
	if (binding >> 16 == channel)
		e->channel = (__u16)binding;
	return inside;
}

/* The same for Send and Data indications, which carry data before a channel is bound. Stays where it is if there is none. */
static inline int observe_indication(struct observer *o, struct datagram *d, struct endpoints *e)
{
	struct stun_message m = {};
	enum protocol inside;
	__u16 name;

	if (!stun_parse(d, &m))
		return PROTOCOL_STUN;
	observe_attributes(o, d, &m, TURN_ATTRIBUTES);
	observer_show(o, d, m.peer_at);
	name = (__u16)stun_address_name(d, &m.id, observer_keys(o)->key[0]);
	observer_show(o, d, m.data_at);
	inside = datagram_protocol(d);
	if (!m.peer_at || !m.data_at || m.data_size == 0 || !name ||
	    (inside != PROTOCOL_RTP_OR_RTCP && inside != PROTOCOL_STUN && inside != PROTOCOL_DTLS)) {
		observer_show(o, d, 0);
		return PROTOCOL_STUN;
	}
	observer_show(o, d, m.peer_at);
	e->cookie = observer_cookie(o);
	if (observer_probe_is_on(o, PROBE_STUN))
		observe_peer(o, d, &m.id, e, name, 0, observer_arrival(o));
	e->channel = name;
	d->size = m.data_size;
	d->offset += m.data_at;
	observer_show(o, d, 0);
	return inside;
}

/* The handshake of a pair that is known; DTLS alone makes no pair. Returns enum outcome. */
static inline int observe_dtls(struct observer *o, struct datagram *d, struct endpoints *e)
{
	int is_dtls = datagram_is_dtls(d), is_unified = datagram_is_unified(d), from_first;
	__u32 seen = 0, at = 0;
	struct pair *p;
	__u64 now, tag;

	if ((!is_dtls && !is_unified) || !observer_probe_is_on(o, PROBE_STUN))
		return is_dtls ? DATAGRAM_DTLS : DATAGRAM_UNKNOWN;
	now = observer_arrival(o);
	e->cookie = observer_cookie(o);
	tag = observer_pair_tag(o, e, e->channel);
	p = observe_known_pair(o, tag);
	if (!p || (is_unified && !pair_shakes_hands(p)))
		return is_dtls ? DATAGRAM_DTLS : DATAGRAM_UNKNOWN;
	for (int i = 0; i < DTLS_RECORDS && at < d->size; i++) {
		int size;

		if (i)
			observer_show(o, d, at);
		size = dtls_record(d, &seen, at);
		if (size == 0)
			break;
		at += (__u32)size;
	}
	from_first = endpoints_source_first(e);
	if (!pair_learns(p, seen, from_first) || !record_lock(&p->version))
		return DATAGRAM_DTLS;
	if (p->tag == tag)
		pair_handshake(p, seen, from_first, now);
	(void)record_unlock(&p->version);
	return DATAGRAM_DTLS;
}

#endif
