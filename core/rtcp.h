/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_RTCP_H
#define RTCPROBE_CORE_RTCP_H

#include "datagram.h"
#include "function.h"

enum {
	RTCP_HEADER = 8,         /* up to the sender's SSRC: all that SRTCP leaves in the clear */
	RTCP_COMPOUND = 16,      /* packets of a compound whose lengths are walked */
	RTCP_STEPS = 40,         /* what is read of a compound: a packet full of 31 report blocks, and more */
	RTCP_SENDER_REPORT = 28, /* RFC 3550 section 6.4.1: before the first report block */
	RTCP_REPORT_BLOCK = 24,
	RTCP_FEEDBACK_HEADER = 12, /* RFC 4585 section 6.1 */
	RTCP_XR_RRTR = 12,         /* RFC 3611 sections 4.4, 4.5 and 4.7 */
	RTCP_XR_DLRR_ENTRY = 12,
	RTCP_XR_VOIP = 36,
	SRTCP_MIN_TRAILER = 14, /* RFC 3711 section 3.4: E and index (4) with the shortest tag (10) */
};

enum rtcp_kind {
	RTCP_NONE,
	RTCP_CLEAR,
	RTCP_ENCRYPTED,
	RTCP_CUT, /* the capture ends before anybody could tell */
};

/* RTCP packets by what they are for: the columns of what a source said. */
enum rtcp_packet {
	RTCP_SR,
	RTCP_RR,
	RTCP_SDES,
	RTCP_BYE,
	RTCP_APP,
	RTCP_NACK,
	RTCP_TRANSPORT_FEEDBACK, /* transport-wide, and RFC 8888: when packets arrived */
	RTCP_PLI,
	RTCP_FIR,
	RTCP_APPLICATION_FEEDBACK, /* RFC 4585 section 6.4: REMB and others */
	RTCP_XR,
	RTCP_OTHER,
	RTCP_PACKETS,
};

/* RFC 5761 section 4: the second byte that tells RTCP from RTP on one port. */
static inline int rtcp_is_type(__u8 type)
{
	return type >= 192 && type <= 223;
}

/* Length in bytes of the RTCP packet whose header the window shows; 0 if this is none. */
static inline __u32 rtcp_length(const struct datagram *d)
{
	if (d->filled < 4 || d->bytes[0] >> 6 != 2 || !rtcp_is_type(d->bytes[1]))
		return 0;
	return 4u * (read_u16(d, 2) + 1u);
}

/*
 * After `at` bytes in `packets` headers that look right: what is the rest? Cleartext RTCP ends exactly where the datagram
 * ends (RFC 3550 appendix A.2). SRTCP shows one true header only, and has its index and tag behind; a second one may
 * look right by chance, one in 10^5. `is_cut`: the bytes that would tell are not there.
 */
static inline enum rtcp_kind rtcp_rest(__u32 at, __u32 size, int packets, int is_cut)
{
	if (packets == 0)
		return RTCP_NONE;
	if (at == size || packets == RTCP_COMPOUND || (is_cut && packets > 1))
		return RTCP_CLEAR;
	if (size - at < SRTCP_MIN_TRAILER)
		return RTCP_NONE;
	return is_cut && size % 4 == 0 ? RTCP_CUT : RTCP_ENCRYPTED; /* only cleartext is whole words */
}

/* RFC 3550 section 12.1, RFC 4585 section 6.1, RFC 5104 section 4, RFC 3611, RFC 8888. */
static inline enum rtcp_packet rtcp_packet_of(__u8 type, __u8 format)
{
	switch (type) {
	case 200: return RTCP_SR;
	case 201: return RTCP_RR;
	case 202: return RTCP_SDES;
	case 203: return RTCP_BYE;
	case 204: return RTCP_APP;
	case 205: return format == 1 ? RTCP_NACK : format == 15 || format == 11 ? RTCP_TRANSPORT_FEEDBACK : RTCP_OTHER;
	case 206:
		return format == 1  ? RTCP_PLI :
		       format == 4  ? RTCP_FIR :
		       format == 15 ? RTCP_APPLICATION_FEEDBACK :
				      RTCP_OTHER;
	case 207: return RTCP_XR;
	default: return RTCP_OTHER;
	}
}

/* What one step through a compound found; whose it is stands in the item. */
enum rtcp_action {
	RTCP_NOTHING,
	RTCP_SAID,           /* a packet of its sender */
	RTCP_SENDER_INFO,    /* a sender report: the window shows it */
	RTCP_BLOCK,          /* a report block about `ssrc`: the window shows it */
	RTCP_FEEDBACK,       /* NACK, PLI or FIR about `ssrc` */
	RTCP_REFERENCE_TIME, /* XR: a receiver without sender reports says its time; the window shows the block */
	RTCP_DELAY,          /* XR: how long ago `ssrc` said its time; the window shows the sub-block */
	RTCP_DELAY_TRIP,     /* the round trip that this gave, of the one who answered */
	RTCP_VOIP,           /* XR: metrics about `ssrc`; the window shows the block */
	RTCP_ASK,            /* is `ssrc` known? */
};

struct rtcp_item {
	__u32 ssrc;   /* who said it, or whom it is about */
	__u32 sender; /* who said it */
	__u8 action;  /* enum rtcp_action */
	__u8 packet;  /* enum rtcp_packet */
	__u8 leads;   /* the first packet of its datagram */
	__u8 encrypted;
	__u32 word; /* after RTCP_BLOCK and RTCP_DELAY: enum rtcp_answer. RTCP_ASK: 1 if known. SRTCP: the word 14 bytes before the end */
	__u64 elapsed_ns; /* an answer: the round trip. SRTCP: the last word */
};

/* What stands at `at`. */
enum rtcp_place {
	RTCP_AT_PACKET,
	RTCP_AT_BLOCK,
	RTCP_AT_XR_BLOCK,
	RTCP_AT_DELAY,
	RTCP_AT_FIR,
};

struct rtcp_cursor {
	__u32 at;        /* in the datagram: the window shows what is here */
	__u32 end;       /* of the packet */
	__u32 block_end; /* of the XR block */
	__u32 sender;
	__u8 place;  /* enum rtcp_place */
	__u8 packet; /* enum rtcp_packet */
	__u8 blocks; /* report blocks to come */
	__u8 reserved;
	__u32 reserved_too;
	struct rtcp_item item; /* what the last step found */
};

/* A packet's header: what it is, and where its parts begin. */
static inline void rtcp_open(struct rtcp_cursor *c, const struct datagram *d, struct rtcp_item *item)
{
	__u32 length = rtcp_length(d);
	__u32 begin = c->at;
	__u8 format = d->bytes[0] & 31;

	c->end = length ? begin + length : ~0u; /* not a header: past the end of it all */
	c->at = c->end;
	if (length < RTCP_HEADER || d->filled < RTCP_HEADER)
		return;
	c->packet = rtcp_packet_of(d->bytes[1], format);
	c->sender = read_u32(d, 4);
	item->ssrc = item->sender = c->sender;
	item->packet = c->packet;
	item->leads = begin == 0;
	item->action = RTCP_SAID;
	c->blocks = format;
	switch (c->packet) {
	case RTCP_SR:
		if (length < RTCP_SENDER_REPORT || d->filled < RTCP_SENDER_REPORT) {
			item->packet = RTCP_OTHER; /* cut off: zeros would be taken for what its sender said */
			return;
		}
		item->action = RTCP_SENDER_INFO;
		c->at = begin + RTCP_SENDER_REPORT;
		c->place = RTCP_AT_BLOCK;
		return;
	case RTCP_RR:
		c->at = begin + RTCP_HEADER;
		c->place = RTCP_AT_BLOCK;
		return;
	case RTCP_NACK:
	case RTCP_PLI: c->place = RTCP_AT_BLOCK; break;
	case RTCP_FIR:
		if (length >= RTCP_FEEDBACK_HEADER) /* RFC 5104 section 4.3.1: the media SSRCs are in the entries */
			c->at = begin + RTCP_FEEDBACK_HEADER;
		c->place = RTCP_AT_FIR;
		return;
	case RTCP_XR:
		c->at = begin + RTCP_HEADER;
		c->place = RTCP_AT_XR_BLOCK;
		return;
	default: return;
	}
	c->at = begin + RTCP_HEADER; /* RFC 4585 section 6.1: SSRC of the media source */
}

/* RFC 3550 section 6.4.1, or the media SSRC of feedback. */
static inline void rtcp_block(struct rtcp_cursor *c, const struct datagram *d, struct rtcp_item *item)
{
	int is_report = c->packet == RTCP_SR || c->packet == RTCP_RR;
	__u32 size = is_report ? RTCP_REPORT_BLOCK : 4;

	if (c->end - c->at < size || d->filled < size || (is_report && c->blocks == 0)) {
		c->at = c->end;
		return;
	}
	item->action = is_report ? RTCP_BLOCK : RTCP_FEEDBACK;
	item->ssrc = read_u32(d, 0);
	c->blocks--;
	c->at = is_report ? c->at + RTCP_REPORT_BLOCK : c->end;
}

/* RFC 3611 section 3. */
static inline void rtcp_xr_block(struct rtcp_cursor *c, const struct datagram *d, struct rtcp_item *item)
{
	__u32 size = d->filled < 4 ? ~0u : 4u * (read_u16(d, 2) + 1u);

	if (size > c->end - c->at) {
		c->at = c->end;
		return;
	}
	c->block_end = c->at + size;
	if (d->bytes[0] == 5) { /* section 4.5 */
		c->at += 4;
		c->place = RTCP_AT_DELAY;
		return;
	}
	c->at = c->block_end;
	if (d->bytes[0] == 4 && size == RTCP_XR_RRTR && d->filled >= RTCP_XR_RRTR) { /* section 4.4 */
		item->action = RTCP_REFERENCE_TIME;
		item->ssrc = c->sender;
	} else if (d->bytes[0] == 7 && size == RTCP_XR_VOIP && d->filled >= RTCP_XR_VOIP) { /* section 4.7 */
		item->action = RTCP_VOIP;
		item->ssrc = read_u32(d, 4);
	}
}

/* One of the SSRCs that a DLRR block answers. */
static inline void rtcp_delay(struct rtcp_cursor *c, const struct datagram *d, struct rtcp_item *item)
{
	if (c->block_end - c->at < RTCP_XR_DLRR_ENTRY || d->filled < RTCP_XR_DLRR_ENTRY) {
		c->at = c->block_end;
		c->place = RTCP_AT_XR_BLOCK;
		return;
	}
	item->action = RTCP_DELAY;
	item->ssrc = read_u32(d, 0);
	c->at += RTCP_XR_DLRR_ENTRY;
}

static inline void rtcp_fir(struct rtcp_cursor *c, const struct datagram *d, struct rtcp_item *item)
{
	if (c->end - c->at < 8 || d->filled < 8) {
		c->at = c->end;
		return;
	}
	item->action = RTCP_FEEDBACK;
	item->ssrc = read_u32(d, 0);
	c->at += 8;
}

/*
 * One step through a compound whose lengths were walked: reads what the window shows at c->at and moves on. Every step
 * goes forward but the last within a packet or block, which only turns to what comes next. Returns enum rtcp_action, as in the item.
 */
LONG_FUNCTION int rtcp_step(struct rtcp_cursor *c, const struct datagram *d)
{
	struct rtcp_item *item;

	if (!c || !d)
		return RTCP_NOTHING;
	item = &c->item;
	item->action = RTCP_NOTHING;
	item->sender = c->sender;
	item->packet = c->packet;
	item->leads = 0;
	item->word = 0;
	if (c->place != RTCP_AT_PACKET && c->at >= c->end)
		c->place = RTCP_AT_PACKET;
	switch (c->place) {
	case RTCP_AT_PACKET: rtcp_open(c, d, item); break;
	case RTCP_AT_BLOCK: rtcp_block(c, d, item); break;
	case RTCP_AT_XR_BLOCK: rtcp_xr_block(c, d, item); break;
	case RTCP_AT_DELAY: rtcp_delay(c, d, item); break;
	default: rtcp_fir(c, d, item); break;
	}
	return item->action;
}

#endif
