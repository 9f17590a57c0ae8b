/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_LOSS_H
#define RTCPROBE_CORE_LOSS_H

#include "sequence.h"

/*
 * How the losses of a stream lie: the lengths of their runs, and bursts and gaps as RFC 3611 section 4.7.2 defines them,
 * counted where its appendix A.2 estimates. It is told the fate of each number once, in their order, when no late packet can
 * change it any more.
 */
enum {
	LOSS_RUNS = 10,
	LOSS_GMIN = 16, /* so many received in a row end a burst */
};

struct loss {
	__u32 runs[LOSS_RUNS]; /* runs of 1, 2, … 9, and of 10 or more lost in a row */
	__u32 numbers;         /* told so far */
	__u32 bursts;
	__u32 burst_numbers; /* from the first to the last loss of each burst */
	__u32 burst_lost;
	__u32 gap_lost; /* each alone: LOSS_GMIN received before it and behind it */
	__u32 run;      /* lost in a row so far, LOSS_RUNS at the most */
	__u32 received; /* in a row so far */
	__u32 alone;    /* the last loss is one of gap_lost, unless another follows too soon */
	__u32 next;     /* lowest number of this run of the sender that was not told; or lower than its first */
	__u32 end;      /* being told up to here */
};

_Static_assert(sizeof(struct loss) == 80, "loss is part of a map value: no padding");

/* RFC 3611 section 4.7.2 takes it that LOSS_GMIN or more were received before the first number. */
static inline void loss_begin(struct loss *l, __u32 next)
{
	__builtin_memset(l, 0, sizeof(*l));
	l->received = LOSS_GMIN;
	l->next = next;
}

/* The present run of losses is longer by `count`. */
static inline void loss_lengthen(struct loss *l, __u32 count)
{
	__u32 before = l->run - 1, now = before + count;

	if (before < LOSS_RUNS)
		l->runs[before]--;
	__asm__("" : "+r"(now)); /* so that the register that is bounded is the one that is used: Linux 6.1 */
	now = now < LOSS_RUNS ? now : LOSS_RUNS - 1;
	l->runs[now]++;
	l->run = now + 1;
}

/*
 * `count` in a row, one or more, that never arrived. Every figure is at once what it is if LOSS_GMIN are received next, as the
 * RFC has it of what follows a report.
 */
static inline void loss_missing(struct loss *l, __u32 count)
{
	loss_lengthen(l, count);
	if (l->received >= LOSS_GMIN) {
		l->alone = 1;
		l->gap_lost++;
		l->received = 0;
		count--;
	}
	if (count == 0)
		return;
	if (l->alone) {
		l->alone = 0;
		l->gap_lost--;
		l->bursts++;
		l->burst_lost++;
		l->burst_numbers++;
	}
	l->burst_lost += count;
	l->burst_numbers += l->received + count;
	l->received = 0;
}

static inline void loss_received(struct loss *l, __u32 count)
{
	l->run = 0;
	l->received += count;
}

/* The fate of `count` numbers, 1 to 64: bit set = it arrived, the lowest number first. Always 0. */
LONG_FUNCTION int loss_word(struct loss *l, __u64 arrived, __u32 count)
{
	if (!l)
		return 0;
	l->numbers += count;
	if (!(~arrived & ~0ULL >> ((64 - count) & 63))) { /* as nearly always */
		loss_received(l, count);
		return 0;
	}
	for (__u32 i = 0; i < 64 && i < count; i++) {
		if (arrived >> i & 1)
			loss_received(l, 1);
		else
			loss_missing(l, 1);
	}
	return 0;
}

/*
 * The fate of the numbers in the window and behind the highest, up to end - 1. (All in memory, where the verifier forgets by which
 * way it came.)
 */
static inline void loss_tell(struct loss *l, const struct sequence *s, __u32 end)
{
	l->end = end;
	if (l->next < s->base_seq)
		l->next = s->base_seq;
	for (__u32 i = 0; i <= SEQUENCE_WORDS && l->next <= s->max_seq && l->next < l->end; i++) {
		__u32 from = l->next, next = (from | 63) + 1;

		l->next = next < l->end ? next : l->end;
		(void)loss_word(l, sequence_arrivals(s, from), l->next - from);
	}
	if (l->next >= l->end)
		return;
	l->numbers += l->end - l->next;
	loss_missing(l, l->end - l->next);
	l->next = l->end;
}

/* With all numbers up to the highest. */
static inline struct loss loss_so_far(const struct loss *l, const struct sequence *s)
{
	struct loss whole = *l;

	loss_tell(&whole, s, s->max_seq + 1);
	return whole;
}

#endif
