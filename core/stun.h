/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_STUN_H
#define RTCPROBE_CORE_STUN_H

#include "datagram.h"
#include "endpoints.h"
#include "function.h"

/* RFC 8489 section 5. */
enum stun_class {
	STUN_REQUEST = 0x000,
	STUN_INDICATION = 0x010,
	STUN_SUCCESS = 0x100,
	STUN_ERROR = 0x110,
};

/* RFC 8489 section 18.2, RFC 8656 section 17. */
enum stun_method {
	STUN_BINDING = 0x001,
	TURN_ALLOCATE = 0x003,
	TURN_REFRESH = 0x004,
	TURN_CREATE_PERMISSION = 0x008,
	TURN_CHANNEL_BIND = 0x009,
};

enum {
	STUN_HEADER = 20,
	STUN_CLASS_BITS = 0x0110,
	TURN_SEND_INDICATION = 0x0016, /* method and class */
	TURN_DATA_INDICATION = 0x0017,
	/* That are walked: a check has up to eight before its MESSAGE-INTEGRITY, an indication and ChannelBind the two that matter. */
	ICE_ATTRIBUTES = 8,
	TURN_ATTRIBUTES = 4,
};

/* RFC 8489 section 18.3, RFC 8656 section 18, RFC 8445 section 16.1. */
enum stun_attribute_type {
	STUN_USERNAME = 0x0006,
	STUN_MESSAGE_INTEGRITY = 0x0008,
	TURN_CHANNEL_NUMBER = 0x000C,
	TURN_XOR_PEER_ADDRESS = 0x0012,
	TURN_DATA_ATTRIBUTE = 0x0013,
	ICE_USE_CANDIDATE = 0x0025,
	ICE_CONTROLLED = 0x8029,
	ICE_CONTROLLING = 0x802A,
};

/* Which of them a message has. */
enum stun_trait {
	STUN_HAS_USERNAME = 1,
	STUN_HAS_CONTROLLED = 2,
	STUN_HAS_CONTROLLING = 4,
	STUN_HAS_USE_CANDIDATE = 8,
};

struct stun_id {
	__u32 word[3]; /* only compared, and what addresses are hidden with */
};

/* A transport address, in network byte order; IPv4 is in the first word, the rest 0. */
struct stun_address {
	__u32 words[4];
	__u16 port;
	__u8 is_ipv6;
	__u8 reserved;
};

/* The header, and of the attributes what is asked for. */
struct stun_message {
	struct stun_id id;
	__u16 kind; /* enum stun_class */
	__u16 method;
	__u16 traits;  /* enum stun_trait */
	__u16 peer_at; /* where XOR-PEER-ADDRESS is in the datagram, 0 = nowhere */
	__u16 data_at; /* where what DATA carries begins, 0 = nowhere */
	__u16 data_size;
	__u16 channel; /* 0 = none */
	__u16 reserved;
};

_Static_assert(sizeof(struct stun_message) == 28, "the stack of the kernel's build is short");

/* True and the header's part of *m filled if the datagram is one whole STUN message: the magic cookie proves what a first byte cannot. */
static inline int stun_parse(const struct datagram *d, struct stun_message *m)
{
	__u32 type = read_u16(d, 0);
	__u32 length = read_u16(d, 2);

	if (d->filled < STUN_HEADER || type >> 14 || length % 4 || length + STUN_HEADER != d->size ||
	    read_u32(d, 4) != STUN_COOKIE)
		return 0;
	m->kind = type & STUN_CLASS_BITS;
	m->method = type & (__u16)~STUN_CLASS_BITS;
	for (int i = 0; i < 3; i++)
		m->id.word[i] = read_u32(d, 8 + 4 * i);
	return 1;
}

/*
 * The attribute at byte `at` of the message, where the window stands. Returns how many bytes it takes, 0 if nothing that
 * counts comes behind: MESSAGE-INTEGRITY protects only what is before it (RFC 8489 section 14.5).
 */
LONG_FUNCTION int stun_attribute(const struct datagram *d, struct stun_message *m, __u32 at)
{
	__u32 type, size;

	if (!d || !m || d->filled < 4)
		return 0;
	type = read_u16(d, 0);
	size = read_u16(d, 2);
	if (type == STUN_MESSAGE_INTEGRITY || at + 4 + size > d->size)
		return 0;
	switch (type) {
	case STUN_USERNAME: m->traits |= STUN_HAS_USERNAME; break;
	case ICE_CONTROLLED: m->traits |= STUN_HAS_CONTROLLED; break;
	case ICE_CONTROLLING: m->traits |= STUN_HAS_CONTROLLING; break;
	case ICE_USE_CANDIDATE: m->traits |= STUN_HAS_USE_CANDIDATE; break;
	case TURN_CHANNEL_NUMBER: m->channel = size == 4 && d->filled >= 6 ? read_u16(d, 4) : 0; break;
	case TURN_XOR_PEER_ADDRESS: m->peer_at = (__u16)at; break;
	case TURN_DATA_ATTRIBUTE:
		m->data_at = (__u16)(at + 4);
		m->data_size = (__u16)size;
		break;
	}
	return (int)(4 + ((size + 3) & ~3u));
}

static inline int stun_is_counted(const struct stun_message *m)
{
	return m->method == STUN_BINDING || m->method == TURN_ALLOCATE || m->method == TURN_REFRESH ||
	       m->method == TURN_CREATE_PERMISSION || m->method == TURN_CHANNEL_BIND;
}

/* RFC 8656 sections 11.1 and 11.5: a message that carries what a peer sent or is to get. */
static inline int stun_is_indication(const struct datagram *d)
{
	__u16 type = read_u16(d, 0);

	return d->filled >= STUN_HEADER && (type == TURN_SEND_INDICATION || type == TURN_DATA_INDICATION);
}

static inline int stun_is_channel_bind(const struct datagram *d)
{
	return d->filled >= STUN_HEADER && read_u16(d, 0) == TURN_CHANNEL_BIND;
}

/* RFC 8489 section 14.2: the attribute where the window stands. True and *a filled if it is an address. */
static inline int stun_xor_address(const struct datagram *d, const struct stun_id *id, struct stun_address *a)
{
	__u32 size = read_u16(d, 2), family = read_u16(d, 4) & 0xff;

	if (d->filled < 4 + size || !((family == 1 && size == 8) || (family == 2 && size == 20)))
		return 0;
	a->is_ipv6 = family == 2;
	a->reserved = 0;
	a->port = wire_u16(read_u16(d, 6) ^ (STUN_COOKIE >> 16));
	a->words[0] = wire_u32(read_u32(d, 8) ^ STUN_COOKIE);
	for (int i = 0; i < 3; i++)
		a->words[i + 1] = family == 2 ? wire_u32(read_u32(d, 12 + 4 * i) ^ id->word[i]) : 0;
	return 1;
}

/* The same, as a function of its own. */
LONG_FUNCTION int stun_address(const struct datagram *d, const struct stun_id *id, struct stun_address *a)
{
	return d && id && a && stun_xor_address(d, id, a);
}

/* Sixteen bits that stand for the address, the highest of them set; 0 if it is none. */
LONG_FUNCTION int stun_address_name(const struct datagram *d, const struct stun_id *id, __u64 seed)
{
	struct stun_address a;
	__u64 hash;

	if (!d || !id || !stun_xor_address(d, id, &a))
		return 0;
	hash = seed ^ a.port;
	for (int i = 0; i < 4; i++) {
		hash = (hash ^ a.words[i]) * 0x9E3779B97F4A7C15ULL;
		hash ^= hash >> 32;
	}
	return ENDPOINTS_RELAYED | (__u16)hash;
}

#endif
