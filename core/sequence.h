/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_SEQUENCE_H
#define RTCPROBE_CORE_SEQUENCE_H

#include "function.h"

#include <linux/types.h>

/*
 * Exact accounting of 16-bit sequence numbers. RFC 3550 appendix A.1 keeps the highest number and its cycles; we also
 * remember which of the last 512 numbers arrived, so a duplicate never cancels a loss and a late packet repays its own.
 */
enum {
	SEQUENCE_WINDOW = 512,
	SEQUENCE_WORDS = SEQUENCE_WINDOW / 64,
	SEQUENCE_MAX_DROPOUT = 3000, /* RFC 3550 A.1 MAX_DROPOUT */
	SEQUENCE_BASE = 1 << 16,     /* added to the first number, so one that precedes it stays positive */
};

struct sequence {
	__u32 base_seq; /* lowest extended sequence number of this run */
	__u32 max_seq;  /* highest */
	/*
	 * The eight words before that of the highest: n / 64 mod 8. The next word that the highest enters takes the place of the
	 * oldest: so the fate of 64 numbers becomes final at once, and never before 512 others came.
	 */
	__u64 window[SEQUENCE_WORDS];
	__u64 latest; /* number n arrived: bit n mod 64, of those in the highest one's word */
};

enum sequence_step {
	SEQUENCE_ADVANCED,  /* ahead of all so far */
	SEQUENCE_LATE,      /* unique, behind the highest */
	SEQUENCE_DUPLICATE, /* seen before */
	SEQUENCE_JUMP,      /* further away than a loss or a delay explains; nothing changed */
	SEQUENCE_BEGINS,    /* the first of a run or of a clock: those before do not tell when it was due */
};

/* The word of `seq`, which is among the last 512 up to the highest. */
static inline __u64 *sequence_word(struct sequence *s, __u32 seq)
{
	return seq / 64 == s->max_seq / 64 ? &s->latest : &s->window[seq / 64 % SEQUENCE_WORDS];
}

static inline __u64 sequence_bit(__u32 seq)
{
	return 1ULL << (seq & 63);
}

/* Which of `seq`, among the last 512 up to the highest, and those behind it in its word arrived: bit 0 is its own. */
static inline __u64 sequence_arrivals(const struct sequence *s, __u32 seq)
{
	return *sequence_word((struct sequence *)s, seq) >> (seq & 63);
}

/* Begin a run at `seq`: RFC 3550 A.1 init_seq. */
static inline void sequence_begin(struct sequence *s, __u16 seq)
{
	s->base_seq = s->max_seq = SEQUENCE_BASE + seq;
	s->latest = sequence_bit(s->max_seq);
	for (int i = 0; i < SEQUENCE_WORDS; i++)
		s->window[i] = 0;
}

/* How far `seq` is ahead of the highest, in -32768..32767. */
static inline __s32 sequence_delta(const struct sequence *s, __u16 seq)
{
	return (__s16)(__u16)(seq - (__u16)s->max_seq);
}

/* Move the highest on by `ahead`. */
static inline void sequence_advance(struct sequence *s, __u32 ahead)
{
	__u32 word = s->max_seq / 64;

	s->max_seq += ahead;
	for (int i = 0; i <= SEQUENCE_WORDS && word != s->max_seq / 64; i++) {
		s->window[word++ % SEQUENCE_WORDS] = s->latest;
		s->latest = 0;
	}
}

/* True if the number is the next one and stays in the highest one's word: nothing leaves the window. */
static inline int sequence_is_next(__u32 max_seq, __u16 seq)
{
	return seq == (__u16)(max_seq + 1) && seq % 64 != 0;
}

/* The lowest number in the window once the highest has moved on by `ahead`. */
static inline __u32 sequence_window_after(const struct sequence *s, __u32 ahead)
{
	return 64 * ((s->max_seq + ahead) / 64 - SEQUENCE_WORDS);
}

/* True if `seq` may be of another word than the highest: else nothing leaves the window with it. */
static inline int sequence_leaves(__u32 max_seq, __u16 seq)
{
	return (__u16)(seq ^ max_seq) >= 64;
}

/* Account for all numbers up to `max_seq`, each of which was the next one by sequence_is_next(). */
static inline void sequence_follow(struct sequence *s, __u32 max_seq)
{
	s->latest |= ~0ULL << s->max_seq % 64 & ~0ULL >> (63 - max_seq % 64);
	s->max_seq = max_seq;
}

/*
 * Account for `seq`, `delta` ahead of the highest. `reach` is how far ahead still counts as loss: SEQUENCE_MAX_DROPOUT,
 * or more when the timestamps show that the time in between really passed.
 */
SHORT_FUNCTION enum sequence_step sequence_step(struct sequence *s, __s32 delta, __s32 reach)
{
	__u32 seq = s->max_seq + (__u32)delta;

	if (delta > 0) {
		if (delta >= reach)
			return SEQUENCE_JUMP;
		sequence_advance(s, (__u32)delta);
		*sequence_word(s, seq) |= sequence_bit(seq);
		return SEQUENCE_ADVANCED;
	}
	if (delta <= -SEQUENCE_WINDOW)
		return SEQUENCE_JUMP;
	if (*sequence_word(s, seq) & sequence_bit(seq))
		return SEQUENCE_DUPLICATE;
	*sequence_word(s, seq) |= sequence_bit(seq);
	if (seq < s->base_seq)
		s->base_seq = seq;
	return SEQUENCE_LATE;
}

#endif
