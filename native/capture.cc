// SPDX-License-Identifier: MIT
#include "capture.h"

#include <algorithm>

#include "datagrams.h"

namespace
{

/* Slots, so that no file has more memory than it is worth: 420 MiB of streams, 40 of pairs. Beyond them datagrams are told as tableFull. */
enum : __u32 { MOST_STREAMS = 1 << 18, MOST_PAIRS = 1 << 15 };

} // namespace

capture::capture(std::string path) : looker(std::move(path))
{
	observer.streams.open(1 << 12, MOST_STREAMS);
	observer.pairs.open(1 << 10, MOST_PAIRS);
	observer.bundles.open(1 << 8, MOST_STREAMS);
	observer.reports.open(1 << 10, MOST_STREAMS);
	std::fill(std::begin(likely), std::end(likely), stream_table::NONE);
}

inline void capture::observe(const struct looked_packet &packet, __u32 likely_stream, __u32 *usual)
{
	if (packet.tag && observer_plain(&observer, packet, likely_stream, usual))
		return;
	if (batch->last.ends)
		observe_any(batch->last);
	else
		observe_any({ { packet.frame, packet.captured }, packet.link_type, packet.time_ns, nullptr, 0 });
}

/* Any packet, from its first byte on. */
void capture::observe_any(const struct captured_packet &packet)
{
	struct bytes network = packet.frame;
	enum frame_kind kind = FRAME_UDP;
	struct udp_packet udp;

	if (packet.ends) {
		udp = { *packet.ends, packet.frame, packet.size };
	} else {
		__u16 ether_type = link_strip(packet.link_type, &network);

		kind = packet_parse(ether_type, network, &udp);
		if (kind == FRAME_UDP)
			udp.endpoints.direction = direction_of(udp.endpoints, local);
	}
	frames_other += kind == FRAME_OTHER;
	observer_packet(&observer, kind, &udp, 0, packet.time_ns);
}

/*
 * While there are more streams than the cache holds, what a packet will change comes from memory before its turn: the slot of the
 * packet of this number, the record of one ahead of it, and of another what the record tells to be needed. And what is known of
 * packets to come, from the core that looked at them.
 */
inline void capture::fetch(__u32 number)
{
	const struct looked_packet *packets = batch->packets.get();

	__builtin_prefetch(packets + number + 2 * AHEAD);
	observer.streams.prefetch_slot(packets[number].tag);
	if (number >= AHEAD)
		likely[(number - AHEAD) % LIKELY] = observer.streams.prefetch_record(packets[number - AHEAD].tag);
	if (number >= 2 * AHEAD)
		observer.streams.prefetch_rest(likely[(number - 2 * AHEAD) % LIKELY]);
}

/* True if a packet is left that is not to be observed yet. Hot, or a compiler takes some of its way for seldom gone and divides there. */
[[gnu::hot]] bool capture::observe_batch(__u64 until_ns)
{
	const struct looked_packet *packets = batch->packets.get();
	__u32 at = observed, fetched = observed, usual = 0;
	__u64 latest_ns = clock;
	bool is_large = observer.streams.is_large();

	for (; at < batch->count; at++) {
		const struct looked_packet &packet = packets[at];

		if (packet.time_ns >= until_ns || log.is_full())
			break;
		for (; is_large && fetched < batch->count && fetched < at + 3 * AHEAD; fetched++)
			fetch(fetched);
		latest_ns = std::max(latest_ns, packet.time_ns);
		observe(packet, is_large ? likely[at % LIKELY] : observer.streams.likely_id(packet.tag), &usual);
	}
	frames += at - observed;
	observed = at;
	observer_tally(&observer, DATAGRAM_SEEN, usual);
	observer_tally(&observer, DATAGRAM_RTP, usual);
	clock = latest_ns;
	if (at == batch->count)
		return false;
	next = packets[at].time_ns;
	clock = std::min(until_ns, next);
	return true;
}

/* The next batch, or the one of which something is left. */
after_batch capture::observe_whole(packet_batch *now, __u64 until_ns)
{
	batch = now;
	is_left = observe_batch(until_ns);
	if (is_left)
		return after_batch::END;
	observed = 0;
	if (batch->fault)
		std::rethrow_exception(batch->fault);
	is_truncated = batch->is_truncated;
	if (batch->is_last)
		return after_batch::END;
	return observer.streams.is_large() ? after_batch::KEEP : after_batch::PASS;
}

bool capture::read(__u64 until_ns)
{
	if (is_over)
		return false;
	is_over = true; /* after a fault, too */
	if (!is_open) {
		looker.open(observer.config.keys, local);
		is_open = true;
		if (looker.share())
			shared.emplace(&looker);
	}
	if (shared) {
		shared->run([=, this](packet_batch *now) { return observe_whole(now, until_ns); });
	} else {
		do {
			if (!is_left)
				looker.fill(&own);
		} while (observe_whole(&own, until_ns) != after_batch::END);
	}
	is_over = !is_left;
	return is_left;
}
