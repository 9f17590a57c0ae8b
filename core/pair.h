/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_PAIR_H
#define RTCPROBE_CORE_PAIR_H

#include "dtls.h"
#include "endpoints.h"
#include "function.h"
#include "histogram.h"
#include "stun.h"

enum {
	PAIR_TRANSACTIONS =
		8, /* outstanding at once; checks are 48 ms apart at the fastest, so a 384 ms round trip fits */
	PAIR_OVERDUE_MS = 5000, /* RFC 7675 section 5.1: by then the next consent check is due */
	PAIR_BINDINGS = 16,     /* TURN channels whose peer is remembered */
};

enum transaction_state {
	TRANSACTION_USED = 1, /* else it is free */
	TRANSACTION_ANSWERED = 2,
	TRANSACTION_REPEATED = 4, /* Karn: which of the two was answered nobody knows */
	TRANSACTION_NOMINATES = 8,
};

struct transaction {
	__u64 sent_ns;
	struct stun_id id;
	__u32 state; /* bits of enum transaction_state */
};

enum pair_role {
	PAIR_ROLE_UNKNOWN,
	PAIR_CONTROLLING,
	PAIR_CONTROLLED,
};

/* The requests of one end of a pair, and what came back for them. Times as seen here, at the hook. */
struct pair_side {
	__u64 round_trip_total_ns;
	__u64 round_trip_last_ns; /* these three are valid if round_trips */
	__u64 round_trip_min_ns;
	__u64 round_trip_max_ns;
	__u64 request_ns;   /* when the latest transaction began; 0 = none did */
	__u64 response_ns;  /* when the latest success response that matched came; 0 = none did */
	__u64 protected_ns; /* when this end sent its first DTLS record under the new keys; 0 = it did not */
	__u32 requests;     /* transactions: a retransmission is none */
	__u32 retransmissions;
	__u32 responses;   /* success responses that matched a request, each transaction once */
	__u32 errors;      /* error responses, likewise */
	__u32 round_trips; /* those that gave a sample */
	__u32 unmatched;   /* responses to nothing we saw, or again */
	__u32 forgotten; /* no response before eight more began: pair_unanswered() has those that wait for too long, too */
	__u32 consent_requests;             /* transactions that began after the pair was nominated */
	__u32 role;                         /* enum pair_role: what this end says it is */
	__u32 next;                         /* transaction to reuse */
	__u32 histogram[HISTOGRAM_BUCKETS]; /* of the round trips */
	struct transaction transactions[PAIR_TRANSACTIONS];
};

enum pair_trait {
	PAIR_ICE = 1,       /* Binding requests with USERNAME: connectivity checks (RFC 8445 section 7.2.2) */
	PAIR_SERVER = 2,    /* without it: one end is a STUN server */
	PAIR_TURN = 4,      /* TURN requests: one end is a TURN server */
	PAIR_NOMINATED = 8, /* a request with USE-CANDIDATE was answered by success */
	PAIR_DTLS_FIRST = 16,
	PAIR_DTLS_SECOND = 32,  /* whose ClientHello began the DTLS handshake */
	PAIR_DTLS_UNIFIED = 64, /* it is DTLS 1.3 */
};

/*
 * One 5-tuple that carries STUN, or one peer behind a TURN relay on it. `first` is this host's end, or in a capture without a
 * known end either. Its requests give our round trip; those of the peer give our turnaround only (responseDelay).
 */
struct pair {
	__u64 tag;
	__u32 version;
	__u32 contended;
	__u64 first_ns;
	__u64 last_ns;
	__u64 hello_ns;             /* when the DTLS handshake began; valid if PAIR_DTLS_FIRST or PAIR_DTLS_SECOND */
	struct endpoints endpoints; /* as from the first end to the second */
	__u64 cgroup_id;
	__u32 pid;
	__u32 traits;             /* bits of enum pair_trait */
	struct stun_address peer; /* who is behind the relay; valid if endpoints.channel has ENDPOINTS_RELAYED */
	__u32 channel;            /* that is bound to this peer, 0 = none is known */
	__u32 bindings
		[PAIR_BINDINGS];   /* of a relay: channel << 16 | endpoints.channel of the peer's record; 0 = none */
	struct pair_side sides[2]; /* [0] requests of the first end, [1] of the second */
};

_Static_assert(sizeof(struct pair) == 192 + 2 * (96 + 4 * HISTOGRAM_BUCKETS + 24 * PAIR_TRANSACTIONS),
	       "pair is a map value: no padding");

/* A free record, all zero but for its version, becomes the pair of these ends. The caller holds it. */
LONG_FUNCTION int pair_begin(struct pair *p, __u64 tag, const struct endpoints *e, __u16 channel, __u64 now)
{
	if (!p || !e)
		return 0;
	p->tag = tag;
	p->first_ns = now;
	p->endpoints = *e;
	p->endpoints.channel = channel;
	endpoints_turn(&p->endpoints);
	return 1;
}

/*
 * 1 + the transaction of this id, 0 if there is none. Without a branch per transaction, so that the verifier does not
 * walk the rest once for each of them; no two have the same id.
 */
static inline __u32 pair_transaction(const struct pair_side *side, const struct stun_id *id)
{
	__u64 found = 0;

	for (__u32 i = 0; i < PAIR_TRANSACTIONS; i++) {
		const struct transaction *t = &side->transactions[i];
		__u64 difference = (t->id.word[0] ^ id->word[0]) | (t->id.word[1] ^ id->word[1]) |
				   (t->id.word[2] ^ id->word[2]) | (~t->state & TRANSACTION_USED);
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

static inline int transaction_is_open(const struct transaction *t)
{
	return (t->state & (TRANSACTION_USED | TRANSACTION_ANSWERED)) == TRANSACTION_USED;
}

/* Requests without a response within PAIR_OVERDUE_MS, or until eight more had begun. A late answer takes one back. */
static inline __u32 pair_unanswered(const struct pair_side *side, __u64 now)
{
	__u32 overdue = 0;

	for (__u32 i = 0; i < PAIR_TRANSACTIONS; i++) {
		const struct transaction *t = &side->transactions[i];

		overdue += transaction_is_open(t) && (__s64)(now - t->sent_ns) > (__s64)PAIR_OVERDUE_MS * 1000000;
	}
	return side->forgotten + overdue;
}

static inline void pair_role(struct pair_side *side, __u32 traits)
{
	if (traits & STUN_HAS_CONTROLLING)
		side->role = PAIR_CONTROLLING;
	else if (traits & STUN_HAS_CONTROLLED)
		side->role = PAIR_CONTROLLED;
}

static inline void pair_request(struct pair_side *side, const struct stun_message *m, __u32 found, __u64 now,
				int is_nominated)
{
	struct transaction *t = pair_transaction_at(side, found - 1);

	pair_role(side, m->traits);
	if (found) {
		side->retransmissions++;
		t->state |= TRANSACTION_REPEATED;
		return;
	}
	side->requests++;
	side->consent_requests += !!is_nominated;
	side->request_ns = now;
	t = pair_transaction_at(side, side->next++); /* the oldest */
	if (transaction_is_open(t))
		side->forgotten++;
	t->sent_ns = now;
	t->id = m->id;
	t->state = TRANSACTION_USED | (m->traits & STUN_HAS_USE_CANDIDATE ? TRANSACTION_NOMINATES : 0);
}

static inline void pair_round_trip(struct pair_side *side, __u64 elapsed)
{
	__u32 bucket = histogram_bucket(elapsed);

	if (side->round_trips == 0 || elapsed < side->round_trip_min_ns)
		side->round_trip_min_ns = elapsed;
	if (side->round_trips == 0 || elapsed > side->round_trip_max_ns)
		side->round_trip_max_ns = elapsed;
	side->round_trips++;
	side->round_trip_last_ns = elapsed;
	side->round_trip_total_ns += elapsed;
	side->histogram[bucket]++;
}

/* Returns whether the answer nominates the pair. */
static inline int pair_response(struct pair_side *side, const struct stun_message *m, __u32 found, __u64 now)
{
	struct transaction *t = pair_transaction_at(side, found - 1);
	__u32 state = t->state;

	if (!found || !transaction_is_open(t)) {
		side->unmatched++;
		return 0;
	}
	t->state |= TRANSACTION_ANSWERED;
	if (m->kind != STUN_SUCCESS) {
		side->errors++;
		return 0;
	}
	side->responses++;
	side->response_ns = now;
	if (!(state & TRANSACTION_REPEATED) && now >= t->sent_ns) /* captures may be out of order */
		pair_round_trip(side, now - t->sent_ns);
	return (state & TRANSACTION_NOMINATES) != 0;
}

/* What this message says the pair is. */
static inline __u32 pair_traits(const struct stun_message *m)
{
	if (m->method != STUN_BINDING)
		return PAIR_TURN;
	if (m->kind != STUN_REQUEST)
		return 0;
	return m->traits & STUN_HAS_USERNAME ? PAIR_ICE : PAIR_SERVER;
}

/* One STUN message. `from_first`: it left the pair's first end. The caller holds the record. True if it counts. */
LONG_FUNCTION int pair_receive(struct pair *p, const struct stun_message *m, int from_first, __u64 now)
{
	struct pair_side *side;
	__u32 found;

	if (!p || !m)
		return 0;
	p->last_ns = now;
	p->traits |= pair_traits(m);
	if (m->kind == STUN_INDICATION)
		return 0;
	side = &p->sides[!from_first ^ (m->kind != STUN_REQUEST)]; /* whose request it is, or answers */
	found = pair_transaction(side, &m->id);
	if (m->kind == STUN_REQUEST)
		pair_request(side, m, found, now, p->traits & PAIR_NOMINATED);
	else if (pair_response(side, m, found, now))
		p->traits |= PAIR_NOMINATED;
	return 1;
}

/* True once a DTLS handshake was seen to begin. */
static inline int pair_shakes_hands(const struct pair *p)
{
	return (p->traits & (PAIR_DTLS_FIRST | PAIR_DTLS_SECOND)) != 0;
}

/* True if what a datagram showed of the handshake (bits of enum dtls_trait) is not known yet: the first one is timed. */
static inline int pair_learns(const struct pair *p, __u32 seen, int from_first)
{
	if (!pair_shakes_hands(p))
		return (seen & DTLS_HAS_HELLO) != 0;
	return seen & DTLS_HAS_PROTECTED && !p->sides[from_first ? 0 : 1].protected_ns;
}

/* Account for it. The caller holds the record. */
static inline void pair_handshake(struct pair *p, __u32 seen, int from_first, __u64 now)
{
	if (!pair_learns(p, seen, from_first))
		return;
	if (!pair_shakes_hands(p)) {
		p->traits |= from_first ? PAIR_DTLS_FIRST : PAIR_DTLS_SECOND;
		p->hello_ns = now;
		return;
	}
	p->sides[from_first ? 0 : 1].protected_ns = now;
	if (seen & DTLS_HAS_UNIFIED)
		p->traits |= PAIR_DTLS_UNIFIED;
}

#endif
