/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_BITS_H
#define RTCPROBE_CORE_BITS_H

#include <linux/types.h>

#include "function.h"

/* Position of the highest bit of a number that is not 0. (BPF has no such instruction, and clang 14 no end.) */
SHORT_FUNCTION __u32 highest_bit(__u32 value)
{
	__u32 position = 0;

	if (!WALKED)
		return 31 - (__u32)__builtin_clz(value);
	for (__u32 step = 16; step; step /= 2) {
		__u32 shift = value >> step ? step : 0;

		value >>= shift;
		position += shift;
	}
	return position;
}

#endif
