// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_CAPTURE_H
#define RTCPROBE_NATIVE_CAPTURE_H

#include <optional>
#include <string>
#include <vector>

#include "turns.h"
#include "observer.h"

/* A capture file on its way through the core: no JavaScript here. One thread at a time, but for stop(). */
class capture
{
public:
	explicit capture(std::string path);

	/*
	 * Observe the packets before `until_ns`. True while there is more. Throws a native_error; what was read before the
	 * fault stays counted, and after it there is no more.
	 */
	bool read(__u64 until_ns);
	void stop() { looker.stop(); }

	/* Time of the last packet, or the time that was read up to; 0 before the first. */
	__u64 clock_ns() const { return clock; }

	/* Time of the packet that a read stopped before; means nothing unless it said that there is more. */
	__u64 next_ns() const { return next; }

	/* From now on keep the packets; a read ends early when a batch of them is full. */
	void keep_packets() { observer.log = &log; }
	std::vector<packet_log::entry> take_packets() { return log.take(); }

	struct observer observer;
	std::vector<local_address> local;
	__u64 frames = 0;
	__u64 frames_other = 0; /* no UDP over IP */
	bool is_truncated = false;

private:
	static constexpr __u32 AHEAD = 8;          /* packets between two steps of fetching */
	static constexpr __u32 LIKELY = 4 * AHEAD; /* more than are being fetched */

	[[gnu::always_inline]] void fetch(__u32 number);
	[[gnu::always_inline]] void observe(const struct looked_packet &packet, __u32 likely_stream, __u32 *usual);
	[[gnu::noinline]] void observe_any(const struct captured_packet &packet);
	bool observe_batch(__u64 until_ns);
	after_batch observe_whole(packet_batch *next, __u64 until_ns);

	packet_log log;
	packet_batch *batch = nullptr; /* that is worked on */
	__u32 observed = 0;            /* of its packets */
	__u32 likely[LIKELY]; /* packet i at i mod 32: id of the stream that it is likely of, once it was fetched */
	__u64 clock = 0;
	__u64 next = 0;
	bool is_open = false;
	bool is_left = false; /* something, behind what was observed */
	bool is_over = false;
	packet_batch own;                 /* of a file that is not shared */
	alignas(64) packet_looker looker; /* away from what is written here for each packet */
	std::optional<turns> shared;
};

#endif
