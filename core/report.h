/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_REPORT_H
#define RTCPROBE_CORE_REPORT_H

#include "clock.h"
#include "endpoints.h"
#include "roundtrip.h"
#include "rtcp.h"

enum {
	REPORT_EVIDENCE = 2,      /* datagrams that name an SSRC before anybody believes that it exists */
	REPORT_STALE_S = 30,      /* without more evidence for so long, a record may lose its slot */
	REPORT_INDEX_STEP = 4096, /* SRTCP indices of one sender are not further apart than that, loss included */
	REPORT_CIPHER_RUN = 2,    /* steps of an index in a row that tell the cipher */
	REPORT_CLOCK_S = 3600,    /* RTP timestamps wrap: after so long the slope starts anew */
};

/* RFC 3611 section 4.7, in its units. */
struct voip_metrics {
	__u16 burst_duration; /* ms */
	__u16 gap_duration;
	__u16 round_trip_delay;
	__u16 end_system_delay;
	__u16 jitter_buffer; /* nominal, ms */
	__u8 loss_rate;      /* 1/256 */
	__u8 discard_rate;
	__u8 burst_density;
	__u8 gap_density;
	__u8 r_factor; /* 127 = unavailable */
	__u8 mos_lq;   /* × 10, 127 = unavailable */
	__u8 mos_cq;
	__u8 reserved[3];
};

enum srtcp_cipher {
	SRTCP_CIPHER_UNKNOWN,
	SRTCP_AES_CM,  /* RFC 3711: index, then a tag of 10 bytes */
	SRTCP_AES_GCM, /* RFC 7714: tag of 16 bytes, then the index */
};

/*
 * What one SSRC says in RTCP, and what the other end says of it. In the clear the identity is addresses and SSRC without
 * ports and socket, for reports may come from another port than they go to; under SRTCP it is that of a stream.
 */
struct report {
	__u64 tag;
	__u32 version;
	__u32 ssrc;
	__u64 first_ns;
	__u64 last_ns;
	struct endpoints endpoints; /* as from this SSRC to the other end, of the first datagram */
	__u64 cgroup_id;
	__u32 pid;
	__u32 contended; /* items that found the record locked: in no other figure */

	__u32 packets[RTCP_PACKETS]; /* said by it; under SRTCP those that lead a datagram */
	__u32 datagrams;             /* whose first packet it said */
	__u32 mentions;              /* report blocks about it */

	/* Its latest sender report, RFC 3550 section 6.4.1; valid if packets[RTCP_SR]. */
	__u32 ntp_sec;
	__u32 ntp_frac;
	__u32 rtp_ts;
	__u32 psent;
	__u32 osent;
	__u32 clock_rate; /* Hz, by the slope of its sender reports; 0 = not known */
	__u64 base_ntp;   /* where the slope begins; 0 = nowhere */
	__u32 base_rtp;

	/* The latest report block about it; valid if mentions. */
	__u32 reporter;
	__u32 last_seq;
	__u32 jitter; /* RTP ticks */
	__s32 lost;
	__u32 fraction; /* 1/256 */

	__u32 nacks; /* feedback about it, where it could be read */
	__u32 plis;
	__u32 firs;
	__u32 voip_reports;
	struct voip_metrics voip; /* valid if voip_reports */
	__u32 next_mark;

	struct round_trips by_lsr;  /* its sender reports, answered by report blocks about it */
	struct round_trips by_dlrr; /* the other end's reference times, answered by it */
	struct mark marks[MARKS];

	__u32 index_cm; /* what the SRTCP index would be under each cipher */
	__u32 index_gcm;
	__u8 run_cm; /* steps in a row by which it grew as an index does */
	__u8 run_gcm;
	__u8 cipher; /* enum srtcp_cipher */
	__u8 encrypted;
	__u32 reserved;
};

_Static_assert(sizeof(struct report) == 472, "report is a map value: no padding");

/* Beside the direction in the tag of a source in the clear: where there are no ports (a log) nothing else tells it from SRTCP's. */
enum { REPORT_CLEAR = 4 };

static inline __u64 report_tag(const struct endpoints *e, const struct tag_keys *keys, __u32 ssrc, int encrypted)
{
	return encrypted ? endpoints_tag(e, keys, e->cookie, ssrc) :
			   tag_of(keys, tag_of_addresses(keys, e), 0, tag_way(e->channel, e->direction | REPORT_CLEAR),
				  0, ssrc);
}

static inline __u32 report_evidence(const struct report *r)
{
	return r->datagrams + r->mentions;
}

static inline int report_is_claimable(const struct report *r, __u64 now)
{
	return r->tag == 0 ||
	       (report_evidence(r) < REPORT_EVIDENCE && (__s64)(now - r->last_ns) > (__s64)REPORT_STALE_S * NS_PER_S);
}

static inline void report_mark_time(struct report *r, __u32 sec, __u32 frac, __u64 now)
{
	struct mark *mark = &r->marks[r->next_mark % MARKS];

	if (sec == 0 && frac == 0) /* RFC 3550 section 6.4.1: it has no clock */
		return;
	mark->at_ns = now;
	mark->middle = sec << 16 | frac >> 16;
	mark->delay = 0;
	r->next_mark++;
}

/* Its clock rate: RTP ticks against NTP time, from one sender report to another. */
static inline void report_clock(struct report *r)
{
	__u64 ntp = (__u64)r->ntp_sec << 32 | r->ntp_frac;
	__u64 elapsed = ntp - r->base_ntp;
	__u64 seconds = elapsed >> 32;
	__u32 found = CLOCK_CANDIDATES;

	if (r->base_ntp != 0 && seconds == 0)
		return;
	if (r->base_ntp != 0 && seconds < 2 * REPORT_CLOCK_S) {
		__u64 elapsed_ns = seconds * NS_PER_S + ((elapsed & 0xffffffff) * NS_PER_S >> 32);

		found = clock_nearest((__u64)(r->rtp_ts - r->base_rtp) * NS_PER_S / elapsed_ns);
	}
	if (found < CLOCK_CANDIDATES)
		r->clock_rate = CLOCK_CANDIDATE[found];
	if (found == CLOCK_CANDIDATES || seconds > REPORT_CLOCK_S) {
		r->base_ntp = ntp;
		r->base_rtp = r->rtp_ts;
	}
}

/* RFC 3550 section 6.4.1: the window shows the packet. */
static inline void report_sender_info(struct report *r, const struct datagram *d, __u64 now)
{
	__u32 sec = read_u32(d, 8), frac = read_u32(d, 12);
	int again = r->packets[RTCP_SR] && sec == r->ntp_sec && frac == r->ntp_frac;

	r->ntp_sec = sec;
	r->ntp_frac = frac;
	r->rtp_ts = read_u32(d, 16);
	r->psent = read_u32(d, 20);
	r->osent = read_u32(d, 24);
	if (again) /* the network repeated it: the first left when it says */
		return;
	report_mark_time(r, sec, frac, now);
	report_clock(r);
}

/*
 * What an answer to a time that this SSRC said gives: LSR and DLSR of a report block, or LRR and DLRR. Zeros say that no time has
 * arrived there, or not how long ago. To be asked before report_receive(); returns enum rtcp_answer, as in the item.
 */
LONG_FUNCTION int report_answer(struct report *r, const struct datagram *d, struct rtcp_item *item, __u64 now)
{
	__u32 middle, delay;

	if (!r || !d || !item || (item->action != RTCP_BLOCK && item->action != RTCP_DELAY))
		return RTCP_ANSWERS_NOTHING;
	middle = item->action == RTCP_BLOCK ? read_u32(d, 16) : read_u32(d, 4);
	delay = item->action == RTCP_BLOCK ? read_u32(d, 20) : read_u32(d, 8);
	item->word = RTCP_ANSWERS_NOTHING;
	if (middle != 0 && delay != 0)
		item->word = marks_answer(r->marks, middle, delay, now, &item->elapsed_ns);
	return (int)item->word;
}

static inline void report_trip(struct round_trips *t, const struct rtcp_item *item)
{
	if (item->word == RTCP_ROUND_TRIP)
		round_trips_add(t, item->elapsed_ns);
	else if (item->word == RTCP_UNMATCHED)
		t->unmatched++;
}

/* A report block about it: the window shows the block. */
static inline void report_block(struct report *r, const struct datagram *d, const struct rtcp_item *item)
{
	r->mentions++;
	r->reporter = item->sender;
	r->fraction = d->bytes[4];
	r->lost = (__s32)(read_u32(d, 4) << 8) >> 8;
	r->last_seq = read_u32(d, 8);
	r->jitter = read_u32(d, 12);
	report_trip(&r->by_lsr, item);
}

/* RFC 3611 section 4.7: the window shows the block. */
static inline void report_voip(struct report *r, const struct datagram *d)
{
	r->voip_reports++;
	r->voip.loss_rate = d->bytes[8];
	r->voip.discard_rate = d->bytes[9];
	r->voip.burst_density = d->bytes[10];
	r->voip.gap_density = d->bytes[11];
	r->voip.burst_duration = read_u16(d, 12);
	r->voip.gap_duration = read_u16(d, 14);
	r->voip.round_trip_delay = read_u16(d, 16);
	r->voip.end_system_delay = read_u16(d, 18);
	r->voip.r_factor = d->bytes[24];
	r->voip.mos_lq = d->bytes[26];
	r->voip.mos_cq = d->bytes[27];
	r->voip.jitter_buffer = read_u16(d, 30);
}

static inline void report_feedback(struct report *r, __u8 packet)
{
	if (packet == RTCP_NACK)
		r->nacks++;
	else if (packet == RTCP_PLI)
		r->plis++;
	else
		r->firs++;
}

/* RFC 3711 section 3.4: the E bit, and an index that grows with each packet, stand where the cipher puts them. */
static inline __u8 srtcp_index_run(__u32 *index, __u8 run, __u32 word)
{
	__u32 step = (word & 0x7fffffff) - *index;

	*index = word & 0x7fffffff;
	if (!(word >> 31) || step == 0 || step > REPORT_INDEX_STEP)
		return 0;
	return run < REPORT_CIPHER_RUN ? run + 1 : run;
}

static inline void report_srtcp(struct report *r, const struct rtcp_item *item)
{
	if (item->word == 0 && item->elapsed_ns == 0) /* the capture is cut before them */
		return;
	r->run_cm = srtcp_index_run(&r->index_cm, r->run_cm, item->word);
	r->run_gcm = srtcp_index_run(&r->index_gcm, r->run_gcm, (__u32)item->elapsed_ns);
	if (r->run_cm >= REPORT_CIPHER_RUN)
		r->cipher = SRTCP_AES_CM;
	else if (r->run_gcm >= REPORT_CIPHER_RUN)
		r->cipher = SRTCP_AES_GCM;
}

/*
 * One item of a datagram. The caller holds the record. A DLRR sub-block asks the record of the one that said its time; what
 * it gives stands in the item, for the record of the one that answered. Returns enum rtcp_action.
 */
LONG_FUNCTION int report_receive(struct report *r, const struct datagram *d, struct rtcp_item *item, __u64 now)
{
	if (!r || !d || !item)
		return RTCP_NOTHING;
	if (item->action != RTCP_ASK)
		r->last_ns = now;
	switch (item->action) {
	case RTCP_SENDER_INFO: report_sender_info(r, d, now); /* fall through */
	case RTCP_SAID:
		if (item->packet < RTCP_PACKETS)
			r->packets[item->packet]++;
		r->datagrams += item->leads;
		if (item->encrypted)
			report_srtcp(r, item);
		break;
	case RTCP_BLOCK: report_block(r, d, item); break;
	case RTCP_FEEDBACK: report_feedback(r, item->packet); break;
	case RTCP_REFERENCE_TIME: report_mark_time(r, read_u32(d, 4), read_u32(d, 8), now); break;
	case RTCP_DELAY_TRIP: report_trip(&r->by_dlrr, item); break;
	case RTCP_VOIP: report_voip(r, d); break;
	case RTCP_ASK: item->word = report_evidence(r) >= REPORT_EVIDENCE; break;
	default: break;
	}
	return item->action;
}

#endif
