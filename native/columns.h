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

/* One field of a record: a number, or an array of `width` of them. */
struct column {
	const char *name;
	size_t width;
};

template <class Value> constexpr size_t column_width(const Value &)
{
	if constexpr (std::is_array_v<Value>)
		return std::extent_v<Value>;
	return 1;
}

/* The columns of what fields(field) tells, and a row of its values. */
template <class Fields> std::vector<column> columns_of(Fields fields)
{
	std::vector<column> columns;

	fields([&](const char *name, const auto &value) { columns.push_back({ name, column_width(value) }); });
	return columns;
}

template <class Fields> void add_row(struct record_rows *rows, Fields fields)
{
	size_t width = 0;

	fields([&](const char *, const auto &value) { width += column_width(value); });
	double *cell = rows->add(width);

	fields([&](const char *, const auto &value) {
		if constexpr (std::is_array_v<std::remove_reference_t<decltype(value)>>)
			cell = std::copy(std::begin(value), std::end(value), cell);
		else
			*cell++ = static_cast<double>(value);
	});
}

/* One Float64Array per column, all of them views of one buffer; the elements of a row's array are side by side. */
Napi::Object columns_value(Napi::Env env, const std::vector<column> &columns, const struct record_rows &rows);

/* Packets (native/packet_row.cc). */
Napi::Object packets_value(Napi::Env env, const std::vector<packet_log::entry> &packets);

/* Those of RTCP (native/report.cc) and of the depth probe (native/depth.cc). */
Napi::Object reports_value(Napi::Env env, const struct record_rows &rows);
Napi::Object depths_value(Napi::Env env, const struct record_rows &rows);

#endif
