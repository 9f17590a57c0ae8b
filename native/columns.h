// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_COLUMNS_H
#define RTCPROBE_NATIVE_COLUMNS_H

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <vector>

#include <napi.h>

#include "packet_log.h"
#include "record.h"

template <class Value> constexpr size_t column_width(const Value &)
{
	if constexpr (std::is_array_v<Value>)
		return std::extent_v<Value>;
	return 1;
}

/* As a double. What has 64 bits never comes near 2^63, and a number with a sign is converted in one step. */
template <class Value> double number(Value value)
{
	if constexpr (std::is_same_v<Value, __u64>)
		return static_cast<double>(static_cast<__s64>(value));
	else
		return static_cast<double>(value);
}

/* The columns of what fields(field) tells. */
template <class Fields> std::vector<column> columns_of(Fields fields)
{
	std::vector<column> columns;

	fields([&](const char *name, const auto &value) { columns.push_back({ name, column_width(value) }); });
	return columns;
}

/* Adds a row of its values. */
template <class Fields> void add_row(struct record_rows *rows, Fields fields)
{
	if (rows->count == rows->capacity)
		rows->grow(columns_of(fields));
	double *const *column = rows->columns.data();
	size_t row = rows->count++;

	fields([&](const char *, const auto &value) {
		double *begin = *column++;

		if constexpr (std::is_array_v<std::remove_reference_t<decltype(value)>>)
			std::copy(std::begin(value), std::end(value), begin + row * column_width(value));
		else
			begin[row] = number(value);
	});
}

/* One Float64Array per column, all of them views of one buffer; the elements of a row's array are side by side. */
Napi::Object columns_value(Napi::Env env, const std::vector<column> &fields, const struct record_rows &rows);

/* Packets (native/packet_row.cc). */
Napi::Object packets_value(Napi::Env env, const std::vector<packet_log::entry> &packets);

/* Those of RTCP (native/report.cc) and of the depth probe (native/depth.cc). */
Napi::Object reports_value(Napi::Env env, const struct record_rows &rows);
Napi::Object depths_value(Napi::Env env, const struct record_rows &rows);

#endif
