// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_RECORDS_H
#define RTCPROBE_NATIVE_RECORDS_H

#include <utility>
#include <vector>

#include "entries.h"

#include "../core/table.h"

/*
 * The table that core/table.h probes, as slots that name dense entries: the index grows and is rehashed, an entry's
 * number (its id) never changes. A free slot shows one entry kept aside; once the core has claimed it, keep() gives it a
 * place of its own.
 */
template <class Entry> class record_table
{
public:
	static constexpr __u32 NONE = ~0u;

	/* Powers of two. The table grows up to the most slots, which bound its entries. */
	void open(__u32 slots, __u32 most)
	{
		set_index(std::vector<__u32>(slots, NONE));
		most_slots = most;
		if (slots == most)
			entries.reserve(slots);
	}

	__u32 mask() const { return index_mask; }

	Entry &at(__u32 slot)
	{
		__u32 id = index[slot];

		if (id != NONE)
			return entries[id];
		if (slot != asked && spare.record.tag != 0)
			put_spare(); /* one datagram may claim two */
		asked = slot;
		return spare;
	}

	/* More records than the cache of a core holds. */
	bool is_large() const { return entries.size() > LARGE; }

	/*
	 * Have the first slot of this tag brought into the cache, and then the entry it names; nothing if the tag is 0. All that fetches
	 * is inlined by force: GCC drops the call of a function that does nothing else.
	 */
	[[gnu::always_inline]] void prefetch_slot(__u64 tag) const
	{
		if (tag)
			__builtin_prefetch(&index[table_slot(tag, 0, mask())]);
	}

	/* Returns the id of that entry, likely the tag's; NONE if there is none. */
	[[gnu::always_inline]] __u32 prefetch_record(__u64 tag) const
	{
		__u32 id = tag ? likely_id(tag) : NONE;

		if (id != NONE)
			entries[id].prefetch();
		return id;
	}

	/* And then what else of this entry a packet changes, as the record tells. */
	[[gnu::always_inline]] void prefetch_rest(__u32 id) const
	{
		if (id != NONE)
			entries[id].prefetch_rest();
	}

	/* After each datagram: keep the entry that it claimed, if it did. */
	void keep(__u64 now)
	{
		if (spare.record.tag == 0)
			return;
		put_spare();
		if (index.size() < most_slots && live() * LOAD > index.size())
			grow(now);
	}

	/*
	 * Make room: forget the stale, and double the index unless that alone made enough. False if the table has the most slots, or
	 * is so empty that more would not help.
	 */
	bool grow(__u64 now)
	{
		size_t slots = index.size();
		size_t before = live();

		if (slots >= most_slots || before * LOAD * 64 < slots)
			return false;
		for (__u32 id = 0; id < entries.size(); id++)
			if (entries[id].record.tag != 0 && entries[id].is_stale(now))
				forget(id);
		if (live() == before || live() * LOAD * 2 > slots)
			slots *= 2;
		while (!rehash(slots))
			slots *= 2;
		return true;
	}

	/* The id of the entry of this tag; NONE if none has it. */
	__u32 id_of(__u64 tag) const
	{
		for (__u32 i = 0; i < TABLE_PROBES; i++) {
			__u32 id = index[table_slot(tag, i, mask())];

			if (id != NONE && entries[id].record.tag == tag)
				return id;
		}
		return NONE;
	}

	/* The id that the first slot of this tag names, likely the tag's; NONE if it names none. */
	[[gnu::always_inline]] __u32 likely_id(__u64 tag) const { return index[table_slot(tag, 0, mask())]; }

	/* The entry of this tag, or nothing if none has it. `likely` is an id to be looked at first, or NONE. */
	[[gnu::always_inline]] Entry *entry_of(__u64 tag, __u32 likely)
	{
		__u32 id = likely;

		if (id == NONE || entries[id].record.tag != tag)
			id = id_of(tag);
		return id == NONE ? nullptr : &entries[id];
	}

	/* The entry of this id, or nothing if none has it. */
	const Entry *find(__u32 id) const
	{
		return id < entries.size() && entries[id].record.tag != 0 ? &entries[id] : nullptr;
	}

	template <class Visit> void for_each(Visit visit)
	{
		for (Entry &entry : entries)
			visit(&entry);
	}

	/* Calls visit(id, entry) for all, and remembers what it saw. */
	template <class Visit> void show(Visit visit)
	{
		shown.resize(entries.size());
		for (__u32 id = 0; id < entries.size(); id++) {
			if (id + AHEAD < entries.size())
				entries[id + AHEAD].prefetch_shown();
			if (entries[id].record.tag == 0)
				continue;
			visit(id, entries[id]);
			shown[id] = entries[id].record.version;
		}
	}

	/* Set the entry of this id free, unless it changed since it was shown. */
	void retire(__u32 id)
	{
		const Entry *entry = find(id);

		if (!entry || id >= shown.size() || shown[id] != entry->record.version)
			return;
		for (__u32 i = 0; i < TABLE_PROBES; i++) {
			__u32 slot = table_slot(entry->record.tag, i, mask());

			if (index[slot] == id)
				index[slot] = NONE;
		}
		forget(id);
	}

private:
	/* Slots per entry while the table can grow: then one claim in 4^TABLE_PROBES finds all its slots taken. */
	static constexpr size_t LOAD = 4;
	static constexpr size_t LARGE = 512;
	static constexpr __u32 AHEAD = 8; /* entries that are fetched before they are shown */

	void set_index(std::vector<__u32> next)
	{
		index = std::move(next);
		index_mask = static_cast<__u32>(index.size()) - 1;
	}

	size_t live() const { return entries.size() - vacant.size(); }

	void forget(__u32 id)
	{
		entries[id] = {};
		if (id < shown.size())
			shown[id] = 0;
		vacant.push_back(id);
	}

	void put_spare()
	{
		index[asked] = place();
		spare = {};
	}

	__u32 place()
	{
		if (vacant.empty()) {
			entries.push_back(spare);
			return static_cast<__u32>(entries.size() - 1);
		}
		__u32 id = vacant.back();

		vacant.pop_back();
		entries[id] = spare;
		return id;
	}

	bool rehash(size_t slots)
	{
		std::vector<__u32> next(slots, NONE);

		for (__u32 id = 0; id < entries.size(); id++) {
			__u32 i = 0, slot = 0;

			if (entries[id].record.tag == 0)
				continue;
			for (; i < TABLE_PROBES; i++) {
				slot = table_slot(entries[id].record.tag, i, static_cast<__u32>(slots) - 1);
				if (next[slot] == NONE)
					break;
			}
			if (i == TABLE_PROBES)
				return false;
			next[slot] = id;
		}
		set_index(std::move(next));
		return true;
	}

	std::vector<__u32> index;
	__u32 index_mask = 0; /* its size less one */
	std::vector<Entry> entries;
	std::vector<__u32> vacant;
	std::vector<__u32> shown; /* version of each entry at the last snapshot; 0 = none saw it */
	Entry spare = {};
	__u32 asked = 0;
	size_t most_slots = 0;
};

using stream_table = record_table<stream_entry>;
using pair_table = record_table<pair_entry>;
using bundle_table = record_table<bundle_entry>;
using report_table = record_table<report_entry>;

#endif
