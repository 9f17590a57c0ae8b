// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_ENTRIES_H
#define RTCPROBE_NATIVE_ENTRIES_H

#include <cstddef>

#include "core.h"

static inline int stream_is_claimable(const struct stream *s, __u64 now); /* core/observe.h */

/* Have memory brought into the cache, to be written to. */
template <class Begin> [[gnu::always_inline]] static inline void prefetch_lines(const Begin *begin, size_t size)
{
	for (size_t at = 0; at < size; at += 64)
		__builtin_prefetch(reinterpret_cast<const char *>(begin) + at, 1);
}

/* One slot's worth of a record. */
struct alignas(64) stream_entry {
	struct stream record;
	struct stream_depth depth; /* valid if its tag is the record's */
	struct stream_totals totals;
	struct stream_detail detail;

	const struct endpoints &endpoints() const { return detail.endpoints; }
	__u64 cgroup_id() const { return detail.cgroup_id; }
	__u32 pid() const { return detail.pid; }
	bool is_stale(__u64 now) const { return stream_is_claimable(&record, now); }
	/* What a snapshot wants, but for the depth. */
	[[gnu::always_inline]] void prefetch_shown() const
	{
		__builtin_prefetch(&record);
		__builtin_prefetch(&totals);
	}
	[[gnu::always_inline]] void prefetch() const
	{
		prefetch_lines(&record, sizeof(record));
		prefetch_lines(&depth, 64);
	}
	[[gnu::always_inline]] void prefetch_rest() const
	{
		if (record.evidence != STREAM_SETTLED) {
			prefetch_lines(&totals, sizeof(totals));
			prefetch_lines(&detail, sizeof(detail));
			prefetch_lines(&depth.step, sizeof(depth.step));
		}
		prefetch_lines(&depth.variation[depth.bucket], 1);
		if (depth_is_audio(&record))
			return;
		prefetch_lines(&depth.frames, 64);
		prefetch_lines(&depth.frames.ring, sizeof(depth.frames.ring));
	}
};

struct alignas(64) pair_entry {
	struct pair record;

	[[gnu::always_inline]] void prefetch_shown() const { __builtin_prefetch(&record); }
	const struct endpoints &endpoints() const { return record.endpoints; }
	__u64 cgroup_id() const { return record.cgroup_id; }
	__u32 pid() const { return record.pid; }
	bool is_stale(__u64) const { return false; }
};

struct alignas(64) bundle_entry {
	struct bundle record;

	[[gnu::always_inline]] void prefetch_shown() const { __builtin_prefetch(&record); }
	bool is_stale(__u64 now) const { return bundle_is_claimable(&record, now); }
};

struct alignas(64) report_entry {
	struct report record;

	[[gnu::always_inline]] void prefetch_shown() const { __builtin_prefetch(&record); }
	const struct endpoints &endpoints() const { return record.endpoints; }
	__u64 cgroup_id() const { return record.cgroup_id; }
	__u32 pid() const { return record.pid; }
	bool is_stale(__u64 now) const { return report_is_claimable(&record, now); }
};

#endif
