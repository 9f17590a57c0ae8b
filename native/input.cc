// SPDX-License-Identifier: MIT
#include "input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

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
	buffer = std::make_unique_for_overwrite<__u8[]>(CAPACITY);
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

/* Bytes read, 0 at the end. */
size_t input::read_block(__u8 *to, size_t size)
{
	for (;;) {
		struct pollfd events[] = { { stopped.get(), POLLIN, 0 }, { file.get(), POLLIN, 0 } };
		ssize_t n;

		if (is_regular ? is_stopped() : poll(events, 2, -1) > 0 && events[0].revents)
			throw native_error("ERR_CLOSED", "closed while " + path + " was being read");
		n = read(file.get(), to, size);
		if (n >= 0)
			return static_cast<size_t>(n);
		if (errno != EINTR && errno != EAGAIN)
			throw system_failure("read", errno, path);
	}
}

bool input::fill(size_t n)
{
	if (!file.is_open())
		open();
	memmove(buffer.get(), buffer.get() + begin, end - begin);
	before += begin;
	end -= begin;
	begin = 0;
	while (end < n && !is_over) {
		size_t got = read_block(buffer.get() + end, CAPACITY - end);
		size_t dropped = static_cast<size_t>(std::min<__u64>(got, skipping));

		is_over = got == 0;
		skipping -= dropped;
		before += dropped;
		if (dropped) /* then nothing stood before it */
			memmove(buffer.get(), buffer.get() + dropped, got - dropped);
		end += got - dropped;
	}
	return end >= n;
}

void input::skip(__u64 n)
{
	size_t have = static_cast<size_t>(std::min<__u64>(n, end - begin));

	begin += have;
	skipping += n - have;
}
