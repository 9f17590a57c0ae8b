/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_SEAM_H
#define RTCPROBE_CORE_SEAM_H

/* What whoever includes core/observe.h defines: `struct observer`, and the functions declared here. */
#include "config.h"
#include "datagram.h"
#include "endpoints.h"
#include "outcome.h"

struct observer;
struct stream;
struct stream_totals;
struct stream_detail;
struct stream_depth;
struct bundle;
struct pair;
struct waiting_room;

/* Records by slot, of a stream in three parts; a slot is already masked, NULL cannot happen and is handled. */
static inline struct stream *observer_stream(struct observer *o, __u32 slot);
static inline struct stream_totals *observer_totals(struct observer *o, __u32 slot);
static inline struct stream_detail *observer_detail(struct observer *o, __u32 slot);
/* What the depth probe needs; asked for only while it is on. */
static inline struct stream_depth *observer_depth(struct observer *o, __u32 slot);
static inline struct bundle *observer_bundle(struct observer *o, __u32 slot);
static inline __u32 observer_bundle_mask(const struct observer *o);
static inline struct pair *observer_pair(struct observer *o, __u32 slot);
/* Where packets of this tag wait for their record; NULL where nobody ever does. */
static inline struct waiting_room *observer_waiting_room(struct observer *o, __u64 tag);
static inline __u32 observer_stream_mask(const struct observer *o);
static inline __u32 observer_pair_mask(const struct observer *o);
static inline const struct tag_keys *observer_keys(const struct observer *o);
/* Clock rate the operator gave this payload type, 0 = none. */
static inline __u32 observer_clock_rate(const struct observer *o, __u8 payload_type);
static inline int observer_probe_is_on(const struct observer *o, __u32 probe);
/* When the datagram arrived. Asked only of what is measured: a clock costs more than all else. */
static inline __u64 observer_arrival(struct observer *o);
/* A number that tells the datagram's socket from the other live ones; 0 where there are no sockets. */
static inline __u64 observer_socket(const struct observer *o);
/* The same for all times: its cookie. */
static inline __u64 observer_cookie(const struct observer *o);
/* Who owns the socket, as far as this place knows. */
static inline void observer_owner(struct observer *o, __u64 *cgroup_id, __u32 *pid);
/* A record begins in this slot, and is held: a reader of the whole table need not look at slots of which it never heard. */
static inline void observer_stream_begins(struct observer *o, __u32 slot);
static inline void observer_pair_begins(struct observer *o, __u64 tag); /* likewise, in the slot of this tag */
/* Add n to the number of datagrams with this outcome. */
static inline void observer_tally(struct observer *o, enum outcome outcome, __s64 n);
/* observe_waiting() for this tag, now or before the datagram is done with: it is seldom needed, where there is little room. */
static inline void observer_look_after(struct observer *o, __u64 tag);
/* Move the window to byte `at` of the datagram; d->filled tells how much of it there is. */
static inline void observer_show(struct observer *o, struct datagram *d, __u32 at);

/*
 * The functions of these names in core/ice.h, core/observe.h and core/observe_depth.h, in the kernel as global functions, which have a frame of their own and are
 * verified once: the verifier knows nothing of what they return.
 */
static inline int observer_channel(struct observer *o, struct datagram *d, struct endpoints *e);
static inline int observer_indication(struct observer *o, struct datagram *d, struct endpoints *e);
static inline int observer_stun(struct observer *o, struct datagram *d, struct endpoints *e);
static inline int observer_bind(struct observer *o, struct datagram *d, struct endpoints *e);
static inline int observer_dtls(struct observer *o, struct datagram *d, struct endpoints *e);
static inline __u32 observer_pair_slot(struct observer *o, __u64 tag);
static inline __u32 observer_stream_slot(struct observer *o, __u64 tag, __u64 now);
static inline __u32 observer_bundle_slot(struct observer *o, __u64 tag, __u64 now);
/* endpoints_pair_tag(), likewise. */
static inline __u64 observer_pair_tag(const struct observer *o, const struct endpoints *e, __u16 channel);

#endif
