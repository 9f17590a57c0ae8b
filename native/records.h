// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_RECORDS_H
#define RTCPROBE_NATIVE_RECORDS_H

#include <cstddef>
#include <utility>
#include <vector>

#include "core.h"

#include "../core/table.h"

static inline int stream_is_claimable(const struct stream *s, __u64 now); /* core/observe.h */

/* Have memory brought into the cache, to be written to. */
template <class Begin> static inline void prefetch_lines(const Begin *begin, size_t size)
{
	for (size_t at = 0; at < size; at += 64)
		__builtin_prefetch(reinterpret_cast<const char *>(begin) + at, 1);
}

/* One slot's worth of a record. */
struct alignas(64) stream_entry {
	struct stream record;
	struct stream_depth depth; /* valid if its tag is the record's */
	struct stream_detail detail;

	const struct endpoints &endpoints() const { return detail.endpoints; }
	__u64 cgroup_id() const { return detail.cgroup_id; }
	__u32 pid() const { return detail.pid; }
	bool is_stale(__u64 now) const { return stream_is_claimable(&record, now); }
	/* What a snapshot wants, but for the depth. */
	void prefetch_shown() const
	{
		__builtin_prefetch(&record);
		__builtin_prefetch(&detail);
	}
	void prefetch() const
	{
		prefetch_lines(&record, sizeof(record));
		prefetch_lines(&depth, offsetof(struct stream_depth, step));
		prefetch_lines(&depth.drift.transit_ns, 2 * 64); /* with the frames */
		prefetch_lines(&depth.variation, 64);
	}
	void prefetch_rest() const
	{
		if (record.evidence != STREAM_SETTLED) {
			prefetch_lines(&detail, sizeof(detail));
			prefetch_lines(&depth.step, sizeof(depth.step));
		}
		prefetch_lines(&depth.frames.ring[depth.frames.intervals % FRAMES_RING], 1);
	}
};

struct alignas(64) pair_entry {
	struct pair record;

	void prefetch_shown() const { __builtin_prefetch(&record); }
	const struct endpoints &endpoints() const { return record.endpoints; }
	__u64 cgroup_id() const { return record.cgroup_id; }
	__u32 pid() const { return record.pid; }
	bool is_stale(__u64) const { return false; }
};

struct alignas(64) bundle_entry {
	struct bundle record;

	void prefetch_shown() const { __builtin_prefetch(&record); }
	bool is_stale(__u64 now) const { return bundle_is_claimable(&record, now); }
};

struct alignas(64) report_entry {
	struct report record;

	void prefetch_shown() const { __builtin_prefetch(&record); }
	const struct endpoints &endpoints() const { return record.endpoints; }
	__u64 cgroup_id() const { return record.cgroup_id; }
	__u32 pid() const { return record.pid; }
	bool is_stale(__u64 now) const { return report_is_claimable(&record, now); }
};

/*
 * The table that core/table.h probes, as slots that name dense entries: the index grows and is rehashed, an entry's
 * number (its id) never changes. A free slot shows one entry kept aside; once the core has claimed it, keep() gives it a
 * place of its own.
 */
template <class Entry> class record_table
{
public:
	static constexpr __u32 NONE = ~0u;

	/* `slots` is a power of two. A fixed table never grows: its slots bound its entries. */
	void open(__u32 slots, bool fixed)
	{
		index.assign(slots, NONE);
		is_fixed = fixed;
		if (fixed)
			entries.reserve(slots);
	}

	__u32 mask() const { return static_cast<__u32>(index.size()) - 1; }

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

	/* Have the first slot of this tag brought into the cache, and then the entry it names. Nothing if the tag is 0. */
	void prefetch_slot(__u64 tag) const
	{
		if (tag)
			__builtin_prefetch(&index[table_slot(tag, 0, mask())]);
	}

	void prefetch_record(__u64 tag) const
	{
		__u32 id = tag ? index[table_slot(tag, 0, mask())] : NONE;

		if (id != NONE)
			entries[id].prefetch();
	}

	/* And then what else of it a packet changes, as the record tells. */
	void prefetch_rest(__u64 tag) const
	{
		__u32 id = tag ? index[table_slot(tag, 0, mask())] : NONE;

		if (id != NONE)
			entries[id].prefetch_rest();
	}

	/* After each datagram: keep the entry that it claimed, if it did. */
	void keep(__u64 now)
	{
		if (spare.record.tag == 0)
			return;
		put_spare();
		if (!is_fixed && live() * LOAD > index.size())
			grow(now);
	}

	/*
	 * Make room: forget the stale, and double the index unless that alone made enough. False if the table is fixed, or
	 * so empty that more slots would not help.
	 */
	bool grow(__u64 now)
	{
		size_t slots = index.size();
		size_t before = live();

		if (is_fixed || before * LOAD * 64 < slots)
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

	/* The entry of this tag, or nothing if none has it. */
	Entry *entry_of(__u64 tag)
	{
		__u32 id = id_of(tag);

		return id == NONE ? nullptr : &entries[id];
	}

	/* The entry of this id, or nothing if none has it. */
	const Entry *find(__u32 id) const
	{
		return id < entries.size() && entries[id].record.tag != 0 ? &entries[id] : nullptr;
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
	/* Slots per entry at the least. At 1/4 full, 1 claim in 65 000 finds its eight slots taken and makes it grow. */
	static constexpr size_t LOAD = 4;
	static constexpr size_t LARGE = 512;
	static constexpr __u32 AHEAD = 8; /* entries that are fetched before they are shown */

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
		index = std::move(next);
		return true;
	}

	std::vector<__u32> index;
	std::vector<Entry> entries;
	std::vector<__u32> vacant;
	std::vector<__u32> shown; /* version of each entry at the last snapshot; 0 = none saw it */
	Entry spare = {};
	__u32 asked = 0;
	bool is_fixed = false;
};

using stream_table = record_table<stream_entry>;
using pair_table = record_table<pair_entry>;
using bundle_table = record_table<bundle_entry>;
using report_table = record_table<report_entry>;

#endif
