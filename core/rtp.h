/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_RTP_H
#define RTCPROBE_CORE_RTP_H

#include "datagram.h"
#include "function.h"

/* RFC 3550 section 5.1. Everything here is in the clear under SRTP. */
struct rtp_header {
	__u32 timestamp;
	__u32 ssrc;
	__u32 size; /* fixed header, CSRCs and extension together */
	__u16 sequence;
	__u16 extension_offset;  /* of the first extension element; 0 = no extension */
	__u16 extension_size;    /* bytes of elements */
	__u16 extension_profile; /* 0xBEDE one-byte, 0x100x two-byte (RFC 8285), 0xC0DE and 0xC2DE Cryptex (RFC 9335) */
	__u8 payload_type;
	__u8 marker;
	__u8 csrc_count;
	__u8 reserved;
};

enum { RTP_HEADER = 12 };

/* Bytes the window must show before rtp_parse can tell: the extension's length stands behind the CSRCs. */
static inline __u32 rtp_window(const struct datagram *d)
{
	return RTP_HEADER + 4u * (d->bytes[0] & 15) + (d->bytes[0] & 0x10 ? 4 : 0);
}

/* The fixed header, as three words of the wire. */
SHORT_FUNCTION void rtp_fixed(const __u32 words[3], struct rtp_header *h)
{
	__u32 first = wire_u32(words[0]);

	h->csrc_count = first >> 24 & 15;
	h->marker = first >> 23 & 1;
	h->payload_type = first >> 16 & 127;
	h->reserved = 0;
	h->sequence = (__u16)first;
	h->timestamp = wire_u32(words[1]);
	h->ssrc = wire_u32(words[2]);
	h->size = RTP_HEADER + 4u * h->csrc_count;
	h->extension_offset = 0;
	h->extension_size = 0;
	h->extension_profile = 0;
}

/* RFC 3550 section 5.3.1: the word ahead of the extension. False if that is longer than a UDP payload can be. */
static inline int rtp_extension(__u32 word, struct rtp_header *h)
{
	__u32 head = wire_u32(word);

	h->extension_profile = (__u16)(head >> 16);
	h->extension_size = (__u16)(4 * head);
	h->extension_offset = (__u16)(h->size + 4);
	h->size += 4u + h->extension_size;
	return (head & 0xffff) <= 16383;
}

static inline int rtp_has_extension(__u32 word)
{
	return wire_u32(word) >> 28 & 1;
}

/* RFC 5761 section 4: no payload type of RTP's, for RTCP has it. */
static inline int rtp_is_type(__u8 payload_type)
{
	return payload_type < 64 || payload_type >= 96;
}

/*
 * True and *h filled if this can be an RTP packet: version 2, headers within the payload, and a payload type of RTP's.
 * Padding is not looked at: under SRTP its length is encrypted.
 */
static inline int rtp_parse(const struct datagram *d, struct rtp_header *h)
{
	if (d->bytes[0] >> 6 != 2 || d->filled < rtp_window(d))
		return 0;
	rtp_fixed(d->words, h);
	if (!rtp_is_type(h->payload_type))
		return 0;
	if (rtp_has_extension(d->words[0]) && !rtp_extension(d->words[RTP_HEADER / 4 + (d->bytes[0] & 15)], h))
		return 0;
	return h->size <= d->size;
}

/*
 * The same for a packet without CSRCs, of which the first four words are at hand. False as well if it has CSRCs: then
 * rtp_parse() is to be asked.
 */
SHORT_FUNCTION int rtp_parse_plain(const __u32 words[4], __u32 size, struct rtp_header *h)
{
	if ((wire_u32(words[0]) >> 24 & 0xcf) != 0x80)
		return 0;
	rtp_fixed(words, h);
	h->csrc_count = 0; /* as compilers do not see */
	h->size = RTP_HEADER;
	if (!rtp_is_type(h->payload_type) || (rtp_has_extension(words[0]) && !rtp_extension(words[3], h)))
		return 0;
	return h->size <= size;
}

#endif
