// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_CLOCK_H
#define RTCPROBE_NATIVE_CLOCK_H

#include <ctime>

#include "core.h"

/* Nanoseconds. */
inline __u64 read_clock(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return static_cast<__u64>(now.tv_sec) * NS_PER_S + static_cast<__u64>(now.tv_nsec);
}

#endif
