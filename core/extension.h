/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_EXTENSION_H
#define RTCPROBE_CORE_EXTENSION_H

#include "function.h"
#include "rtp.h"

/* RTP header extensions, RFC 8285. */
enum {
	EXTENSION_IDS = 16,   /* 1 to 14, and 15 in the two-byte form; others are skipped */
	EXTENSION_STEPS = 16, /* elements and bytes of padding that are walked */
};

enum extension_form {
	EXTENSION_NONE,
	EXTENSION_ONE_BYTE,
	EXTENSION_TWO_BYTE,
	EXTENSION_ENCRYPTED, /* Cryptex, RFC 9335: the elements are cipher text */
	EXTENSION_UNKNOWN,   /* RFC 3550 section 5.3.1: a profile's own */
};

static inline enum extension_form extension_form(const struct rtp_header *h)
{
	if (h->extension_offset == 0)
		return EXTENSION_NONE;
	if (h->extension_profile == 0xBEDE)
		return EXTENSION_ONE_BYTE;
	if ((h->extension_profile & 0xFFF0) == 0x1000)
		return EXTENSION_TWO_BYTE;
	return h->extension_profile == 0xC0DE || h->extension_profile == 0xC2DE ? EXTENSION_ENCRYPTED :
										  EXTENSION_UNKNOWN;
}

/* True if its elements can be read. */
static inline int extension_is_readable(const struct rtp_header *h)
{
	enum extension_form form = extension_form(h);

	return form == EXTENSION_ONE_BYTE || form == EXTENSION_TWO_BYTE;
}

enum { EXTENSION_LAST = DATAGRAM_WINDOW - 4 }; /* an element that begins later is out of sight */

/* The window's byte, 0 behind its end. */
static inline __u8 extension_byte(const struct datagram *d, __u32 at)
{
	__asm__(""
		: "+r"(at)); /* else compilers compare what `at` is made of, and the verifier does not see the bound */
	return at < DATAGRAM_WINDOW ? d->bytes[at] : 0;
}

/* Up to four first bytes of an element as one number, in network byte order. */
static inline __u32 extension_value(const struct datagram *d, __u32 element)
{
	__u32 at = element >> 8, size = element & 255;
	const __u8 *bytes;

	__asm__("" : "+r"(at)); /* as above */
	if (at > EXTENSION_LAST || size == 0)
		return 0;
	bytes = d->bytes + at;
	return ((__u32)bytes[0] << 24 | (__u32)bytes[1] << 16 | (__u32)bytes[2] << 8 | bytes[3]) >>
	       (size < 4 ? 32 - 8 * size : 0);
}

/*
 * Where the elements are: extension_find() puts this table over the window's RTP header, which is parsed by then and takes
 * 16 bytes where there is an extension. Byte `id` is the offset of that element's data, 0 = absent; byte 0 is its form.
 * The stack of the kernel has no room for a table of its own.
 */
static inline __u32 extension_where(const struct datagram *d, __u32 id)
{
	__u32 at = d->bytes[id % EXTENSION_IDS], size;

	if (id % EXTENSION_IDS == 0 || at == 0)
		return 0;
	size = extension_byte(d, at - 1);
	return at << 8 | (d->bytes[0] ? size : (size & 15) + 1);
}

/*
 * Find the elements of which the window shows all, or the first four bytes. Returns the bits of the ids whose elements have
 * two bytes.
 */
LONG_FUNCTION int extension_find(struct datagram *d, const struct rtp_header *h)
{
	__u32 at, end, two_bytes, halves = 0;

	if (!d || !h)
		return 0;
	at = h->extension_offset;
	end = at + h->extension_size;
	two_bytes = h->extension_profile != 0xBEDE;
	if (end > d->filled)
		end = d->filled;
	for (int i = 0; i < EXTENSION_IDS; i++)
		d->bytes[i] = 0;
	if (!extension_is_readable(h))
		return 0;
	d->bytes[0] = (__u8)two_bytes;
	for (int i = 0; i < EXTENSION_STEPS; i++) {
		__u32 id, size;

		__asm__("" : "+r"(at)); /* as above */
		if (at >= end || at > EXTENSION_LAST)
			break;
		id = d->bytes[at];
		if (id == 0) { /* padding */
			at++;
			continue;
		}
		size = two_bytes ? d->bytes[at + 1] : (id & 15) + 1;
		id = two_bytes ? id : id >> 4;
		at += 1 + two_bytes;
		if (!two_bytes && (id == 15 || id == 0)) /* RFC 8285 section 4.2: all that follows is ignored */
			break;
		if (id < EXTENSION_IDS && (at + size <= end || at + 4 <= end)) {
			d->bytes[id & (EXTENSION_IDS - 1)] = (__u8)at;
			halves |= (__u32)(size == 2) << (id & (EXTENSION_IDS - 1));
		}
		at += size;
	}
	return (int)halves;
}

#endif
