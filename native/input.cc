// SPDX-License-Identifier: MIT
#include "input.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

namespace
{

enum : long long { WORTH_A_THREAD = 4 << 20 }; /* bytes: less is read before a thread has begun */

} // namespace

input::input(std::string name) : path(std::move(name))
{
	stopped.take(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}

/* Without O_NONBLOCK a pipe that nobody writes to would hold the thread where stop() cannot reach it. */
void input::open()
{
	struct stat status;

	file.take(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open", path);
	if (fstat(file.get(), &status) < 0)
		throw system_failure("fstat", errno, path);
	is_regular = S_ISREG(status.st_mode);
	length = is_regular ? status.st_size : 0;
}

bool input::share()
{
	is_shared = length >= WORTH_A_THREAD;
	if (is_shared) { /* what is left of the first block is read again */
		shared_from = brought = offset();
		begin = end;
	}
	return is_shared;
}

void input::stop()
{
	(void)eventfd_write(stopped.get(), 1);
}

bool input::is_stopped() const
{
	struct pollfd event = { stopped.get(), POLLIN, 0 };

	return poll(&event, 1, 0) > 0;
}

/* Bytes that are there now, at least one; 0 at the end. `at` means nothing for what is no file. */
size_t input::read_some(__u8 *to, size_t size, __u64 at)
{
	for (;;) {
		struct pollfd events[] = { { stopped.get(), POLLIN, 0 }, { file.get(), POLLIN, 0 } };
		ssize_t n;

		if (is_regular ? is_stopped() : poll(events, 2, -1) > 0 && events[0].revents)
			throw native_error("ERR_CLOSED", "closed while " + path + " was being read");
		n = is_regular ? pread(file.get(), to, size, static_cast<off_t>(at)) : read(file.get(), to, size);
		if (n >= 0)
			return static_cast<size_t>(n);
		if (errno != EINTR && errno != EAGAIN)
			throw system_failure("read", errno, path);
	}
}

/* At least `wanted` bytes unless the end comes before, and what there is up to `size`. */
size_t input::read_up_to(__u8 *to, size_t wanted, size_t size, __u64 at)
{
	size_t have = 0, got = 1;

	while (have < wanted && got > 0) {
		got = read_some(to + have, size - have, at + have);
		have += got;
	}
	return have;
}

struct block input::next_block(size_t wanted)
{
	if (is_shared)
		return std::exchange(given, {});
	struct block next = { blocks.take(), 0 };

	next.size = read_up_to(next.bytes(), std::min(wanted, size_t{ BLOCK_SIZE }), BLOCK_SIZE, brought);
	return next;
}

size_t input::load(__u64 number, block_share *to)
{
	struct block block = { *to ? *to : blocks.take(), 0 };

	*to = block.memory;
	return read_up_to(block.bytes(), BLOCK_SIZE, BLOCK_SIZE, shared_from + number * BLOCK_SIZE);
}

void input::let_go()
{
	if (!is_shared)
		return;
	rest.assign(begin, end);
	begin = rest.data();
	end = begin + rest.size();
	present.reset();
}

/* What is left is copied in front of the next block: bytes that were shown stay where they are. */
bool input::fill(size_t n)
{
	if (!file.is_open())
		open();
	while (left() < n && !is_over) {
		size_t kept = left();

		if (is_shared && !given.memory)
			break;
		struct block next = next_block(n - kept);
		size_t dropped = static_cast<size_t>(std::min<__u64>(next.size, skipping)); /* then nothing is left */

		/* A file that grows may have more behind a block that is not whole: that is another end. */
		is_over = next.size == 0 || (is_shared && next.size < BLOCK_SIZE);
		if (next.size == 0)
			break;
		skipping -= dropped;
		brought += next.size;
		end = next.bytes() + next.size;
		if (kept)
			memcpy(next.bytes() + dropped - kept, begin, kept);
		begin = next.bytes() + dropped - kept;
		blocks.give_back(&present);
		present = std::move(next.memory);
	}
	return left() >= n;
}
