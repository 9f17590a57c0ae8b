// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_PACKET_H
#define RTCPROBE_NATIVE_PACKET_H

#include <mutex>
#include <string>
#include <thread>

#include "observer.h"
#include "record.h"
#include "ring.h"
#include "sightings.h"

/* The packets of this host's interfaces on their way through the core, read by a thread of their own. */
class packet_stream
{
public:
	/* Does not listen yet. Throws a native_error. */
	packet_stream(const std::string &interface, __u32 stream_slots, __u32 pair_slots);
	packet_stream(const packet_stream &) = delete;
	packet_stream &operator=(const packet_stream &) = delete;
	~packet_stream();

	/* Bits of enum probe_bit; with none on the socket is deaf. */
	void set_probes(__u32 probes);

	/* Calls body(observer) while the thread is held off. */
	template <class Body> auto with_observer(Body body)
	{
		std::lock_guard lock(mutex);

		return body(&observer);
	}

	/* Frames the kernel had to drop since the beginning. */
	__u64 frames_missed();

private:
	void run();
	void observe_frame(const struct ring_frame &frame, __u64 now);
	void measure_offset();
	__u64 monotonic(__u64 realtime_ns);

	packet_ring ring;
	bool is_everywhere; /* on all interfaces */
	std::mutex mutex;   /* of what follows */
	struct observer observer;
	sightings seen;
	__s64 offset_ns = 0; /* real time less monotonic, measured for each batch: real time may be set anew */
	__u64 now_ns = 0;    /* monotonic, at the batch */
	__u64 last_ns = 0;   /* of the last frame */
	__u64 missed = 0;

	descriptor stopped; /* eventfd */
	std::thread reader;
};

#endif
