// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_INPUT_H
#define RTCPROBE_NATIVE_INPUT_H

#include <memory>
#include <string>

#include <linux/types.h>

#include "descriptor.h"

/* A file, pipe or device read from its begin to its end in large blocks. Opened at the first need. */
class input
{
public:
	explicit input(std::string path);
	input(const input &) = delete;
	input &operator=(const input &) = delete;

	/* True if `n` more bytes are there, in one piece. Throws a native_error, ERR_CLOSED after stop(). */
	bool need(size_t n) { return end - begin >= n || fill(n); }
	const __u8 *data() const { return buffer.get() + begin; }
	/* Go on behind the next `n` bytes, read already or not. */
	void skip(__u64 n);

	/* Bytes left behind so far, and whether any follow. */
	__u64 offset() const { return before + begin; }
	bool at_end() { return !need(1); }
	/* True if the file ended where the last skip() led to, not before. */
	bool is_whole() { return at_end() && skipping == 0; }
	const std::string &name() const { return path; }

	/* From any thread: end a need() that waits, and make every later one throw. */
	void stop();

	static constexpr size_t CAPACITY = 1 << 20;
	static constexpr size_t LONGEST = CAPACITY / 2; /* that need() can bring */

private:
	bool fill(size_t n);
	void open();
	size_t read_block(__u8 *to, size_t size);
	bool is_stopped() const;

	std::string path;
	std::unique_ptr<__u8[]> buffer;
	size_t begin = 0;
	size_t end = 0;
	__u64 before = 0;
	__u64 skipping = 0; /* bytes to leave out before the buffer goes on */
	descriptor file;
	descriptor stopped; /* eventfd, readable once stop() was called */
	bool is_regular = false;
	bool is_over = false;
};

#endif
