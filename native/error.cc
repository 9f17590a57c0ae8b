// SPDX-License-Identifier: MIT
#include "error.h"

#include <cstring>

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
