// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_BENCH_RECORDS_H
#define RTCPROBE_BENCH_RECORDS_H

/* The records of the attached probe, read as the addon reads them. */
#include "../../native/mapping.h"

#include "attachment.h"

class records
{
public:
	explicit records(struct probe *probe)
	{
		__u32 slots = bpf_map__max_entries(probe->maps.streams);

		streams.open(bpf_map__fd(probe->maps.streams), slots);
		totals.open(bpf_map__fd(probe->maps.totals), slots);
		details.open(bpf_map__fd(probe->maps.details), slots);
	}

	__u32 slots() const { return streams.slots(); }
	const struct stream *at(__u32 slot) const { return streams.at(slot); }
	const struct stream_totals *totals_of(__u32 slot) const { return totals.at(slot); }
	const struct stream_detail *detail(__u32 slot) const { return details.at(slot); }
	enum direction direction(__u32 slot) const
	{
		return static_cast<enum direction>(detail(slot)->endpoints.direction);
	}

private:
	mapping<struct stream> streams;
	mapping<struct stream_totals> totals;
	mapping<struct stream_detail> details;
};

#endif
