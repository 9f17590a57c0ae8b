/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_RTP_H
#define RTCPROBE_CORE_RTP_H

#include "datagram.h"

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

/*
 * True and *h filled if this can be an RTP packet: version 2, headers within the payload, and no payload type that RFC
 * 5761 section 4 gives to RTCP. Padding is not looked at: under SRTP its length is encrypted.
 */
static inline int rtp_parse(const struct datagram *d, struct rtp_header *h)
{
	__u32 csrcs = 4u * (d->bytes[0] & 15);
	__u8 payload_type = d->bytes[1] & 127;

	if (d->bytes[0] >> 6 != 2 || d->filled < rtp_window(d) || (payload_type >= 64 && payload_type < 96))
		return 0;
	h->payload_type = payload_type;
	h->marker = d->bytes[1] >> 7;
	h->csrc_count = d->bytes[0] & 15;
	h->reserved = 0;
	h->sequence = read_u16(d, 2);
	h->timestamp = read_u32(d, 4);
	h->ssrc = read_u32(d, 8);
	h->size = RTP_HEADER + csrcs;
	h->extension_offset = 0;
	h->extension_size = 0;
	h->extension_profile = 0;
	if (d->bytes[0] & 0x10) { /* RFC 3550 section 5.3.1 */
		h->extension_profile = read_u16(d, RTP_HEADER + csrcs);
		h->extension_size = (__u16)(4 * read_u16(d, RTP_HEADER + csrcs + 2));
		if (read_u16(d, RTP_HEADER + csrcs + 2) > 16383) /* more words than a UDP payload holds */
			return 0;
		h->extension_offset = (__u16)(h->size + 4);
		h->size += 4u + h->extension_size;
	}
	return h->size <= d->size;
}

#endif
