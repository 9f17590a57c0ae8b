// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_LOOK_H
#define RTCPROBE_NATIVE_LOOK_H

#include <optional>
#include <string>
#include <vector>

#include "batches.h"
#include "reader.h"

/* An address of our end. */
struct local_address {
	__u64 words[2]; /* as in struct endpoints */
	__u8 is_ipv6;
};

/* Throws a native_error, ERR_ADDRESS, if this is no IP address. */
struct local_address local_address_from(const std::string &text);

/* Enum direction: which of the two ends is ours. */
__u8 direction_of(const struct endpoints &e, const std::vector<local_address> &local);

/*
 * The first half of a packet's way: a file's packets, looked at as far as it takes to find their streams. It may be in a thread
 * of its own, so it has its own of all that it uses.
 */
class packet_looker
{
public:
	explicit packet_looker(std::string path) : in(std::move(path)) {}

	/* Throws a native_error. */
	void open(const struct tag_keys &keys, const std::vector<local_address> &local);

	/*
	 * True if the file is worth a thread of its own: long, and of frames, which stay when its reader goes on. Then who waits
	 * for that may help(), from now on: false if there is nothing to do.
	 */
	bool share() { return has_frames && in.share(); }
	bool help() { return in.help(); }

	/* The next batch. All its packets lie in one block; one that its reader says more of than a frame is alone. */
	void fill(packet_batch *batch);

	/* From any thread: a fill() that waits, and all later ones, have the fault ERR_CLOSED. */
	void stop() { in.stop(); }

private:
	static constexpr __u32 AHEAD = 16;         /* packets between one that is fetched and one that is looked at */
	static constexpr __u32 RECORD_HEADER = 16; /* of pcap; others are about as long */

	template <class Reader> void look_on(Reader &from, packet_batch *batch);
	[[gnu::always_inline]] void fetch(__u32 captured) const;
	[[gnu::always_inline]] void look(const struct captured_packet &packet, struct looked_packet *looked) const;

	class input in;
	std::optional<capture_reader> reader;
	struct tag_keys keys = {};
	std::vector<local_address> local;
	bool has_frames = false;
};

#endif
