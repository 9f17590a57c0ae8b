// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_INPUT_H
#define RTCPROBE_NATIVE_INPUT_H

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <linux/types.h>

#include "blocks.h"
#include "descriptor.h"

/*
 * A file, pipe or device read from its begin to its end in large blocks. Opened at the first need.
 */
class input
{
public:
	explicit input(std::string path);
	input(const input &) = delete;
	input &operator=(const input &) = delete;

	/* True if `n` more bytes are there, in one piece. Throws a native_error, ERR_CLOSED after stop(). */
	bool need(size_t n) { return left() >= n || fill(n); }
	const __u8 *data() const { return begin; }
	size_t left() const { return static_cast<size_t>(end - begin); }
	/* The block that all of data() lies in. */
	const block_share &block() const { return present; }

	/* Go on behind the next `n` bytes, read already or not. */
	void skip(__u64 n)
	{
		size_t have = static_cast<size_t>(std::min<__u64>(n, left()));

		begin += have;
		skipping += n - have;
	}

	/* Bytes left behind so far, and whether any follow. */
	__u64 offset() const { return brought - left(); }
	bool at_end() { return !need(1); }
	/* True if the file ended where the last skip() led to, not before. */
	bool is_whole() { return at_end() && skipping == 0; }
	const std::string &name() const { return path; }

	/* From any thread: end a need() that waits, and make every later one throw. */
	void stop();

	/* To be given back when nothing of a block is needed any more. */
	void give_back(block_share *share) { blocks.give_back(share); }

	/*
	 * True if the file is so long that a second thread is worth its while. From then on it is read by load() alone, and whoever
	 * wants to go on has to give() the next block: need() is false when that comes to an end, as is_starved() tells.
	 */
	bool share();
	bool is_starved() const { return is_shared && !is_over; }
	/* Reads the block of this number from there, for as long as all before it were whole; returns its size. From any thread. */
	size_t load(__u64 number, block_share *to);
	/* Nothing is left of the one before but what is less than was needed. */
	void give(struct block next) { given = std::move(next); }
	/* Keep what is left in memory of our own: nothing of the block is needed any more, if the file is shared. */
	void let_go();

	static constexpr size_t LONGEST = BLOCK_LEAD; /* that need() can bring */

private:
	bool fill(size_t n);
	void open();
	struct block next_block(size_t wanted);
	size_t read_some(__u8 *to, size_t size, __u64 at);
	size_t read_up_to(__u8 *to, size_t wanted, size_t size, __u64 at);
	bool is_stopped() const;

	std::string path;
	descriptor file;
	descriptor stopped; /* eventfd, readable once stop() was called */
	block_pool blocks;
	struct block given = {};
	block_share present;
	std::vector<__u8> rest; /* of a block that was let go */
	const __u8 *begin = nullptr;
	const __u8 *end = nullptr;
	__u64 brought = 0;  /* bytes of the file up to `end` */
	__u64 skipping = 0; /* bytes to leave out of what comes next */
	__s64 length = 0;   /* of a regular file when it was opened */
	__u64 shared_from = 0;
	bool is_regular = false;
	bool is_shared = false;
	bool is_over = false;
};

#endif
