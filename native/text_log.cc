// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include "dump.h"

namespace
{

constexpr std::string_view OFFSET = "000000";
constexpr __u64 DAY_NS = 86400ULL * NS_PER_S;
constexpr size_t TIME_SIZE = sizeof("12:34:56") - 1;

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Value of a hexadecimal digit, -1 if it is none. */
int digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c = static_cast<char>(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "12:34:56" or "12:34:56.7…" */
bool is_time(std::string_view text)
{
	if (text.size() < TIME_SIZE || text[2] != ':' || text[5] != ':' ||
	    (text.size() > TIME_SIZE && text[TIME_SIZE] != '.'))
		return false;
	for (size_t i = 0; i < text.size(); i++)
		if (i != 2 && i != 5 && i != TIME_SIZE && !is_digit(text[i]))
			return false;
	return true;
}

/* The next word, without the blanks around it. */
std::string_view take_word(std::string_view *rest)
{
	size_t begin = std::min(rest->find_first_not_of(" \t"), rest->size());
	size_t end = std::min(rest->find_first_of(" \t", begin), rest->size());
	std::string_view word = rest->substr(begin, end - begin);

	rest->remove_prefix(end);
	return word;
}

bool find_packet(const struct bytes &bytes, struct packet_line *found)
{
	std::string_view line(reinterpret_cast<const char *>(bytes.data), bytes.size);

	line = line.substr(0, line.find_last_not_of("\r\n") + 1);
	for (std::string_view rest = line; !rest.empty();) {
		std::string_view word = take_word(&rest);
		std::string_view after = rest;

		if (word != "I" && word != "O")
			continue;
		found->direction = word[0];
		found->time = take_word(&after);
		if (!is_time(found->time) || take_word(&after) != OFFSET)
			continue;
		found->remainder = after;
		/* The same logs have SCTP in them, which is no media. */
		return line.find("SCTP_PACKET") == std::string_view::npos;
	}
	return false;
}

/* The first line of what is there, its end included; nothing if it does not end. */
struct bytes first_line(const __u8 *data, size_t size)
{
	const void *end = memchr(data, '\n', size);

	return { data, end ? static_cast<__u32>(static_cast<const __u8 *>(end) - data) + 1 : 0 };
}

} // namespace

bool text_log_reader::recognizes(input *file)
{
	struct packet_line ignored;

	(void)file->need(input::LONGEST);
	for (size_t at = 0; at < file->left();) {
		struct bytes line = first_line(file->data() + at, file->left() - at);
		bool is_last = line.size == 0;

		if (is_last)
			line.size = static_cast<__u32>(file->left() - at);
		if (memchr(line.data, 0, line.size))
			return false;
		if (find_packet({ line.data, line.size }, &ignored))
			return true;
		at += line.size;
	}
	return false;
}

text_log_reader::text_log_reader(input *file) : in(file)
{
	inbound.direction = DIRECTION_IN;
	outbound.direction = DIRECTION_OUT;
}

/* The line at hand; false at the end. */
bool text_log_reader::read_line(struct bytes *line)
{
	if (!in->need(1))
		return false;
	while (*line = first_line(in->data(), in->left()), line->size == 0) {
		if (in->left() >= input::LONGEST)
			throw format_error(*in, "a line of more than " + std::to_string(in->left()) + " bytes");
		if (!in->need(in->left() + 1)) { /* the last line needs no end */
			*line = { in->data(), static_cast<__u32>(in->left()) };
			break;
		}
	}
	size = line->size;
	return true;
}

/*
 * Firefox writes its microseconds without leading zeros and Chromium milliseconds with them: up to six digits are a count,
 * and one of more than three shows that it is of microseconds.
 */
__u64 text_log_reader::time_of(std::string_view stamp)
{
	auto two = [&](size_t at) {
		return static_cast<__u64>(stamp[at] - '0') * 10 + static_cast<__u64>(stamp[at + 1] - '0');
	};
	__u64 seconds = (two(0) * 60 + two(3)) * 60 + two(6), count = 0;
	size_t digits = stamp.size() > TIME_SIZE ? stamp.size() - TIME_SIZE - 1 : 0;
	__u64 unit_ns = 1;

	if (two(0) > 23 || two(3) > 59 || two(6) > 60 || digits > 9)
		throw format_error(*in, "a packet at " + std::string(stamp.substr(0, 32)));
	for (char c : stamp.substr(stamp.size() - digits))
		count = count * 10 + static_cast<__u64>(c - '0');
	is_in_microseconds |= digits > 3;
	for (size_t i = std::max<size_t>(digits, is_in_microseconds ? 6 : 3); i < 9; i++)
		unit_ns *= 10;
	return seconds * NS_PER_S + count * unit_ns;
}

void text_log_reader::read_packet(const struct packet_line &line, struct captured_packet *packet)
{
	std::vector<__u8> &bytes = packets[turn % TURNS];
	std::string_view rest = line.remainder;
	__u64 ns = time_of(line.time);

	bytes.clear();
	for (std::string_view word = take_word(&rest); word.size() == 2; word = take_word(&rest)) {
		if (digit(word[0]) < 0 || digit(word[1]) < 0)
			throw format_error(*in, "a packet with the byte " + std::string(word));
		bytes.push_back(static_cast<__u8>(digit(word[0]) << 4 | digit(word[1])));
	}
	if (day_ns + ns + DAY_NS / 2 < last_ns)
		day_ns += DAY_NS;
	time_ns = day_ns + ns;
	packet->frame = { bytes.data(), static_cast<__u32>(bytes.size()) };
	packet->ends = line.direction == 'I' ? &inbound : &outbound;
	packet->size = packet->frame.size;
	packet->time_ns = time_ns;
}

bool text_log_reader::peek(struct captured_packet *packet)
{
	struct bytes line;

	for (; read_line(&line); in->skip(size)) {
		struct packet_line found;

		if (!find_packet(line, &found))
			continue;
		read_packet(found, packet);
		return true;
	}
	return false;
}

void text_log_reader::next()
{
	last_ns = time_ns;
	turn++;
	in->skip(size);
}
