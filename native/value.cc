// SPDX-License-Identifier: MIT
#include "value.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

namespace
{

enum : __u32 {
	MAX_RECORDS = 1 << 23,
	SLOTS_PER_RECORD = 2, /* so that all find one (core/table.h) */
};

struct probe_name {
	const char *name;
	__u32 bit;
};

constexpr probe_name probe_names[] = {
	{ "rtp", PROBE_RTP },
	{ "stun", PROBE_STUN },
	{ "rtcp", PROBE_RTCP },
	{ "depth", PROBE_DEPTH },
};

/* In the order of enum record_kind. */
constexpr const char *record_kinds[] = { "stream", "pair", "report" };

Napi::TypeError type_error(Napi::Env env, const std::string &name, const char *wanted)
{
	return Napi::TypeError::New(env, name + " must be " + wanted);
}

/* A whole number from `low` to `high`. */
__u32 check_integer(Napi::Env env, double number, const std::string &name, double low, double high)
{
	if (!(number >= low && number <= high) || number != std::floor(number))
		throw Napi::RangeError::New(env, name + " must be an integer from " +
							 std::to_string(static_cast<__u64>(low)) + " to " +
							 std::to_string(static_cast<__u64>(high)));
	return static_cast<__u32>(number);
}

__u32 integer_from(const Napi::Value &value, const std::string &name, double low, double high)
{
	if (!value.IsNumber())
		throw type_error(value.Env(), name, "a number");
	return check_integer(value.Env(), value.As<Napi::Number>().DoubleValue(), name, low, high);
}

/* The elements of a typed array of this kind, as many as are needed or more. */
template <class Number>
std::span<Number> elements_option(const Napi::Object &options, const char *name, napi_typedarray_type type,
				  const char *wanted, size_t least)
{
	Napi::Value value = options.Get(name);

	if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type)
		throw type_error(options.Env(), name, wanted);
	Napi::TypedArrayOf<Number> array = value.As<Napi::TypedArrayOf<Number>>();

	if (array.ElementLength() < least)
		throw Napi::RangeError::New(options.Env(), std::string(name) + " must have " + std::to_string(least) +
								   " elements at least");
	return { array.Data(), array.ElementLength() };
}

} // namespace

Napi::Error error_value(Napi::Env env, const native_error &error)
{
	Napi::Error value = Napi::Error::New(env, error.message);

	value.Set("code", error.code);
	if (error.number)
		value.Set("errno", Napi::Number::New(env, -error.number));
	if (!error.syscall.empty())
		value.Set("syscall", error.syscall);
	if (!error.path.empty())
		value.Set("path", error.path);
	if (!error.log.empty())
		value.Set("log", error.log);
	return value;
}

Napi::Object object_argument(const Napi::CallbackInfo &info, size_t at, const char *name)
{
	return object_from(info.Env(), info[at], name);
}

Napi::Object object_from(const Napi::Env &env, const Napi::Value &value, const char *name)
{
	if (!value.IsObject())
		throw type_error(env, name, "an object");
	return value.As<Napi::Object>();
}

Napi::Array array_from(const Napi::Env &env, const Napi::Value &value, const char *name)
{
	if (!value.IsArray())
		throw type_error(env, name, "an array");
	return value.As<Napi::Array>();
}

std::span<double> numbers_option(const Napi::Object &options, const char *name, size_t least)
{
	return elements_option<double>(options, name, napi_float64_array, "a Float64Array", least);
}

std::span<__u8> bytes_option(const Napi::Object &options, const char *name, size_t least)
{
	return elements_option<__u8>(options, name, napi_uint8_array, "a Uint8Array", least);
}

size_t index_option(const Napi::Object &options, const char *name, size_t most)
{
	Napi::Value value = options.Get(name);

	if (!value.IsNumber())
		throw type_error(options.Env(), name, "a number");
	double number = value.As<Napi::Number>().DoubleValue();

	if (!(number >= 0 && number <= static_cast<double>(most)))
		throw Napi::RangeError::New(options.Env(),
					    std::string(name) + " must be from 0 to " + std::to_string(most));
	return static_cast<size_t>(number);
}

std::string string_argument(const Napi::CallbackInfo &info, size_t at, const char *name)
{
	if (!info[at].IsString())
		throw type_error(info.Env(), name, "a string");
	return info[at].As<Napi::String>().Utf8Value();
}

std::string string_option(const Napi::Object &options, const char *name)
{
	Napi::Value value = options.Get(name);

	if (!value.IsString())
		throw type_error(options.Env(), name, "a string");
	return value.As<Napi::String>().Utf8Value();
}

std::vector<std::string> strings_from(const Napi::Env &env, const Napi::Value &value, const char *name)
{
	Napi::Array array = array_from(env, value, name);
	std::vector<std::string> strings;

	for (__u32 i = 0; i < array.Length(); i++) {
		Napi::Value element = array.Get(i);

		if (!element.IsString())
			throw type_error(env, name, "an array of strings");
		strings.push_back(element.As<Napi::String>().Utf8Value());
	}
	return strings;
}

__u32 slots_option(const Napi::Object &options, const char *name)
{
	return std::bit_ceil(SLOTS_PER_RECORD * integer_from(options.Get(name), name, 1, MAX_RECORDS));
}

void clock_rates_option(const Napi::Object &options, __u32 (&clock_rates)[128])
{
	Napi::Value value = options.Get("clockRates");

	if (!value.IsObject())
		throw type_error(options.Env(), "clockRates", "an object");
	Napi::Object rates = value.As<Napi::Object>();
	Napi::Array types = rates.GetPropertyNames();

	for (__u32 i = 0; i < types.Length(); i++) {
		Napi::Value type = types.Get(i);
		std::string name = "clockRates[" + type.ToString().Utf8Value() + "]";
		__u32 payload_type = integer_from(type.ToNumber(), "payload type of " + name, 0, 127);

		clock_rates[payload_type] = integer_from(rates.Get(type), name, 1, ~0u);
	}
}

__u32 probes_from(const Napi::Env &env, const Napi::Value &names)
{
	__u32 probes = 0;

	for (const std::string &name : strings_from(env, names, "probes")) {
		const probe_name *found = std::find_if(std::begin(probe_names), std::end(probe_names),
						       [&](const probe_name &probe) { return name == probe.name; });

		if (found == std::end(probe_names))
			throw Napi::RangeError::New(env, "no such probe: " + name);
		probes |= found->bit;
	}
	return probes;
}

Napi::Array probes_value(Napi::Env env, __u32 probes)
{
	Napi::Array names = Napi::Array::New(env);

	for (const probe_name &probe : probe_names)
		if (probes & probe.bit)
			names.Set(names.Length(), Napi::String::New(env, probe.name));
	return names;
}

enum record_kind kind_argument(const Napi::CallbackInfo &info, size_t at)
{
	std::string kind = string_argument(info, at, "kind");

	for (size_t i = 0; i < std::size(record_kinds); i++)
		if (kind == record_kinds[i])
			return static_cast<enum record_kind>(i);
	throw Napi::RangeError::New(info.Env(), "kind must be stream, pair or report");
}

__u32 id_argument(const Napi::CallbackInfo &info, size_t at)
{
	return integer_from(info[at], "id", 0, ~0u);
}

std::vector<__u32> ids_argument(const Napi::CallbackInfo &info, size_t at)
{
	std::vector<__u32> ids;

	if (!info[at].IsTypedArray() || info[at].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
		throw type_error(info.Env(), "ids", "a Float64Array");
	Napi::Float64Array values = info[at].As<Napi::Float64Array>();

	ids.reserve(values.ElementLength());
	for (size_t i = 0; i < values.ElementLength(); i++)
		ids.push_back(check_integer(info.Env(), values[i], "id", 0, ~0u));
	return ids;
}

Napi::Error unknown_id(Napi::Env env, enum record_kind kind, __u32 id)
{
	return Napi::RangeError::New(env,
				     std::string("no ") + record_kinds[kind] + " has the id " + std::to_string(id));
}
