/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_DEPTH_ELEMENTS_H
#define RTCPROBE_CORE_DEPTH_ELEMENTS_H

/* What a stream's header extensions say to the depth probe. */
#include "depth.h"

/* An id has become known, or its text has changed. Always 0. */
LONG_FUNCTION int depth_believe(struct stream_depth *d, const struct datagram *window, __u32 id)
{
	__u32 where;

	if (!d || !window)
		return 0;
	id %= EXTENSION_IDS;
	where = extension_where(window, id);
	switch (d->elements[id].kind) {
	case ELEMENT_LEVEL: d->level_id = d->level_id ? d->level_id : (__u8)id; break;
	case ELEMENT_SEND_TIME: d->send_time_id = d->send_time_id ? d->send_time_id : (__u8)id; break;
	case ELEMENT_FRAME: d->frame_id = d->frame_id ? d->frame_id : (__u8)id; break;
	case ELEMENT_TEXT:
		d->text_ids |= (__u16)(1 << id);
		for (__u32 i = 0; i < ELEMENT_TEXT_SIZE; i++)
			d->text[i] = i < (where & 255) ? extension_byte(window, (where >> 8) + i) : 0;
		break;
	default: d->text_ids &= (__u16) ~(1 << id); break;
	}
	return 0;
}

/* What an element of a packet in order says about itself, as long as it is not known. True if that is another kind now. */
LONG_FUNCTION int depth_learn(struct stream_depth *d, const struct stream *s, const struct datagram *window, __u32 id)
{
	__u32 where;
	struct element *e;

	if (!d || !s || !window)
		return 0;
	e = &d->elements[id % EXTENSION_IDS];
	where = extension_where(window, id);
	if (!where || (e->kind > ELEMENT_UNKNOWN && e->kind != ELEMENT_TEXT))
		return 0;
	d->hint.step_ns = d->step.send_ns;
	d->hint.new_frame = d->step.is_new_frame;
	d->hint.next = !d->step.is_missing;
	d->hint.audio = depth_is_audio(s);
	return element_learn(e, window, where, &d->hint);
}

/* The level of a packet tells of the time until the next one. A longer step is silence that was not sent. */
static inline void depth_level(struct stream_depth *d, const struct datagram *window, __u32 where, __u32 rate)
{
	__u32 ticks = (__u32)d->step.ticks;

	if (d->flags & DEPTH_LEVEL && !d->step.is_missing && ticks <= rate / 8) {
		d->energy += (__u64)ticks * LEVEL_ENERGY[d->level & 127];
		d->level_ticks += ticks;
	}
	d->flags &= (__u8)~DEPTH_LEVEL;
	if ((where & 255) != 1)
		return;
	d->flags |= DEPTH_LEVEL;
	d->level = extension_byte(window, where >> 8);
	d->levels++;
	d->voices += d->level >> 7;
}

/* Against abs-send-time, if both packets say when they were sent. */
static inline void depth_transit(struct stream_depth *d, const struct datagram *window, __u32 where)
{
	__u32 value = extension_value(window, where);
	__u64 change;

	d->step.sent_ns = send_time_change(d->send_time, value);
	d->step.is_sent_known = d->flags & DEPTH_SEND_TIME && (where & 255) == 3;
	d->send_time = value;
	d->flags &= (__u8)~DEPTH_SEND_TIME;
	d->flags |= (where & 255) == 3 ? DEPTH_SEND_TIME : 0;
	change = magnitude((__s64)d->step.elapsed_ns - d->step.sent_ns);
	if (d->step.is_sent_known && change < (__u64)SEND_TIME_RESTART_NS)
		jitter_step(&d->transit_variation, change);
}

/* What a packet in order says in elements that are known. Always 0. */
LONG_FUNCTION int depth_elements(struct stream_depth *d, const struct stream *s, const struct datagram *window)
{
	__u32 where;

	if (!d || !s || !window)
		return 0;
	if (d->send_time_id)
		depth_transit(d, window, extension_where(window, d->send_time_id));
	if (d->level_id)
		depth_level(d, window, extension_where(window, d->level_id), s->clock_rate);
	where = extension_where(window, d->frame_id);
	if (d->frame_id && (where & 255) > 3 && extension_byte(window, where >> 8) & 0x80)
		d->key_frames += extension_byte(window, (where >> 8) + 3) >> 7;
	return 0;
}

#endif
