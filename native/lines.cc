// SPDX-License-Identifier: MIT
/* The rows of a table as lines of InfluxDB's line protocol. */
#include "lines.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "digits.h"
#include "value.h"

namespace
{

enum : size_t { CHUNK = 16 };

/* Copies by whole chunks, for a call per short text would cost more: behind both there is room for one. Returns where it ends. */
inline char *put_text(char *at, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i += CHUNK)
		memcpy(at + i, text + i, CHUNK);
	return at + length;
}

class phrase
{
public:
	explicit phrase(std::string text) : length(text.size()), chunks(std::move(text))
	{
		chunks.resize((length + CHUNK - 1) / CHUNK * CHUNK);
	}

	size_t room() const { return chunks.size(); }

	char *put(char *at) const { return put_text(at, chunks.data(), length); }

private:
	size_t length;
	std::string chunks;
};

struct line_field {
	phrase name; /* what is before the value, with the comma */
	std::span<const double> values;
	bool is_integer;
	bool is_text;
	std::vector<phrase> texts; /* as they are written */

	/* Bytes that it takes at the most: also when it is copied by chunks, for no number has more than 24 characters. */
	size_t room() const
	{
		size_t longest = NUMBER_BYTES + 1;

		for (const phrase &text : texts)
			longest = std::max(longest, text.room());
		return name.room() + longest;
	}

	/* Writes the value and returns where it ends; null if the database would refuse it. */
	char *put(char *at, double value) const
	{
		if (is_text) {
			if (!(value >= 0 && value < static_cast<double>(texts.size())))
				return nullptr;
			return texts[static_cast<size_t>(value)].put(name.put(at));
		}
		if (!is_integer)
			return std::isfinite(value) ? put_number(name.put(at), value) : nullptr;
		if (!is_safe_integer(value))
			return nullptr;
		at = put_whole(name.put(at), static_cast<__s64>(value));
		*at++ = 'i';
		return at;
	}
};

/* A value and where it was last written, name and all: many are those of the row before, and need not be written in digits again. */
struct written {
	double value;
	char *at;
	size_t length;
};

/* The fields of the rows of one measurement, and the room that they take at the most. */
struct line_fields {
	std::vector<line_field> fields;
	std::vector<written> latest; /* of each field, in the same bytes */
	size_t room = 0;
};

struct line_table {
	std::span<const __u8> series;
	std::span<const double> series_ends;
	std::span<const __u8> kinds; /* which of the two fields a row has */
	std::span<const __u8> skipped;
	line_fields fields[2];
	phrase tail;
};

struct line_output {
	std::span<char> bytes;
	std::span<double> starts; /* of lines, and behind the last of them */
	size_t at;
	size_t line;
};

constexpr size_t ALL_TAKEN = ~size_t{ 0 };

/* Writes the fields of a row; *at is where they end. Returns the field that the database would refuse, or ALL_TAKEN. */
size_t put_fields(char **at, line_fields &of, size_t row)
{
	char *to = *at, *begin = to;

	for (size_t i = 0; i < of.fields.size(); i++) {
		double value = of.fields[i].values[row];
		written &latest = of.latest[i];

		if (std::isnan(value))
			continue;
		if (value == latest.value) {
			char *end = put_text(to, latest.at, latest.length);

			*to = ','; /* it may have been the first */
			latest.at = to;
			to = end;
			continue;
		}
		char *end = of.fields[i].put(to, value);

		if (!end)
			return i;
		latest = { value, to, static_cast<size_t>(end - to) };
		to = end;
	}
	if (to != begin)
		*begin = ' '; /* there is a comma before each field but the first */
	*at = to;
	return ALL_TAKEN;
}

enum : size_t {
	ROWS_AHEAD =
		16, /* of which the values are fetched before they are written: of so many columns no processor guesses it */
	ROWS_OF_LINE = 64 / sizeof(double), /* in a line of the cache */
};

/* GCC takes a function that does nothing else for one that does nothing: this one is never called, but put in its place. */
[[gnu::always_inline]] inline void fetch_ahead(const line_table &table, size_t row)
{
	size_t wanted = row + ROWS_AHEAD;
	bool fetched[std::size(table.fields)] = {};

	if (row % ROWS_OF_LINE || wanted + ROWS_OF_LINE > table.kinds.size())
		return;
	for (__u8 kind : table.kinds.subspan(wanted, ROWS_OF_LINE)) {
		if (std::exchange(fetched[kind], true))
			continue;
		for (const line_field &field : table.fields[kind].fields)
			__builtin_prefetch(&field.values[wanted]);
	}
}

/* Where writing ended: before `row`, for want of room, or as `refused` is a field of it that the database would not take. */
struct line_end {
	size_t row;
	size_t refused;
};

line_end put_lines(line_table &table, size_t row, line_output *output)
{
	size_t rows = table.kinds.size();

	for (; row < rows; row++) {
		line_fields &fields = table.fields[table.kinds[row]];
		size_t begin = row ? static_cast<size_t>(table.series_ends[row - 1]) : 0;
		size_t size = static_cast<size_t>(table.series_ends[row]) - begin;
		char *at = output->bytes.data() + output->at;

		fetch_ahead(table, row);
		if (table.skipped[row])
			continue;
		if (output->bytes.size() - output->at < size + fields.room + table.tail.room())
			break;
		memcpy(at, table.series.data() + begin, size);
		at += size;
		if (size_t refused = put_fields(&at, fields, row); refused != ALL_TAKEN)
			return { row, refused };
		at = table.tail.put(at);
		output->starts[output->line++] = static_cast<double>(output->at);
		output->at = static_cast<size_t>(at - output->bytes.data());
	}
	return { row, ALL_TAKEN };
}

line_fields fields_from(const Napi::Value &list, size_t rows)
{
	Napi::Array array = array_from(list.Env(), list, "fields");
	line_fields of;

	for (__u32 i = 0; i < array.Length(); i++) {
		Napi::Object value = object_from(list.Env(), array.Get(i), "a field");
		line_field field = { phrase(string_option(value, "name")),
				     numbers_option(value, "values", rows),
				     value.Get("isInteger").ToBoolean(),
				     value.Has("texts"),
				     {} };

		if (field.is_text)
			for (std::string &text : strings_from(list.Env(), value.Get("texts"), "texts"))
				field.texts.emplace_back(std::move(text));
		of.room += field.room();
		of.fields.push_back(std::move(field));
	}
	of.latest.assign(of.fields.size(), { std::numeric_limits<double>::quiet_NaN(), nullptr, 0 });
	return of;
}

line_table table_from(const Napi::Object &value)
{
	line_table table = { {}, {}, {}, {}, {}, phrase(string_option(value, "tail")) };

	table.kinds = bytes_option(value, "kinds");
	table.series = bytes_option(value, "series");
	table.series_ends = numbers_option(value, "seriesEnds", table.kinds.size());
	table.skipped = bytes_option(value, "skipped", table.kinds.size());
	Napi::Array fields = array_from(value.Env(), value.Get("fields"), "fields");

	for (__u32 i = 0; i < std::size(table.fields); i++)
		table.fields[i] = fields_from(fields.Get(i), table.kinds.size());
	double end = 0;

	for (size_t row = 0; row < table.kinds.size(); row++) {
		if (!(table.series_ends[row] >= end) || table.kinds[row] >= std::size(table.fields))
			throw Napi::RangeError::New(value.Env(), "seriesEnds must rise, and kinds be 0 or 1");
		end = table.series_ends[row];
	}
	if (end > static_cast<double>(table.series.size()))
		throw Napi::RangeError::New(value.Env(), "seriesEnds must lie in series");
	return table;
}

} // namespace

Napi::Value write_lines(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&]() -> Napi::Value {
		Napi::Env env = info.Env();
		line_table table = table_from(object_argument(info, 0, "table"));
		Napi::Object place = object_argument(info, 1, "place");
		std::span<__u8> bytes = bytes_option(place, "bytes");
		size_t row = index_option(place, "row", table.kinds.size());
		line_output output = { { reinterpret_cast<char *>(bytes.data()), bytes.size() },
				       numbers_option(place, "starts", table.kinds.size()),
				       index_option(place, "at", bytes.size()),
				       index_option(place, "line", row) };
		line_end end = put_lines(table, row, &output);

		place.Set("row", static_cast<double>(end.row));
		place.Set("at", static_cast<double>(output.at));
		place.Set("line", static_cast<double>(output.line));
		return end.refused == ALL_TAKEN ? env.Undefined() :
						  Napi::Number::New(env, static_cast<double>(end.refused));
	});
}
