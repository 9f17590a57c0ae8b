/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_TABLE_H
#define RTCPROBE_CORE_TABLE_H

#include <linux/types.h>

/*
 * Open addressing inside one array of records that begin with a 64-bit tag and a 32-bit version. Nothing is ever
 * evicted: a slot is claimed here and set free by user space when its record has been idle for long.
 *
 * The version is a bounded try-lock for writers and a seqlock for readers: odd while somebody writes, 2 higher after.
 * Includers define TABLE_SHARED: 1 where CPUs meet (kernel), 0 where one thread owns the table.
 */
enum {
	TABLE_PROBES = 8,
	TABLE_LOCK_TRIES = 32,
};

static inline __u32 table_slot(__u64 tag, __u32 probe, __u32 mask)
{
	return ((__u32)(tag >> 24) + probe) & mask;
}

static inline int record_lock(__u32 *version)
{
	if (!TABLE_SHARED) {
		*version |= 1;
		return 1;
	}
	for (int i = 0; i < TABLE_LOCK_TRIES; i++) {
		__u32 seen = *(volatile __u32 *)version;

		if (!(seen & 1) && __sync_val_compare_and_swap(version, seen, seen | 1) == seen)
			return 1;
	}
	return 0;
}

static inline void record_unlock(__u32 *version)
{
	__u32 next = (*version | 1) + 1;

	if (TABLE_SHARED)
		(void)__sync_lock_test_and_set(version, next); /* a full barrier on every architecture */
	else
		*version = next;
}

#endif
