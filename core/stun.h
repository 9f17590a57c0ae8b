/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_STUN_H
#define RTCPROBE_CORE_STUN_H

#include "datagram.h"

/* RFC 8489 section 5. */
enum stun_class {
	STUN_REQUEST = 0x000,
	STUN_INDICATION = 0x010,
	STUN_SUCCESS = 0x100,
	STUN_ERROR = 0x110,
};

enum {
	STUN_HEADER = 20,
	STUN_CLASS_BITS = 0x0110,
	STUN_BINDING = 0x0001,
};

struct stun_id {
	__u32 word[3]; /* as on the wire: only compared */
};

struct stun_header {
	struct stun_id id;
	__u16 kind; /* enum stun_class */
	__u16 method;
};

/* True and *h filled if the datagram is one whole STUN message: the magic cookie proves what a first byte cannot. */
static inline int stun_parse(const struct datagram *d, struct stun_header *h)
{
	__u32 type = read_u16(d, 0);
	__u32 length = read_u16(d, 2);

	if (d->filled < STUN_HEADER || type >> 14 || length % 4 || length + STUN_HEADER != d->size ||
	    read_u32(d, 4) != 0x2112A442)
		return 0;
	h->kind = type & STUN_CLASS_BITS;
	h->method = type & (__u16)~STUN_CLASS_BITS;
	for (int i = 0; i < 3; i++)
		h->id.word[i] = read_u32(d, 8 + 4 * i);
	return 1;
}

#endif
