/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_JITTER_H
#define RTCPROBE_CORE_JITTER_H

#include <linux/types.h>

/*
 * Interarrival jitter, RFC 3550 section 6.4.1 and appendix A.8: J += (|D| - J) / 16. Kept in nanoseconds with eight
 * fraction bits, so that 16 roundings stay far below the microsecond that tests ask for.
 */
enum {
	JITTER_FRACTION_BITS = 8,
	JITTER_MAX_STEP = 450000, /* RTP ticks; a WebRTC endpoint takes a larger |D| for a restart, not for jitter */
	JITTER_MAX_RATE = 192000, /* Hz: no clock is faster */
	NS_PER_S = 1000000000,
};

/* Magnitude without a branch: the verifier walks every branch of the kernel's build, in every combination. */
static inline __u64 magnitude(__s64 value)
{
	__s64 sign = value >> 63;

	return (__u64)((value ^ sign) - sign);
}

/* RTP ticks in nanoseconds. `rate` in Hz, not 0. */
static inline __s64 ticks_ns(__s32 ticks, __u32 rate)
{
	__s64 sign = (__s64)ticks >> 63;

	return ((__s64)(magnitude(ticks) * NS_PER_S / rate) ^ sign) - sign;
}

/* |D| of A.8: the change of transit time between two packets, in nanoseconds. `rate` in Hz, not 0. */
static inline __u64 transit_change(__u64 elapsed_ns, __s32 ticks, __u32 rate)
{
	return magnitude((__s64)elapsed_ns - ticks_ns(ticks, rate));
}

/* True if |D| is too large for jitter. Most are told by the first comparison, which spares the division. */
static inline int jitter_is_restart(__u64 change_ns, __u32 rate)
{
	return change_ns >= JITTER_MAX_STEP * (__u64)NS_PER_S / JITTER_MAX_RATE &&
	       change_ns >= JITTER_MAX_STEP * (__u64)NS_PER_S / rate;
}

/* J += (|D| - J) / 16. */
static inline void jitter_step(__u64 *jitter, __u64 change_ns)
{
	__s64 error = (__s64)(change_ns << JITTER_FRACTION_BITS) - (__s64)*jitter;

	*jitter += (__u64)(error >> 4);
}

#endif
