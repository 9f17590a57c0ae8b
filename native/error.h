// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_ERROR_H
#define RTCPROBE_NATIVE_ERROR_H

#include <exception>
#include <string>
#include <utility>

/* What native code throws. value.h turns it into a JavaScript Error at the boundary, and only there. */
class native_error : public std::exception
{
public:
	native_error(std::string error_code, std::string text) : code(std::move(error_code)), message(std::move(text))
	{
	}

	const char *what() const noexcept override { return message.c_str(); }

	std::string code;
	std::string message;
	int number = 0;      /* errno, 0 = none */
	std::string syscall; /* these are empty where they mean nothing */
	std::string path;
	std::string log; /* the verifier's last lines */
};

/* A system call that failed: its code is the errno's name, as in Node's own errors. */
native_error system_failure(const std::string &syscall, int number, const std::string &path = {});

/* A load that the kernel refused with -error; `log` is the verifier's, or nullptr. */
native_error load_failure(int error, const char *log);

#endif
