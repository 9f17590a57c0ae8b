// SPDX-License-Identifier: MIT
#include "packet.h"

#include <algorithm>
#include <csignal>

#include <sys/eventfd.h>

#include "clock.h"
#include "datagrams.h"

namespace
{

enum { CLOCK_TRIES = 3 };

/* No signal comes to this thread, or to one that it begins, as long as this lives. */
class signals_held
{
public:
	signals_held()
	{
		sigset_t all;

		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
	}
	signals_held(const signals_held &) = delete;
	signals_held &operator=(const signals_held &) = delete;
	~signals_held() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }

private:
	sigset_t before;
};

} // namespace

packet_stream::packet_stream(const std::string &interface, __u32 stream_slots, __u32 pair_slots)
	: ring(interface), is_everywhere(interface.empty())
{
	stopped.take(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
	observer.streams.open(stream_slots, stream_slots);
	observer.pairs.open(pair_slots, pair_slots);
	observer.bundles.open(stream_slots, stream_slots);
	observer.reports.open(stream_slots, stream_slots);
	observer.probes = 0;
	signals_held held; /* they are for the main thread */

	reader = std::thread(&packet_stream::run, this);
}

packet_stream::~packet_stream()
{
	eventfd_write(stopped.get(), 1);
	reader.join();
}

void packet_stream::set_probes(__u32 probes)
{
	std::lock_guard lock(mutex);

	if ((probes != 0) != (observer.probes != 0))
		ring.listen(probes != 0);
	observer.streams.for_each([begun = probes & ~observer.probes](stream_entry *entry) {
		if (begun & PROBE_RTP)
			stream_interrupt(&entry->record, &entry->detail);
		if (begun & (PROBE_RTP | PROBE_DEPTH)) /* it begins anew: nobody looked meanwhile */
			entry->depth.tag = 0;
	});
	observer.probes = probes;
}

__u64 packet_stream::frames_missed()
{
	std::lock_guard lock(mutex);

	missed += ring.take_drops();
	return missed;
}

/* The narrowest of a few looks at real time between two at monotonic time: whoever interrupts us widens the others. */
void packet_stream::measure_offset()
{
	__u64 narrowest = ~0ULL;

	for (int i = 0; i < CLOCK_TRIES; i++) {
		__u64 before = read_clock(CLOCK_MONOTONIC);
		__u64 real = read_clock(CLOCK_REALTIME);

		now_ns = read_clock(CLOCK_MONOTONIC);
		if (now_ns - before >= narrowest)
			continue;
		narrowest = now_ns - before;
		offset_ns = static_cast<__s64>(real - before - narrowest / 2);
	}
}

/* When real time was set between a frame and its batch the difference is off: time neither goes back nor ahead of now. */
__u64 packet_stream::monotonic(__u64 realtime_ns)
{
	__s64 at = static_cast<__s64>(realtime_ns) - offset_ns;

	last_ns = std::clamp(at < 0 ? 0 : static_cast<__u64>(at), std::min(last_ns, now_ns), now_ns);
	return last_ns;
}

void packet_stream::observe_frame(const struct ring_frame &frame, __u64 now)
{
	struct bytes packet = frame.is_ethernet ? frame.frame : frame.packet;
	__u16 ether_type = frame.is_ethernet ? ethernet_strip(&packet) : vlan_strip(frame.ether_type, &packet);
	struct udp_packet udp;
	enum frame_kind kind = packet_parse(ether_type, packet, &udp);

	if (kind == FRAME_UDP) {
		udp.endpoints.direction = frame.direction;
		if (is_everywhere && !seen.is_first(udp.endpoints, observer.config.keys, frame.interface, now))
			return;
	}
	observer_packet(&observer, kind, &udp, frame.segment, now);
}

void packet_stream::run()
{
	while (ring.wait(stopped.get())) {
		std::lock_guard lock(mutex);

		measure_offset();
		ring.drain([&](const struct ring_frame &frame) { observe_frame(frame, monotonic(frame.realtime_ns)); });
	}
}
