// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_DEPTHS_H
#define RTCPROBE_NATIVE_DEPTHS_H

#include "mapping.h"
#include "record.h"

/* What the depth probe fills, while it is on. */
class depth_maps
{
public:
	/* Throws native_error. */
	depth_maps(int streams_fd, int bundles_fd, __u32 slots)
	{
		streams.open(streams_fd, slots);
		bundles.open(bundles_fd, slots);
	}

	/* Adds what was measured of this stream, which nobody wrote to meanwhile, or else is shown again. */
	void show(struct record_rows *rows, __u32 slot, const struct stream &stream, const struct stream_totals &totals,
		  const struct stream_detail &detail) const
	{
		const struct stream_depth *measured = streams.at(slot);

		if (measured && measured->tag == stream.tag)
			depth_row(rows, slot, stream, totals, detail, *measured, find_bundle(measured->bundle));
	}

private:
	/* The bundle of this tag, or an empty one. */
	struct bundle find_bundle(__u64 tag) const
	{
		struct bundle copy;

		for (__u32 i = 0; tag && i < TABLE_PROBES; i++) {
			const struct bundle *record = bundles.at(table_slot(tag, i, bundles.slots() - 1));

			if (record->tag == tag && record_read(record, &copy) && copy.tag == tag)
				return copy;
		}
		return {};
	}

	mapping<struct stream_depth> streams;
	mapping<struct bundle> bundles;
};

#endif
