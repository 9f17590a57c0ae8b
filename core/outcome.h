/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_OUTCOME_H
#define RTCPROBE_CORE_OUTCOME_H

#include <linux/types.h>

/*
 * What became of a datagram. Conservation law: DATAGRAM_SEEN is counted on entry, every datagram then ends in exactly
 * one of the others, so SEEN is their sum. Names reach JavaScript through one table in native/record.cc.
 */
enum outcome {
	DATAGRAM_SEEN,

	/* counted in a stream, in a pair, or by kind */
	DATAGRAM_RTP,
	DATAGRAM_RTCP,
	DATAGRAM_SRTCP,
	DATAGRAM_STUN,

	/* named reasons why not */
	DATAGRAM_UNCONFIRMED, /* looks like RTP; its SSRC has not passed probation */
	DATAGRAM_DTLS,        /* recognised, carries no media; the handshake of a known pair is timed */
	DATAGRAM_TURN,        /* STUN of another method than Binding; TURN's requests are timed */
	DATAGRAM_UNKNOWN,     /* nothing that RFC 7983 knows, or not confirmed to be it */
	DATAGRAM_EMPTY,       /* UDP without a payload */
	DATAGRAM_TRUNCATED,   /* the packet, or the capture of it, ends before its headers do */
	DATAGRAM_FRAGMENT,    /* a later IP fragment: no UDP header */
	DATAGRAM_SEGMENTS,    /* a super-packet of more segments than the hook walks */
	DATAGRAM_PROBE_OFF,   /* its probe is switched off */
	DATAGRAM_TABLE_FULL,  /* no free slot: raise --max-streams */
	DATAGRAM_CONTENDED,   /* its record was locked by another CPU for too long */

	DATAGRAM_OUTCOMES,
};

/* The outcomes of datagrams on one CPU, as the kernel's programs keep them: additions that need the bus locked are dear. */
struct tallies {
	__u64 counts[DATAGRAM_OUTCOMES];
	__u64 at_once[DATAGRAM_OUTCOMES]; /* seen and ended in one step, which is one addition: not in counts */
};

static inline void tallies_add(const struct tallies *t, __u64 outcomes[DATAGRAM_OUTCOMES])
{
	for (int i = 0; i < DATAGRAM_OUTCOMES; i++) {
		outcomes[i] += t->counts[i] + t->at_once[i];
		outcomes[DATAGRAM_SEEN] += t->at_once[i];
	}
}

#endif
