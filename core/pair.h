/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_PAIR_H
#define RTCPROBE_CORE_PAIR_H

#include "endpoints.h"
#include "function.h"
#include "stun.h"

enum {
	PAIR_TRANSACTIONS =
		8, /* outstanding at once; checks are 48 ms apart at the fastest, so a 384 ms round trip fits */
};

enum transaction_state {
	TRANSACTION_FREE,
	TRANSACTION_PENDING,
	TRANSACTION_RETRANSMITTED, /* Karn: which of the two was answered nobody knows */
	TRANSACTION_ANSWERED,
};

struct transaction {
	__u64 sent_ns;
	struct stun_id id;
	__u32 state; /* enum transaction_state */
};

/* The Binding requests of one end of a pair, and what came back for them. Times as seen here, at the hook. */
struct pair_side {
	__u64 round_trip_total_ns;
	__u64 round_trip_last_ns; /* these three are valid if round_trips */
	__u64 round_trip_min_ns;
	__u64 round_trip_max_ns;
	__u32 requests; /* transactions: a retransmission is none */
	__u32 retransmissions;
	__u32 responses;   /* success responses that matched a request, each transaction once */
	__u32 round_trips; /* those that gave a sample */
	__u32 unmatched;   /* responses to nothing we saw, or again */
	__u32 next;        /* transaction to reuse when none is free */
	struct transaction transactions[PAIR_TRANSACTIONS];
};

/*
 * One 5-tuple that carries ICE. `first` is this host's end, or in a capture without a known end the lower address. Its
 * requests give our round trip; those of the peer give our turnaround only (responseDelay).
 */
struct pair {
	__u64 tag;
	__u32 version;
	__u32 contended;
	__u64 first_ns;
	__u64 last_ns;
	struct endpoints endpoints; /* as from the first end to the second */
	__u64 cgroup_id;
	__u32 pid;
	__u32 reserved;
	struct pair_side sides[2]; /* [0] requests of the first end, [1] of the second */
};

_Static_assert(sizeof(struct pair) == 96 + 2 * (56 + 24 * PAIR_TRANSACTIONS), "pair is a map value: no padding");

/*
 * 1 + the transaction of this id, 0 if there is none. Without a branch per transaction, so that the verifier does not
 * walk the rest once for each of them; no two have the same id.
 */
static inline __u32 pair_transaction(const struct pair_side *side, const struct stun_id *id)
{
	__u64 found = 0;

	for (__u32 i = 0; i < PAIR_TRANSACTIONS; i++) {
		const struct stun_id *other = &side->transactions[i].id;
		__u64 difference = (other->word[0] ^ id->word[0]) | (other->word[1] ^ id->word[1]) |
				   (other->word[2] ^ id->word[2]);
		__u64 equal = (difference - 1) >> 63;

		__asm__("" : "+r"(equal)); /* else compilers make a branch of it again */
		found += equal * (i + 1);
	}
	return (__u32)found;
}

static inline struct transaction *pair_transaction_at(struct pair_side *side, __u32 at)
{
	return &side->transactions[at % PAIR_TRANSACTIONS];
}

static inline void pair_request(struct pair_side *side, const struct stun_id *id, __u64 now)
{
	__u32 found = pair_transaction(side, id);
	struct transaction *t = pair_transaction_at(side, found - 1);

	if (found && t->state != TRANSACTION_FREE) {
		side->retransmissions++;
		if (t->state == TRANSACTION_PENDING)
			t->state = TRANSACTION_RETRANSMITTED;
		return;
	}
	side->requests++;
	t = pair_transaction_at(side, side->next++); /* the oldest */
	t->sent_ns = now;
	t->id = *id;
	t->state = TRANSACTION_PENDING;
}

static inline void pair_round_trip(struct pair_side *side, __u64 elapsed)
{
	if (side->round_trips == 0 || elapsed < side->round_trip_min_ns)
		side->round_trip_min_ns = elapsed;
	if (side->round_trips == 0 || elapsed > side->round_trip_max_ns)
		side->round_trip_max_ns = elapsed;
	side->round_trips++;
	side->round_trip_last_ns = elapsed;
	side->round_trip_total_ns += elapsed;
}

static inline void pair_response(struct pair_side *side, const struct stun_id *id, __u64 now, int success)
{
	__u32 found = pair_transaction(side, id);
	struct transaction *t = pair_transaction_at(side, found - 1);
	__u32 state = t->state;

	if (!found || state == TRANSACTION_FREE || state == TRANSACTION_ANSWERED) {
		side->unmatched++;
		return;
	}
	t->state = TRANSACTION_ANSWERED;
	if (!success)
		return;
	side->responses++;
	if (state == TRANSACTION_PENDING && now >= t->sent_ns) /* captures may be out of order */
		pair_round_trip(side, now - t->sent_ns);
}

/* One Binding message. `from_first`: it left the pair's first end. The caller holds the record. True if it counts. */
LONG_FUNCTION int pair_receive(struct pair *p, const struct stun_header *h, int from_first, __u64 now)
{
	if (!p || !h)
		return 0;
	p->last_ns = now;
	if (h->kind == STUN_INDICATION)
		return 0;
	if (h->kind == STUN_REQUEST)
		pair_request(&p->sides[from_first ? 0 : 1], &h->id, now);
	else
		pair_response(&p->sides[from_first ? 1 : 0], &h->id, now, h->kind == STUN_SUCCESS);
	return 1;
}

#endif
