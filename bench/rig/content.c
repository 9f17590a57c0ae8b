/* SPDX-License-Identifier: MIT */
/* What the packets of a load hold. */
#define _GNU_SOURCE /* sendmmsg */
#include "rig.h"

#include <arpa/inet.h>
#include <string.h>

enum { TICKS = 160 }; /* 20 ms at 8 kHz */

const char *const CONTENT_NAMES[CONTENTS] = {
	[CONTENT_RTP] = "rtp",   [CONTENT_RTCP] = "rtcp",           [CONTENT_STUN] = "stun", [CONTENT_DTLS] = "dtls",
	[CONTENT_QUIC] = "quic", [CONTENT_WIREGUARD] = "wireguard", [CONTENT_TCP] = "tcp",
};

static void put_u16(unsigned char *p, uint16_t value)
{
	value = htons(value);
	memcpy(p, &value, sizeof(value));
}

static void put_u32(unsigned char *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, sizeof(value));
}

void packet_begin(unsigned char *p, const struct options *options)
{
	memset(p, 0xa5, PAYLOAD);
	switch (options->content) {
	case CONTENT_RTCP: /* one receiver report that says it is all there is */
		p[0] = 0x80;
		p[1] = 201;
		put_u16(p + 2, PAYLOAD / 4 - 1);
		break;
	case CONTENT_STUN: /* Binding request, one attribute of padding */
		put_u16(p, 1);
		put_u16(p + 2, PAYLOAD - 20);
		put_u32(p + 4, 0x2112a442);
		put_u16(p + 20, 0x0026);
		put_u16(p + 22, PAYLOAD - 24);
		break;
	case CONTENT_DTLS: /* application data, DTLS 1.2 */
		p[0] = 23;
		put_u16(p + 1, 0xfefd);
		put_u16(p + 11, PAYLOAD - 13);
		break;
	case CONTENT_WIREGUARD: put_u32(p, 0x04000000); break;
	case CONTENT_QUIC: p[0] = 0x4a; break;
	default: p[0] = 0x80; p[1] = options->payload_type;
	}
}

void packet_number(unsigned char *p, const struct load *l, uint32_t stream, uint16_t sequence)
{
	switch (l->options->content) {
	case CONTENT_RTP:
		put_u16(p + 2, sequence);
		put_u32(p + 4, sequence * TICKS);
		put_u32(p + 8, l->first_ssrc + stream);
		break;
	case CONTENT_RTCP:
		put_u32(p + 4, l->first_ssrc + stream);
		put_u16(p + 8, sequence);
		break;
	case CONTENT_STUN:
		put_u32(p + 8, stream);
		put_u16(p + 12, sequence);
		break;
	default: put_u16(p + 4, sequence);
	}
}
