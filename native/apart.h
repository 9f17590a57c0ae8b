// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_APART_H
#define RTCPROBE_NATIVE_APART_H

/* What core/seam.h wants apart from the path of RTP: here there is room for it in the middle of that, so it is core's own. */

static inline int observer_channel(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return observe_channel(o, d, e);
}

static inline int observer_indication(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return observe_indication(o, d, e);
}

static inline int observer_stun(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return observe_stun(o, d, e);
}

static inline int observer_bind(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return observe_bind(o, d, e);
}

static inline int observer_dtls(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return observe_dtls(o, d, e);
}

static inline __u64 observer_pair_tag(const struct observer *o, const struct endpoints *e, __u16 channel)
{
	return endpoints_pair_tag(e, observer_keys(o), channel);
}

static inline __u32 observer_stream_slot(struct observer *o, __u64 tag, __u64 now)
{
	return observe_stream_slot(o, tag, now);
}

static inline __u32 observer_bundle_slot(struct observer *o, __u64 tag, __u64 now)
{
	return observe_bundle_slot(o, tag, now);
}

static inline __u32 observer_pair_slot(struct observer *o, __u64 tag)
{
	return observe_pair_slot(o, tag);
}

static inline int observer_item(struct observer *o, struct datagram *d, struct endpoints *e, struct rtcp_item *item)
{
	return observe_item(o, d, e, item);
}

static inline int observer_lengths(struct observer *o, struct datagram *d, struct rtcp_cursor *c)
{
	return observe_lengths(o, d, c);
}

static inline __u32 observer_report_slot(struct observer *o, __u64 tag, __u64 now)
{
	return observe_report_slot(o, tag, now);
}

static inline int observer_rtcp(struct observer *o, struct datagram *d, struct endpoints *e)
{
	return observe_rtcp(o, d, e);
}

#endif
