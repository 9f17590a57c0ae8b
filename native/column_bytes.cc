// SPDX-License-Identifier: MIT
/* The columns of a table as bytes of a journal. src/tablebytes.ts tells how they are read. */
#include "lines.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "digits.h"
#include "value.h"

namespace
{

enum column_kind : __u8 {
	COLUMN_TEXT,
	COLUMN_DOUBLES,
	COLUMN_ONE_VALUE,
	COLUMN_LISTED, /* numbers of a list of doubles that many rows have in common: rates of streams sent at one pace */
	COLUMN_UNIT,   /* and kinds from here on are whole numbers of a unit */
	COLUMN_SPARSE = 128, /* added to a kind: not all rows have a value */
};

/*
 * A value is a whole number times 1, 1/4096 or 1/256/1e9: counts; milliseconds of this century, of which doubles have no finer
 * parts; and the core's times in seconds.
 */
constexpr double UNITS[][2] = { { 1, 1 }, { 4096, 1 }, { 256, 1e9 } };

enum : size_t { ROWS_PER_LISTED = 4 }; /* a list of more values is no gain */

/* A difference down to here is exact when it is doubled and its sign put into the last bit. */
constexpr double LEAST_DIFFERENCE = -4503599627370496.0;
constexpr double MOST_DIFFERENCE = 9007199254740991.0;

struct byte_writer {
	std::vector<__u8> bytes;

	void byte(__u8 value) { bytes.push_back(value); }

	template <class Value> void put(Value value)
	{
		const __u8 *begin = reinterpret_cast<const __u8 *>(&value);

		bytes.insert(bytes.end(), begin, begin + sizeof(value));
	}

	void word(size_t value) { put(static_cast<__u32>(value)); }

	void text(const std::string &text)
	{
		word(text.size());
		bytes.insert(bytes.end(), text.begin(), text.end());
	}

	/* A bit per row: 1 where there is a value. */
	void presence(std::span<const double> values)
	{
		size_t begin = bytes.size();

		bytes.resize(begin + (values.size() + 7) / 8);
		for (size_t i = 0; i < values.size(); i++)
			bytes[begin + i / 8] |= static_cast<__u8>(!std::isnan(values[i]) << i % 8);
	}

	/* Each as its difference from the one before, in seven bits per byte: neighbours are alike. */
	void differences(std::span<const __s64> values)
	{
		constexpr size_t longest = 8;
		size_t at = bytes.size();
		__s64 before = 0;

		bytes.resize(at + longest * values.size());
		for (__s64 value : values) {
			__s64 difference = value - before;
			__u64 rest = difference < 0 ? static_cast<__u64>(-2 * difference - 1) :
						      static_cast<__u64>(2 * difference);

			before = value;
			for (; rest >= 128; rest >>= 7)
				bytes[at++] = static_cast<__u8>(rest | 128);
			bytes[at++] = static_cast<__u8>(rest);
		}
		bytes.resize(at);
	}
};

/* The values that there are, as whole numbers of the unit, if all are some. */
bool whole_numbers(std::span<const double> values, const double (&unit)[2], std::vector<__s64> *whole)
{
	double before = 0;

	whole->clear();
	for (double value : values) {
		if (std::isnan(value))
			continue;
		double number = std::floor(value * unit[0] * unit[1] + 0.5);

		if (!(std::abs(number) <= MOST_DIFFERENCE) || number / unit[0] / unit[1] != value ||
		    number - before < LEAST_DIFFERENCE || number - before > MOST_DIFFERENCE)
			return false;
		whole->push_back(static_cast<__s64>(number));
		before = number;
	}
	return true;
}

/* Each value's number in a list of those that there are, if they are few beside the rows. */
bool list_values(std::span<const double> values, std::vector<double> *list, std::vector<__s64> *numbers)
{
	std::unordered_map<double, __s64> known;

	numbers->clear();
	for (double value : values) {
		if (std::isnan(value))
			continue;
		auto [found, is_new] = known.try_emplace(value, static_cast<__s64>(list->size()));

		if (is_new && list->size() > values.size() / ROWS_PER_LISTED)
			return false;
		if (is_new)
			list->push_back(value);
		numbers->push_back(found->second);
	}
	return true;
}

/* `present` of the values are numbers. */
void put_numbers(byte_writer *writer, std::span<const double> values, size_t present, std::vector<__s64> *whole)
{
	auto begin = [&](int kind) {
		bool sparse = present < values.size();

		writer->byte(static_cast<__u8>(kind + (sparse ? COLUMN_SPARSE : 0)));
		if (sparse)
			writer->presence(values);
	};
	double first = *std::find_if(values.begin(), values.end(), [](double value) { return !std::isnan(value); });
	std::vector<double> list;

	if (std::all_of(values.begin(), values.end(), [=](double v) { return v == first || std::isnan(v); })) {
		begin(COLUMN_ONE_VALUE);
		return writer->put(first);
	}
	for (const auto &unit : UNITS) {
		if (!whole_numbers(values, unit, whole))
			continue;
		begin(COLUMN_UNIT + static_cast<int>(&unit - UNITS));
		return writer->differences(*whole);
	}
	if (list_values(values, &list, whole)) {
		begin(COLUMN_LISTED);
		writer->word(list.size());
		for (double value : list)
			writer->put(value);
		return writer->differences(*whole);
	}
	begin(COLUMN_DOUBLES);
	for (double value : values)
		if (!std::isnan(value))
			writer->put(value);
}

struct named_column {
	std::string name;
	std::span<const double> values;
	size_t present;                                /* values that are numbers */
	std::optional<std::vector<std::string>> texts; /* whose numbers they are */
};

/* Columns in which there is something. */
std::vector<named_column> columns_from(const Napi::Env &env, const Napi::Array &array, size_t rows)
{
	std::vector<named_column> columns;

	for (__u32 i = 0; i < array.Length(); i++) {
		Napi::Object value = object_from(env, array.Get(i), "a column");
		std::span<const double> values = numbers_option(value, "values", rows).first(rows);
		auto count = std::count_if(values.begin(), values.end(), [](double v) { return !std::isnan(v); });
		named_column column = { {}, values, static_cast<size_t>(count), {} };

		if (column.present == 0)
			continue;
		column.name = string_option(value, "name");
		if (value.Has("texts"))
			column.texts = strings_from(env, value.Get("texts"), "texts");
		columns.push_back(std::move(column));
	}
	return columns;
}

} // namespace

Napi::Value write_columns(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&]() -> Napi::Value {
		Napi::Env env = info.Env();
		Napi::Object table = object_argument(info, 0, "table");
		size_t rows = index_option(table, "rows", ~__u32{ 0 });
		auto columns = columns_from(env, array_from(env, table.Get("columns"), "columns"), rows);
		std::vector<__s64> whole;
		byte_writer writer;

		writer.bytes.reserve(rows * columns.size());
		writer.word(rows);
		writer.word(columns.size());
		for (const named_column &column : columns) {
			writer.text(column.name);
			if (column.texts) {
				writer.byte(COLUMN_TEXT);
				writer.word(column.texts->size());
				for (const std::string &text : *column.texts)
					writer.text(text);
			}
			put_numbers(&writer, column.values, column.present, &whole);
		}
		return Napi::Buffer<__u8>::Copy(env, writer.bytes.data(), writer.bytes.size());
	});
}
