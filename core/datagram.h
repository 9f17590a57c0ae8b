/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_DATAGRAM_H
#define RTCPROBE_CORE_DATAGRAM_H

#include <linux/types.h>

/*
 * A bounded window onto one UDP payload. Whoever has the bytes (kernel hook, capture file, fuzzer) copies them here;
 * everything in core/ reads the window and nothing else, so a read past the packet is impossible by construction.
 */
enum {
	DATAGRAM_WINDOW = 80, /* RTP with 15 CSRCs and the extension's own header: 12 + 60 + 4 */
	DATAGRAM_FIRST = 20,  /* enough for every RTP header without CSRC, and for the whole STUN header */
};

struct datagram {
	__u32 size;   /* bytes of the datagram, whatever part of it the window shows */
	__u32 offset; /* where it begins in its UDP payload: behind a TURN header, or a segment of a super-packet */
	__u32 filled; /* bytes of the window that are valid */
	__u32 reserved;
	union { /* network byte order; one load per field, which a memcpy from an unknown alignment is not */
		__u8 bytes[DATAGRAM_WINDOW];
		__u16 halves[DATAGRAM_WINDOW / 2];
		__u32 words[DATAGRAM_WINDOW / 4];
	};
};

/* A word of the wire, which is big-endian, as a number. */
static inline __u32 wire_u32(__u32 word)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(word) : word;
}

static inline __u16 wire_u16(__u16 half)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(half) : half;
}

/* The field at `at`, which is a multiple of its size, and is a constant or bounded by the caller to the window less that size. */
static inline __u16 read_u16(const struct datagram *d, __u32 at)
{
	return wire_u16(d->halves[at / 2]);
}

static inline __u32 read_u32(const struct datagram *d, __u32 at)
{
	return wire_u32(d->words[at / 4]);
}

/* RFC 7983 section 7 (with RFC 9443): what the first byte permits. A permission, no proof: each parser confirms. */
enum protocol {
	PROTOCOL_UNKNOWN,
	PROTOCOL_STUN,
	PROTOCOL_ZRTP,
	PROTOCOL_DTLS,
	PROTOCOL_TURN_CHANNEL,
	PROTOCOL_RTP_OR_RTCP,
};

static inline enum protocol protocol_of(__u8 first)
{
	if (first >= 128 && first <= 191)
		return PROTOCOL_RTP_OR_RTCP;
	if (first <= 3)
		return PROTOCOL_STUN;
	if (first >= 20 && first <= 63)
		return PROTOCOL_DTLS;
	if (first >= 64 && first <= 79)
		return PROTOCOL_TURN_CHANNEL;
	if (first >= 16 && first <= 19)
		return PROTOCOL_ZRTP;
	return PROTOCOL_UNKNOWN;
}

/*
 * RFC 6347 section 4.1: content types 20 to 25, version 254.255 or 254.253, and a record that fits.
 */
static inline int datagram_is_dtls(const struct datagram *d)
{
	return d->filled >= 13 && d->bytes[0] >= 20 && d->bytes[0] <= 25 && d->bytes[1] == 254 &&
	       (d->bytes[2] == 255 || d->bytes[2] == 253) && (__u32)(d->bytes[11] << 8 | d->bytes[12]) + 13 <= d->size;
}

/* RFC 9147 section 4: the unified header 001CSLEE of DTLS 1.3. Nothing in it confirms it: who asks must know of a handshake. */
static inline int datagram_is_unified(const struct datagram *d)
{
	return d->filled && d->bytes[0] >> 5 == 1;
}

/* RFC 8656 section 12.4: `data` bytes behind the channel header of a datagram of `size`, and at most three of padding. */
static inline int channel_fits(__u32 data, __u32 size)
{
	return data != 0 && size >= 4 && data <= size - 4 && size - 4 - data <= 3;
}

/* Channel number of TURN ChannelData, 0x4000 to 0x4FFF; 0 (never a channel) if this is none. */
static inline __u16 datagram_channel(const struct datagram *d)
{
	return d->filled >= 4 && channel_fits(read_u16(d, 2), d->size) ? read_u16(d, 0) : 0;
}

/* RFC 8489 section 5: the magic cookie, second word of every STUN message. */
enum { STUN_COOKIE = 0x2112A442 };

/* What the first two words of a datagram of `size` bytes permit: less than its first byte does. */
static inline enum protocol protocol_of_words(const __u32 words[2], __u32 size)
{
	__u32 first = wire_u32(words[0]);
	enum protocol protocol = protocol_of(first >> 24);

	if (protocol == PROTOCOL_STUN && wire_u32(words[1]) != STUN_COOKIE)
		return PROTOCOL_UNKNOWN;
	if (protocol == PROTOCOL_TURN_CHANNEL && !channel_fits(first & 0xffff, size))
		return PROTOCOL_UNKNOWN;
	return protocol;
}

static inline enum protocol datagram_protocol(const struct datagram *d)
{
	if (d->filled >= 8)
		return protocol_of_words(d->words, d->size);
	return d->filled ? protocol_of(d->bytes[0]) : PROTOCOL_UNKNOWN;
}

#endif
