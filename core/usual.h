/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_USUAL_H
#define RTCPROBE_CORE_USUAL_H

/* The shortest way through core/observe.h, for the one packet that nearly all are: the next of a known stream. */
#include "observe.h"

/*
 * The record of this tag, which is not in the first slot that it may have; NULL if it is not near either. One in a hundred may be
 * elsewhere and go the longer way, for which the verifier has less to walk here.
 */
SHORT_FUNCTION struct stream *observe_displaced(struct observer *o, __u64 tag)
{
	__u32 mask = observer_stream_mask(o);

	for (__u32 i = 1; i < TABLE_NEAR; i++) {
		struct stream *s;

		__asm__("" : "+r"(i)); /* a loop, and not seven times its body in the way of what is usual */
		s = observer_stream(o, table_slot(tag, i, mask));
		if (s && s->tag == tag)
			return s;
	}
	return 0;
}

/*
 * A packet that stream_usual() may take: nearly all are. `addresses` is that part of its tag, `words` the first four of its
 * datagram of `size` bytes. True if it is accounted for, as observe() would have done; else nothing has changed. Reading
 * the clock waits for all reads before it, yet not for writes: the record's line is written to first, and comes from memory
 * meanwhile.
 */
SHORT_FUNCTION int observe_usual(struct observer *o, __u64 addresses, __u32 ports, __u8 direction, const __u32 *words,
				 __u32 size)
{
	__u64 tag = tag_of(observer_keys(o), addresses, ports, tag_way(0, direction), observer_socket(o),
			   wire_u32(words[2]));
	struct stream *s = observer_stream(o, table_slot(tag, 0, observer_stream_mask(o)));
	struct rtp_header h;
	int counted;
	__u64 now;

	if (!s)
		return 0;
	*(volatile __u8 *)&s->touched = 0;
	now = observer_arrival(o);
	if (s->tag != tag)
		s = observe_displaced(o, tag);
	if (!s || !rtp_parse_plain(words, size, &h) || !stream_is_usual(s, &h) || !record_try_lock(&s->version))
		return 0;
	counted = s->tag == tag && stream_is_usual(s, &h);
	if (counted)
		stream_usual(s, &h, size, now);
	if (record_unlock(&s->version))
		observer_look_after(o, tag);
	return counted;
}

#endif
