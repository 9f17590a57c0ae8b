// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_SHARED_TABLE_H
#define RTCPROBE_NATIVE_SHARED_TABLE_H

#include <algorithm>
#include <vector>

#include "mapping.h"

/* Records that the kernel fills, and which of them the last snapshot saw. */
template <class Record> class shared_table
{
public:
	/* `taken` are the bits of the slots that are (core/table.h). */
	void open(int map_fd, __u32 slots, __u64 *taken)
	{
		records.open(map_fd, slots);
		bits = taken;
	}

	/* A consistent copy. False if the slot is free. */
	bool read(__u32 slot, Record *copy) const
	{
		const Record *record = records.at(slot);

		return record && record->tag != 0 && record_read(record, copy);
	}

	/*
	 * Calls visit(slot, record) for all, and remembers what it saw. A record is read where it lies: if it was written to
	 * meanwhile, visit() is called again, and the rows that it added are taken back. Some time before, fetch(slot) is called to have
	 * what else visit() reads brought into the cache.
	 */
	template <class Fetch, class Visit, class... Rows> void show(Fetch fetch, Visit visit, Rows *...rows)
	{
		__u32 slots = records.slots();
		size_t i = 0;

		present.clear();
		for (__u32 first = 0; first < slots; first += CHUNK) {
			find_present(first, std::min<__u32>(slots, first + CHUNK));
			size_t ahead = first + CHUNK < slots ? AHEAD : 0;

			for (; i + ahead < present.size(); i++)
				show_one(i, fetch, visit, rows...);
		}
	}

	/* Calls change(slot, record) for all, each held as a writer holds it. */
	template <class Change> void change_all(Change change)
	{
		present.clear();
		find_present(0, records.slots());
		for (const shown_slot &one : present)
			record_change(records.at(one.slot), [&](Record *record) { change(one.slot, record); });
	}

	void retire(__u32 slot)
	{
		auto found =
			std::lower_bound(present.begin(), present.end(), slot,
					 [](const shown_slot &shown, __u32 wanted) { return shown.slot < wanted; });

		if (found != present.end() && found->slot == slot)
			record_retire(records.at(slot), found->version, [&] {
				__atomic_fetch_and(&bits[slot / TABLE_WORD], ~table_bit(slot), __ATOMIC_RELAXED);
			});
	}

private:
	enum {
		AHEAD = 32, /* records that are fetched before they are read */
		CHUNK = 4096, /* slots that are listed at once: the list is in the nearest cache when their records are read */
	};

	/* A slot that may have a record, and the version that was shown; RECORD_LOCKED, which is never free to go, if none was. */
	struct shown_slot {
		__u32 slot;
		__u32 version;
	};

	template <class Fetch, class Visit, class... Rows>
	[[gnu::always_inline]] void show_one(size_t i, Fetch fetch, Visit visit, Rows *...rows)
	{
		__u32 slot = present[i].slot;
		const Record *record = records.at(slot);
		__u32 version = 0;
		auto take = [&, ... before = rows->count] {
			version = record->version;
			((rows->count = before), ...);
			visit(slot, *record);
		};

		if (i + AHEAD < present.size()) {
			prefetch(records.at(present[i + AHEAD].slot));
			fetch(present[i + AHEAD].slot);
		}
		if (record->tag != 0 && record_visit(record, take))
			present[i].version = version;
	}

	void find_present(__u32 begin, __u32 end)
	{
		for (__u32 first = begin; first < end; first += TABLE_WORD) {
			__u64 rest = __atomic_load_n(&bits[first / TABLE_WORD], __ATOMIC_RELAXED);

			for (; rest; rest &= rest - 1)
				present.push_back({ first + static_cast<__u32>(__builtin_ctzll(rest)), RECORD_LOCKED });
		}
	}

	/* The begin of a record. */
	static void prefetch(const Record *record)
	{
		__builtin_prefetch(record);
		if constexpr (sizeof(Record) > 64)
			__builtin_prefetch(reinterpret_cast<const char *>(record) + 64);
	}

	mapping<Record> records;
	std::vector<shown_slot> present; /* at the last snapshot, in order */
	__u64 *bits = nullptr;
};

#endif
