/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_WAITING_H
#define RTCPROBE_CORE_WAITING_H

#include "fate.h"
#include "receive.h"
#include "table.h"

/*
 * Packets that found their record locked. Who sends may be scheduled away in the middle of a write, for milliseconds; what
 * the other CPUs send meanwhile waits here for the next holder of the record. Streams share the rooms.
 */
enum {
	WAITING_ROOMS = 256,
	WAITING_PLACES = 32,
	WAITING_STALE_MS = 1000, /* after so long nobody looks for a packet any more: its stream is gone */
};

enum waiting_state {
	WAITING_FREE,
	WAITING_TAKEN, /* somebody writes it, or reads it */
	WAITING_READY,
};

struct waiting_packet {
	__u64 tag; /* of its stream */
	struct stream_packet packet;
	__u32 state; /* enum waiting_state */
	__u32 reserved;
};

struct waiting_room {
	struct waiting_packet places[WAITING_PLACES];
};

_Static_assert(sizeof(struct waiting_room) == 56 * WAITING_PLACES, "waiting_room is a map value: no padding");

static inline __u32 waiting_room_of(__u64 tag)
{
	return (__u32)(tag >> 48) % WAITING_ROOMS;
}

/* Take a place that is free, or whose packet nobody came for. */
static inline int waiting_take(struct waiting_packet *w, __u64 now)
{
	if (__sync_val_compare_and_swap(&w->state, WAITING_FREE, WAITING_TAKEN) == WAITING_FREE)
		return 1;
	return (__s64)(now - w->packet.now) > (__s64)WAITING_STALE_MS * 1000000 &&
	       __sync_val_compare_and_swap(&w->state, WAITING_READY, WAITING_TAKEN) == WAITING_READY;
}

/* Leave a packet to the next holder of its record. True if there was a place. */
LONG_FUNCTION int waiting_add(struct waiting_room *room, __u64 tag, const struct stream_packet *packet)
{
	if (!room || !packet)
		return 0;
	for (int i = 0; i < WAITING_PLACES; i++) {
		struct waiting_packet *w = &room->places[i];

		if (!waiting_take(w, packet->now))
			continue;
		w->tag = tag;
		w->packet = *packet;
		(void)__sync_lock_test_and_set(&w->state, WAITING_READY);
		return 1;
	}
	return 0;
}

/*
 * Account for the packets of a stream that wait, unless somebody else holds the record: then he does it. Whoever came to
 * wait meanwhile is seen by the next holder. A packet that waits is tallied as unconfirmed; returns how many are now counted.
 * `loss` is told of what is lost, unless it is NULL.
 */
SHORT_FUNCTION int waiting_catch_up(struct waiting_room *room, __u64 tag, struct stream *s,
				    struct stream_totals *totals, struct stream_detail *detail, struct loss *loss)
{
	int counted = 0;

	record_wait(&s->version);
	if (!record_lock_waiting(&s->version))
		return 0;
	for (int i = 0; i < WAITING_PLACES; i++) {
		struct waiting_packet *w = &room->places[i];
		int step = STREAM_UNCONFIRMED;

		if (w->tag != tag ||
		    __sync_val_compare_and_swap(&w->state, WAITING_READY, WAITING_TAKEN) != WAITING_READY)
			continue;
		if (w->tag == tag && s->tag == tag) {
			if (loss)
				(void)stream_lose(loss, s, totals, detail, &w->packet);
			step = stream_receive(s, totals, detail, &w->packet);
		}
		if (step != STREAM_UNCONFIRMED)
			counted += step == STREAM_CONFIRMED ? (int)totals->packets : 1;
		(void)__sync_lock_test_and_set(&w->state, WAITING_FREE);
	}
	if (record_unlock(&s->version))
		record_wait(&s->version);
	return counted;
}

#endif
