/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_TABLE_H
#define RTCPROBE_CORE_TABLE_H

#include <linux/types.h>

/*
 * Open addressing inside one array of records that begin with a 64-bit tag and a 32-bit version. Nothing is ever
 * evicted: a slot is claimed here and set free by user space when its record has been idle for long.
 *
 * The version is a bounded try-lock for writers and a seqlock for readers: bit 0 is set while somebody writes, bit 1 while
 * something waits to be written by whoever holds it next, and the rest grows by one with each write.
 * TABLE_SHARED is 1 where CPUs meet (the kernel's build defines it), 0 where one thread owns the table.
 */
#ifndef TABLE_SHARED
#define TABLE_SHARED 0
#endif

enum {
	TABLE_PROBES = 24,
	TABLE_NEAR = 8,
	TABLE_LOCK_TRIES = 8,
};

/*
 * The slots that a record may have, in the order they are tried: TABLE_NEAR side by side, so that a displaced one is in the same page,
 * then twice as many anywhere. Of records that fill half of a table one in some millions finds all of them taken.
 *
 * Tags of ports or SSRCs in a row are in a row themselves (endpoints.h), a random step apart: by some keys thousands would want
 * the same few slots. Folded and multiplied, they lie as if by chance.
 */
static inline __u32 table_slot(__u64 tag, __u32 probe, __u32 mask)
{
	__u32 far = probe < TABLE_NEAR ? 0 : probe - TABLE_NEAR + 1;
	__u32 near = far ? 0 : probe;
	__u64 mixed = (tag ^ tag >> 32) * (0x9E3779B97F4A7C15ULL * (2 * far + 1));

	return ((__u32)(mixed >> 36) ^ near) & mask;
}

/*
 * Which slots of a table are taken, a bit each, so that a reader needs to look at no others: set with the tag and cleared with
 * it, while the record is held.
 */
enum { TABLE_WORD = 64 }; /* slots per word */

static inline __u32 table_words(__u32 mask)
{
	return mask / TABLE_WORD + 1;
}

static inline __u64 table_bit(__u32 slot)
{
	return 1ULL << slot % TABLE_WORD;
}

enum {
	RECORD_LOCKED = 1,
	RECORD_WAITING = 2,
	RECORD_WRITTEN = 4,
};

/* `taken` is the version while the record is held. */
static inline int record_take(__u32 *version, __u32 seen, __u32 taken)
{
	if (!TABLE_SHARED) {
		*version = taken;
		return 1;
	}
	return !(seen & RECORD_LOCKED) &&
	       __sync_val_compare_and_swap(version, seen, taken) == seen; /* a full barrier */
}

static inline int record_try_lock(__u32 *version)
{
	__u32 seen = *(volatile __u32 *)version;

	return record_take(version, seen, seen | RECORD_LOCKED);
}

static inline int record_lock(__u32 *version)
{
	for (int i = 0; i < TABLE_LOCK_TRIES; i++)
		if (record_try_lock(version))
			return 1;
	return 0;
}

/* The same to look at all that waits: what comes from now on says so anew. */
static inline int record_lock_waiting(__u32 *version)
{
	for (int i = 0; i < TABLE_LOCK_TRIES; i++) {
		__u32 seen = *(volatile __u32 *)version;

		if (record_take(version, seen, (seen | RECORD_LOCKED) & ~(__u32)RECORD_WAITING))
			return 1;
	}
	return 0;
}

/* True if something has come to wait meanwhile; the bit is cleared, the caller takes care of it. */
static inline int record_unlock(__u32 *version)
{
	__u32 next = (*version & ~(__u32)(RECORD_LOCKED | RECORD_WAITING)) + RECORD_WRITTEN;

	if (TABLE_SHARED)
		return (__sync_lock_test_and_set(version, next) & RECORD_WAITING) != 0; /* a full barrier */
	*version = next;
	return 0;
}

static inline void record_wait(__u32 *version)
{
	(void)__sync_fetch_and_or(version, RECORD_WAITING);
}

#endif
