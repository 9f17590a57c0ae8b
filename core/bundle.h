/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_BUNDLE_H
#define RTCPROBE_CORE_BUNDLE_H

#include "extension.h"
#include "sequence.h"

/*
 * All streams of one 5-tuple in one direction, by the sequence number that they share when the sender uses transport-wide
 * congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01): it also numbers retransmissions, padding and
 * FEC, so what is missing here was lost on the way, whatever it was.
 */
struct bundle {
	__u64 tag;
	__u32 version;
	__u32 contended; /* packets that found the record locked: numbers that arrived and are not in `sequence` */
	__u64 last_ns;
	__u32 ssrc;    /* of the last packet that had the element */
	__u32 packets; /* that had it, since the id is what it is */
	__u32 duplicated;
	__u32 stray;
	__u32 expected_before; /* numbers that the runs before this one spanned */
	__u16 bad_seq;         /* as in struct stream, if has_bad_seq */
	__u8 has_bad_seq;
	__u8 id;       /* of the element; 0 = none yet */
	__u8 evidence; /* packets in a row that behaved, up to BUNDLE_EVIDENCE: below it the id is not believed */
	__u8 reserved[7];
	struct sequence sequence;
};

_Static_assert(sizeof(struct bundle) == 56 + sizeof(struct sequence), "bundle is a map value: no padding");

enum {
	BUNDLE_EVIDENCE = 48,
	BUNDLE_NEAR = 16, /* how far ahead the next number may be while the id is not believed */
	BUNDLE_STALE_MS = 60000,
};

static inline int bundle_is_claimable(const struct bundle *b, __u64 now)
{
	return b->tag == 0 || (__s64)(now - b->last_ns) > (__s64)BUNDLE_STALE_MS * 1000000;
}

static inline void bundle_begin(struct bundle *b, __u8 id)
{
	b->id = id;
	b->evidence = 0;
	b->packets = b->duplicated = b->stray = b->expected_before = 0;
	b->has_bad_seq = 0;
}

/* The next id with two bytes behind the present one, or the first. */
static inline void bundle_try_another(struct bundle *b, __u32 halves)
{
	__u32 behind = halves & ~0U << (b->id % EXTENSION_IDS) << 1;
	__u32 candidates = behind ? behind : halves;
	__u32 lowest = candidates & -candidates, id = 0;

	for (__u32 i = 1; i < EXTENSION_IDS; i++)
		id += i * (lowest >> i & 1);
	bundle_begin(b, (__u8)id);
}

/* Of an id that is believed: a number far off is a stray, or the first of a new run (RFC 3550 A.1). */
static inline void bundle_jump(struct bundle *b, __u16 seq)
{
	if (!b->has_bad_seq || seq != b->bad_seq) {
		b->bad_seq = (__u16)(seq + 1);
		b->has_bad_seq = 1;
		b->stray++;
		return;
	}
	b->stray--;
	b->has_bad_seq = 0;
	b->expected_before += b->sequence.max_seq - b->sequence.base_seq + 1;
	sequence_begin(&b->sequence, (__u16)(seq - 1));
	(void)sequence_step(&b->sequence, 1, SEQUENCE_MAX_DROPOUT);
}

/* One packet with elements of two bytes. The caller holds the record. Always 0. */
LONG_FUNCTION int bundle_receive(struct bundle *b, const struct datagram *d, __u32 halves, __u32 ssrc)
{
	enum sequence_step step;
	__u32 where;
	__u16 seq;
	__s32 delta;

	if (!b || !d)
		return 0;
	where = extension_where(d, b->id);
	if (b->id == 0 || (where & 255) != 2) {
		/* Who sends it sends it with every packet. */
		if (b->evidence < BUNDLE_EVIDENCE && (b->id == 0 || ssrc == b->ssrc))
			bundle_try_another(b, halves);
		where = extension_where(d, b->id);
		if (b->id == 0 || (where & 255) != 2)
			return 0;
	}
	seq = (__u16)extension_value(d, where);
	b->ssrc = ssrc;
	if (b->packets++ == 0) {
		sequence_begin(&b->sequence, seq);
		return 0;
	}
	delta = sequence_delta(&b->sequence, seq);
	step = sequence_step(&b->sequence, delta,
			     b->evidence < BUNDLE_EVIDENCE ? BUNDLE_NEAR + 1 : SEQUENCE_MAX_DROPOUT);
	if (b->evidence < BUNDLE_EVIDENCE) {
		if (step == SEQUENCE_JUMP || step == SEQUENCE_DUPLICATE)
			bundle_try_another(b, halves);
		else
			b->evidence += step == SEQUENCE_ADVANCED;
		return 0;
	}
	if (step == SEQUENCE_JUMP)
		bundle_jump(b, seq);
	else
		b->has_bad_seq = 0;
	b->duplicated += step == SEQUENCE_DUPLICATE;
	return 0;
}

#endif
