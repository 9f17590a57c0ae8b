// SPDX-License-Identifier: MIT
#include "error.h"

#include <cerrno>
#include <cstring>

namespace
{

enum { VERIFIER_LINES = 12 }; /* the last ones say why */

std::string last_lines(const std::string &log, int lines)
{
	size_t size = log.find_last_not_of(std::string("\0\n", 2)) + 1; /* 0 if there is nothing else */
	size_t begin = size;

	while (lines-- > 0 && begin > 0) /* `begin` is behind an end of line, or at the very first */
		begin = log.rfind('\n', begin < 2 ? 0 : begin - 2) + 1;
	return log.substr(begin, size - begin);
}

} // namespace

native_error system_failure(const std::string &syscall, int number, const std::string &path)
{
	const char *name = strerrorname_np(number);
	const char *text = strerrordesc_np(number);
	native_error error(name ? name : "EUNKNOWN", syscall + (path.empty() ? "" : " " + path) + ": " +
							     (text ? text : "error " + std::to_string(number)));

	error.number = number;
	error.syscall = syscall;
	error.path = path;
	return error;
}

native_error load_failure(int error, const char *buffer)
{
	std::string log = buffer ? buffer : "";
	/* A log longer than its buffer hides the verifier's own errno. */
	native_error failure = system_failure("bpf", error == -ENOSPC && !log.empty() ? EACCES : -error);

	failure.log = last_lines(log, VERIFIER_LINES);
	return failure;
}
