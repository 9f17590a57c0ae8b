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

	/* The next batch. All its packets lie in one block; one that its reader says more of than a frame is alone. */
	void fill(packet_batch *batch);

	/*
	 * True if the file is worth two threads: long, and of frames, which stay when its reader goes on. Then fill() is not to be
	 * called any more. Instead load() reads one block into each batch, from any thread, and look() looks at those one after the other.
	 */
	bool share() { return has_frames && in.share(); }
	void load(__u64 number, packet_batch *batch);
	void look(packet_batch *batch);

	/* From any thread: a batch that is waited for, and all later ones, have the fault ERR_CLOSED. */
	void stop() { in.stop(); }

private:
	void look_on(packet_batch *batch);
	template <class Reader> void look_through(const Reader &from, packet_batch *batch);
	template <class Reader> void look_on(Reader &from, packet_batch *batch);
	[[gnu::always_inline]] void look(const struct captured_packet &packet, struct looked_packet *looked) const;

	class input in;
	std::optional<capture_reader> reader;
	struct tag_keys keys = {};
	std::vector<local_address> local;
	bool has_frames = false;
};

#endif
