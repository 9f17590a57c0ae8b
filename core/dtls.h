/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_DTLS_H
#define RTCPROBE_CORE_DTLS_H

#include "datagram.h"
#include "function.h"

enum {
	DTLS_HEADER = 13,
	DTLS_RECORDS = 6, /* of a datagram that are walked */
	DTLS_HANDSHAKE = 22,
	DTLS_CLIENT_HELLO = 1,
};

/* What the records of a datagram show of the handshake. */
enum dtls_trait {
	DTLS_HAS_HELLO = 1,     /* a ClientHello, in the clear */
	DTLS_HAS_PROTECTED = 2, /* a record of epoch 1 or later: its sender has the keys */
	DTLS_HAS_UNIFIED = 4,   /* such a one of DTLS 1.3 */
};

/*
 * RFC 6347 section 4.1: the record where the window stands, at byte `at` of the datagram. Returns how many bytes it takes, 0 if
 * it is none, or one of DTLS 1.3 whose length is not looked at.
 */
LONG_FUNCTION int dtls_record(const struct datagram *d, __u32 *traits, __u32 at)
{
	__u32 size;

	if (!d || !traits || d->filled == 0)
		return 0;
	if (datagram_is_unified(d)) {
		*traits |= DTLS_HAS_PROTECTED | DTLS_HAS_UNIFIED;
		return 0;
	}
	size = DTLS_HEADER + (__u32)(d->bytes[11] << 8 | d->bytes[12]);
	if (d->filled < DTLS_HEADER || d->bytes[0] < 20 || d->bytes[0] > 25 || d->bytes[1] != 254 ||
	    at + size > d->size)
		return 0;
	if (d->bytes[3] | d->bytes[4])
		*traits |= DTLS_HAS_PROTECTED;
	else if (d->bytes[0] == DTLS_HANDSHAKE && d->filled > DTLS_HEADER && d->bytes[13] == DTLS_CLIENT_HELLO)
		*traits |= DTLS_HAS_HELLO;
	return (int)size;
}

#endif
