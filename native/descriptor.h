// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_DESCRIPTOR_H
#define RTCPROBE_NATIVE_DESCRIPTOR_H

#include <cerrno>
#include <string>
#include <unistd.h>

#include "error.h"

/* A file descriptor that is closed with its owner. */
class descriptor
{
public:
	descriptor() = default;
	descriptor(const descriptor &) = delete;
	descriptor &operator=(const descriptor &) = delete;
	~descriptor()
	{
		if (number >= 0)
			close(number);
	}

	/* Take what a system call returned; throws its errno if that is no descriptor. */
	void take(int result, const std::string &syscall, const std::string &path = {})
	{
		if (result < 0)
			throw system_failure(syscall, errno, path);
		number = result;
	}

	bool is_open() const { return number >= 0; }
	int get() const { return number; }

private:
	int number = -1;
};

#endif
