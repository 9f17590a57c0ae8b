// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_MAPPING_H
#define RTCPROBE_NATIVE_MAPPING_H

#include <cerrno>
#include <cstring>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core.h"
#include "error.h"

/* The memory of a BPF array map, shared with the kernel: read and retired without a system call. */
template <class Record> class mapping
{
	static_assert(sizeof(Record) % 8 == 0, "array maps round their values up to eight bytes");

public:
	mapping() = default;
	mapping(const mapping &) = delete;
	mapping &operator=(const mapping &) = delete;
	~mapping()
	{
		if (records)
			munmap(records, length);
	}

	void open(int map_fd, __u32 slots)
	{
		size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
		size_t wanted = (slots * sizeof(Record) + page - 1) / page * page;
		void *memory = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

		if (memory == MAP_FAILED)
			throw system_failure("mmap", errno);
		records = static_cast<Record *>(memory);
		length = wanted;
		count = slots;
	}

	__u32 slots() const { return count; }
	Record *at(__u32 slot) const { return slot < count ? &records[slot] : nullptr; }

private:
	Record *records = nullptr;
	size_t length = 0;
	__u32 count = 0;
};

/*
 * A writer holds a record for some ten nanoseconds, or for milliseconds if it lost its CPU meanwhile: then whoever wants the record
 * leaves it the CPU now and then.
 */
class record_patience
{
public:
	/* False once it is at its end. */
	bool wait()
	{
		if (++tries % SPINS == 0)
			sched_yield();
		return tries < TRIES;
	}

private:
	enum { SPINS = 1000, TRIES = 200 * SPINS };
	int tries = 0;
};

/*
 * The reader's half of the lock in core/table.h: calls visit(), which reads the record where it lies, until nobody wrote to it
 * meanwhile. False if it is free, or if a writer held it for all the tries.
 */
template <class Record, class Visit> bool record_visit(const Record *record, Visit visit)
{
	record_patience patience;

	do {
		__u32 before = __atomic_load_n(&record->version, __ATOMIC_ACQUIRE);
		bool is_free;

		if (before & RECORD_LOCKED)
			continue;
		is_free = record->tag == 0;
		if (!is_free)
			visit();
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&record->version, __ATOMIC_RELAXED) == before)
			return !is_free;
	} while (patience.wait());
	return false;
}

/* A consistent copy. */
template <class Record> bool record_read(const Record *record, Record *copy)
{
	return record_visit(record, [&] { memcpy(static_cast<void *>(copy), record, sizeof(*copy)); });
}

/* Change a record that is not free, as a writer does. False if others held it for all the tries. */
template <class Record, class Change> bool record_change(Record *record, Change change)
{
	record_patience patience;

	do {
		__u32 seen = __atomic_load_n(&record->version, __ATOMIC_RELAXED);

		if (seen & RECORD_LOCKED || !__atomic_compare_exchange_n(&record->version, &seen, seen | RECORD_LOCKED,
									 false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		if (record->tag != 0)
			change(record);
		/* Whoever came to wait meanwhile said so in the version. */
		__atomic_fetch_add(&record->version, RECORD_WRITTEN - RECORD_LOCKED, __ATOMIC_RELEASE);
		return true;
	} while (patience.wait());
	return false;
}

/*
 * Set a record free if it still has the version that was shown. A free slot is all zero but for its version. `release` is called
 * while it is held.
 */
template <class Record, class Release> void record_retire(Record *record, __u32 shown, Release release)
{
	if (shown & RECORD_LOCKED || !__atomic_compare_exchange_n(&record->version, &shown, shown | RECORD_LOCKED,
								  false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	Record empty = {};

	empty.version = shown | RECORD_LOCKED;
	memcpy(static_cast<void *>(record), &empty, sizeof(empty));
	release();
	__atomic_store_n(&record->version, (shown & ~__u32{ RECORD_WAITING }) + RECORD_WRITTEN, __ATOMIC_RELEASE);
}

#endif
