// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_SIGHTINGS_H
#define RTCPROBE_NATIVE_SIGHTINGS_H

#include <vector>

#include "core.h"

#include "../core/table.h"

/*
 * Where each 5-tuple was seen first. A socket on all interfaces sees a packet on every device it passes, a bridge and its
 * port for one; without this the second sight of it would be taken for a duplicate.
 */
class sightings
{
public:
	/* True if packets of these endpoints count on this interface: it is the one that saw them first, of late. */
	bool is_first(const struct endpoints &e, const struct tag_keys &keys, int interface, __u64 now)
	{
		__u64 tag = endpoints_tag(&e, &keys, 0, 0);
		sighting *claimable = nullptr;

		for (__u32 i = 0; i < PROBES; i++) {
			sighting &s = slots[table_slot(tag, i, SLOTS - 1)];
			bool is_idle = now - s.last_ns > IDLE_NS;

			if (s.tag == tag && (s.interface == interface || is_idle)) {
				s.interface = interface;
				s.last_ns = now;
				return true;
			}
			if (s.tag == tag)
				return false;
			if (!claimable && (s.tag == 0 || is_idle))
				claimable = &s;
		}
		if (claimable)
			*claimable = { tag, now, interface };
		return true; /* more 5-tuples at once than slots: better twice than not at all */
	}

private:
	struct sighting {
		__u64 tag;
		__u64 last_ns;
		int interface;
	};

	static constexpr __u32 SLOTS = 1 << 16;
	static constexpr __u32 PROBES = 8;
	static constexpr __u64 IDLE_NS = NS_PER_S; /* then another interface may take over */

	std::vector<sighting> slots = std::vector<sighting>(SLOTS);
};

#endif
