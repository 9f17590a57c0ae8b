// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_CAPTURE_H
#define RTCPROBE_NATIVE_CAPTURE_H

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "observer.h"
#include "plain.h"
#include "reader.h"

/* An address of our end. */
struct local_address {
	__u64 words[2]; /* as in struct endpoints */
	__u8 is_ipv6;
};

/* Throws a native_error, ERR_ADDRESS, if this is no IP address. */
struct local_address local_address_from(const std::string &text);

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
	void stop() { in.stop(); }

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
	struct waiting_frame {
		struct captured_packet packet;
		struct plain_packet plain; /* valid if the tag is not 0 */
		__u64 tag;                 /* that its stream has if it is RTP; 0 = it is not plain */
	};
	static constexpr __u32 AHEAD = 2; /* frames that are looked at before the one in front of them is observed */
	static constexpr __u32 TURNS = 4;

	template <class Reader> bool read_on(Reader &reader, __u64 until_ns);
	[[gnu::always_inline]] __u64 look(const struct captured_packet &packet, struct plain_packet *plain) const;
	[[gnu::always_inline]] void take(const struct captured_packet &packet);
	[[gnu::always_inline]] void observe(const struct captured_packet &packet, const struct plain_packet &plain,
					    __u64 tag);
	[[gnu::always_inline]] void observe_next();
	[[gnu::noinline]] void observe_any(const struct captured_packet &packet);
	void catch_up();
	__u8 direction(const struct endpoints &e) const;

	packet_log log;
	class input in;
	std::optional<capture_reader> reader;
	struct waiting_frame waiting[TURNS]; /* those up to `taken` that are not observed yet */
	__u64 taken = 0;
	__u64 observed = 0;
	__u64 clock = 0;
	__u64 next = 0;
	bool is_over = false;
};

#endif
