// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_DATAGRAMS_H
#define RTCPROBE_NATIVE_DATAGRAMS_H

/* From a parsed frame to an observer's records and tallies. */
#include "batches.h"
#include "observer.h"

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
	if (id == stream_table::NONE)
		return;
	const stream_entry *entry = o->streams.find(id);

	o->log->add(id, entry->record, entry->totals, h);
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

/* A packet of a stream that has an entry. `d` is not looked at where there is no header extension. */
SHORT_FUNCTION void observer_hold(struct observer *o, stream_entry *entry, const struct datagram *d,
				  struct stream_packet *packet, __u64 bundle)
{
	struct stream_depth *depth = o->probes & PROBE_DEPTH ? &entry->depth : nullptr;

	packet->configured_rate = observer_clock_rate(o, packet->header.payload_type);
	observer_tally(o, DATAGRAM_SEEN, 1);
	observer_tally(o, observe_held(o, &entry->record, &entry->totals, &entry->detail, depth, d, packet, bundle), 1);
	entry->record.version += RECORD_WRITTEN;
}

/*
 * One without header extensions or without depth; seldom one that stream_usual() takes. It parses the header again, or that of each
 * packet would have to be put into memory for it.
 */
[[gnu::noinline, gnu::hot]] static void observer_known(struct observer *o, stream_entry *entry,
						       const struct looked_packet &looked)
{
	struct stream_packet packet = { {}, looked.time_ns, looked.size, 0 };

	(void)rtp_parse_plain(looked.words, looked.size, &packet.header);
	observer_hold(o, entry, nullptr, &packet, 0);
}

/* One with header extensions, and with depth. False if they are not whole. */
[[gnu::noinline, gnu::hot]] static bool observer_extended(struct observer *o, stream_entry *entry,
							  const struct looked_packet &looked)
{
	__u32 captured = looked.captured, at = looked.payload_at;
	struct bytes payload = { looked.frame + at, captured - at };
	struct stream_packet packet = { {}, looked.time_ns, looked.size, 0 };
	struct datagram d;
	__u64 bundle;

	d.size = looked.size;
	d.offset = 0;
	o->payload = &payload;
	observer_show(o, &d, 0);
	if (!rtp_parse(&d, &packet.header))
		return false;
	bundle = observe_elements(o, &d, &entry->detail.endpoints, &packet);
	o->bundles.keep(looked.time_ns);
	observer_hold(o, entry, &d, &packet, bundle);
	return true;
}

/* A packet that is usual for its stream and for the depth of that, whose frames mostly are one packet each: one division for both. */
SHORT_FUNCTION void observer_usual(stream_entry *entry, const struct rtp_header &h, __u32 size, __u64 now)
{
	struct stream *s = &entry->record;
	/* The clock rate is asked for where the payload type changes. */
	struct stream_packet packet = { .header = h, .now = now, .size = size, .configured_rate = 0 };
	__s32 ticks = static_cast<__s32>(h.timestamp - s->last_ts);
	__s32 frame_ticks = static_cast<__s32>(h.timestamp - entry->depth.frame_ts);
	__s64 ns = ticks_ns(ticks, s->clock_rate);
	__s64 frame_ns = frame_ticks == ticks ? ns : ticks_ns(frame_ticks, s->clock_rate);

	stream_usual_step(s, &h, size, now, ns);
	depth_usual(&entry->depth, s, &packet, frame_ticks, frame_ns);
}

/*
 * What observe() would come to for a plain packet of a known stream, which nearly all are, by the way of core/usual.h if it is the
 * next. `likely` is an id that its stream may have. False if it is not such a packet; then nothing has changed. `*usual` counts those
 * that the caller is to tally as seen and as RTP.
 */
SHORT_FUNCTION bool observer_plain(struct observer *o, const struct looked_packet &looked, __u32 likely, __u32 *usual)
{
	bool with_depth = o->probes & PROBE_DEPTH;
	stream_entry *entry = o->streams.entry_of(looked.tag, likely);
	struct rtp_header h;

	if (!entry || !rtp_parse_plain(looked.words, looked.size, &h) || !(o->probes & PROBE_RTP) || o->log)
		return false;
	if (with_depth && h.extension_offset)
		return observer_extended(o, entry, looked);
	if (!with_depth || !stream_is_usual(&entry->record, &h) || !depth_is_usual(&entry->depth, &entry->record, &h)) {
		observer_known(o, entry, looked);
		return true;
	}
	observer_usual(entry, h, looked.size, looked.time_ns);
	entry->record.version += RECORD_WRITTEN;
	(*usual)++;
	return true;
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
