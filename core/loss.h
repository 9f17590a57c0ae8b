/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_LOSS_H
#define RTCPROBE_CORE_LOSS_H

#include <linux/types.h>

/*
 * How losses lie: lengths of their runs, and bursts and gaps by RFC 3611 section 4.7.2 and appendix A.2, whose names the
 * counters have. It is told the fate of sequence numbers in their order, 64 at a time, once they are too old for a late
 * packet to change it; where nothing is missing that is two additions.
 */
enum {
	LOSS_RUNS = 10,
	LOSS_GMIN = 16, /* RFC 3611 section 4.7.2: so many received in a row end a burst */
};

struct loss {
	__u32 runs[LOSS_RUNS]; /* ended runs of 1, 2, … 9 and of 10 or more lost in a row */
	__u32 c11;             /* received within gaps */
	__u32 c13;             /* bursts begun */
	__u32 c14;             /* lost alone, within a gap */
	__u32 c22;             /* received within bursts: RFC 3611 leaves out the one before each loss */
	__u32 c23;             /* losses within a burst after something was received */
	__u32 c33;             /* losses within a burst after a loss */
	__u32 received;        /* since the last loss: A.2's pkt */
	__u32 burst;           /* losses of the present burst: A.2's lost */
	__u32 run;             /* losses of the present run */
	__u32 reserved;
};

_Static_assert(sizeof(struct loss) == 80, "loss is part of a map value: no padding");

static inline void loss_received(struct loss *l, __u32 count)
{
	if (l->run)
		l->runs[l->run < LOSS_RUNS ? l->run - 1 : LOSS_RUNS - 1]++;
	l->run = 0;
	l->received += count;
}

/* `count` numbers in a row that never arrived; at least one. */
static inline void loss_missing(struct loss *l, __u32 count)
{
	if (l->received >= LOSS_GMIN) {
		if (l->burst == 1)
			l->c14++;
		else
			l->c13++;
		l->burst = 1;
		l->c11 += l->received;
	} else {
		l->burst++;
		if (l->received == 0) {
			l->c33++;
		} else {
			l->c23++;
			l->c22 += l->received - 1;
		}
	}
	l->received = 0;
	l->run += count;
	l->burst += count - 1;
	l->c33 += count - 1;
}

/* The fate of `count` numbers, up to 64: bit set = it arrived, lowest number first. */
static inline void loss_word(struct loss *l, __u64 arrived, __u32 count)
{
	__u64 all = count < 64 ? (1ULL << (count & 63)) - 1 : ~0ULL;

	if (count == 0)
		return;
	if ((arrived & all) == all) {
		loss_received(l, count);
		return;
	}
	for (__u32 i = 0; i < 64; i++) {
		if (i >= count)
			break;
		if (arrived >> i & 1)
			loss_received(l, 1);
		else
			loss_missing(l, 1);
	}
}

#endif
