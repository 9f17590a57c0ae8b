// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_VALUE_H
#define RTCPROBE_NATIVE_VALUE_H

#include <span>
#include <string>
#include <vector>

#include <napi.h>

#include "core.h"
#include "error.h"

/* Between values of JavaScript and of the core. Arguments were checked in TypeScript; here only what could crash is. */

/* The JavaScript Error of a native one: code, errno (negative, as Node has it), syscall, path and log. */
Napi::Error error_value(Napi::Env env, const native_error &error);

/* Runs the body of an exported function. The one place where C++ exceptions become JavaScript's. */
template <class Body> auto cross_boundary(Napi::Env env, Body body) -> decltype(body())
{
	try {
		return body();
	} catch (const Napi::Error &) {
		throw;
	} catch (const native_error &error) {
		throw error_value(env, error);
	} catch (const std::exception &error) {
		throw Napi::Error::New(env, error.what());
	}
}

/* These throw a TypeError for the wrong type and a RangeError for the wrong value; `name` is the option's. */
Napi::Object object_argument(const Napi::CallbackInfo &info, size_t at, const char *name);
std::string string_argument(const Napi::CallbackInfo &info, size_t at, const char *name);
std::string string_option(const Napi::Object &options, const char *name);
Napi::Object object_from(const Napi::Env &env, const Napi::Value &value, const char *name);
Napi::Array array_from(const Napi::Env &env, const Napi::Value &value, const char *name);
/* A Float64Array and a Uint8Array, of so many elements at least. */
std::span<double> numbers_option(const Napi::Object &options, const char *name, size_t least);
std::span<__u8> bytes_option(const Napi::Object &options, const char *name, size_t least = 0);
size_t index_option(const Napi::Object &options, const char *name, size_t most);
std::vector<std::string> strings_from(const Napi::Env &env, const Napi::Value &value, const char *name);
/* Slots of a table for so many records, 1 to 2^23: a power of two. */
__u32 slots_option(const Napi::Object &options, const char *name);
void clock_rates_option(const Napi::Object &options, __u32 (&clock_rates)[128]);

/* Bits of enum probe_bit from names, and back. */
__u32 probes_from(const Napi::Env &env, const Napi::Value &names);
Napi::Array probes_value(Napi::Env env, __u32 probes);

enum record_kind { RECORD_STREAM, RECORD_PAIR, RECORD_REPORT };

/* "stream", "pair" or "report". */
enum record_kind kind_argument(const Napi::CallbackInfo &info, size_t at);
__u32 id_argument(const Napi::CallbackInfo &info, size_t at);
/* A Float64Array of ids. */
std::vector<__u32> ids_argument(const Napi::CallbackInfo &info, size_t at);
/* What throws when no record has this id. */
Napi::Error unknown_id(Napi::Env env, enum record_kind kind, __u32 id);

#endif
