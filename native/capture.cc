// SPDX-License-Identifier: MIT
#include "capture.h"

#include <algorithm>
#include <system_error>

#include "datagrams.h"

capture::capture(std::string path) : looker(std::move(path))
{
	observer.streams.open(1 << 12, false);
	observer.pairs.open(1 << 10, false);
	observer.bundles.open(1 << 8, false);
	observer.reports.open(1 << 10, false);
	std::fill(std::begin(likely), std::end(likely), stream_table::NONE);
}

inline void capture::observe(const struct looked_packet &packet, __u32 likely_stream)
{
	if (packet.tag) {
		clock = std::max(clock, packet.time_ns);
		if (observer_plain(&observer, packet.tag, likely_stream, packet.words, packet.size, packet.time_ns))
			return;
	}
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
	clock = std::max(clock, packet.time_ns);
}

/*
 * Packets to come are fetched from the core that looked at them.
 *
 * While there are more streams than the cache holds, what a packet will change comes from memory before its turn: the slot of the
 * packet of this number, the record of one ahead of it, and of another what the record tells to be needed.
 */
inline void capture::fetch(__u32 number)
{
	const struct looked_packet *packets = batch->packets.data();

	__builtin_prefetch(packets + number + 2 * AHEAD);
	if (!observer.streams.is_large())
		return;
	observer.streams.prefetch_slot(packets[number].tag);
	if (number >= AHEAD)
		likely[(number - AHEAD) % LIKELY] = observer.streams.prefetch_record(packets[number - AHEAD].tag);
	if (number >= 2 * AHEAD)
		observer.streams.prefetch_rest(likely[(number - 2 * AHEAD) % LIKELY]);
}

/* True if a packet is left that is not to be observed yet. Hot, or a compiler takes some of its way for seldom gone and divides there. */
[[gnu::hot]] bool capture::observe_batch(__u64 until_ns)
{
	const struct looked_packet *packets = batch->packets.data();
	bool has_ends = batch->count && batch->last.ends;
	__u32 fetched = observed;

	for (; observed < batch->count; observed++) {
		const struct looked_packet &packet = packets[observed];
		__u64 time_ns = has_ends ? batch->last.time_ns : packet.time_ns;

		if (time_ns >= until_ns || log.is_full()) {
			clock = std::min(until_ns, time_ns);
			next = time_ns;
			return true;
		}
		frames++;
		if (has_ends) {
			observe_any(batch->last);
			continue;
		}
		for (; fetched < batch->count && fetched < observed + 3 * AHEAD; fetched++)
			fetch(fetched);
		observe(packet, likely[observed % LIKELY]);
	}
	return false;
}

void capture::open()
{
	looker.open(observer.config.keys, local);
	is_open = true;
	if (!looker.share())
		return;
	try {
		ahead.emplace([this](packet_batch *to) { looker.fill(to); });
	} catch (const std::system_error &) {
		/* No thread is to be had: batches are filled when they are needed. */
	}
}

void capture::next_batch()
{
	batch = ahead ? ahead->next([this] { return looker.help(); }) : &own;
	if (!ahead)
		looker.fill(batch);
	observed = 0;
}

bool capture::read(__u64 until_ns)
{
	if (is_over)
		return false;
	is_over = true; /* after a fault, too */
	if (!is_open)
		open();
	if (!batch)
		next_batch();
	while (!observe_batch(until_ns)) {
		if (batch->fault)
			std::rethrow_exception(batch->fault);
		is_truncated = batch->is_truncated;
		if (batch->is_last)
			return false;
		next_batch();
	}
	is_over = false;
	return true;
}
