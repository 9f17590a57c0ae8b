// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_DIGITS_H
#define RTCPROBE_NATIVE_DIGITS_H

/* Numbers as JavaScript writes them: the fewest digits that are the same double (ECMA-262, Number::toString). */
#include <algorithm>
#include <charconv>
#include <cmath>

#include <linux/types.h>

enum { NUMBER_BYTES = 32 }; /* that a number has room in, with its sign */

/* Decimal places of which all digits of a number below this are below 2^52; two doubles there are less than 1 apart. */
struct decimal_places {
	double below;
	double scale; /* 10 to the power of the places, which is exact */
};

constexpr decimal_places DECIMAL_PLACES[] = {
	{ 0.045, 1e17 }, { 4.5, 1e15 }, { 450, 1e13 }, { 4.5e5, 1e10 }, { 4.5e8, 1e7 }, { 4.5e12, 1e3 },
};
constexpr __s64 EXACT = 1LL << 52;
constexpr double LEAST_DECIMAL = 1e-6; /* JavaScript writes what is smaller with an exponent */

/* Is it whole, and are its neighbours no further than 1 away? */
inline bool is_safe_integer(double value)
{
	return std::abs(value) <= 9007199254740991.0 && static_cast<double>(static_cast<__s64>(value)) == value;
}

inline char *put_whole(char *at, __s64 value)
{
	return std::to_chars(at, at + NUMBER_BYTES, value).ptr;
}

/* Null if the number has more digits than can be told in this way. */
inline char *put_decimal(char *at, double value)
{
	const decimal_places *found = std::find_if(std::begin(DECIMAL_PLACES), std::end(DECIMAL_PLACES),
						   [=](const decimal_places &entry) { return value < entry.below; });

	if (found == std::end(DECIMAL_PLACES))
		return nullptr;
	__s64 digits = static_cast<__s64>(value * found->scale + 0.5), scale = static_cast<__s64>(found->scale);

	/* Of decimals with so many places only one is this double, so no shorter one is. */
	if (digits >= EXACT || static_cast<double>(digits) / found->scale != value)
		return nullptr;
	at = put_whole(at, digits / scale);
	char *end =
		put_whole(at, scale + digits % scale); /* a one, whose place is the point's, and all zeros behind it */

	*at = '.';
	while (end[-1] == '0')
		end--;
	return end;
}

/* `count` significant digits, of which the first stands for a multiple of 10 to the power of `exponent`. */
inline char *put_significant(char *at, const char *digits, int count, int exponent)
{
	constexpr int MOST_WHOLE = 21, MOST_ZEROS = 6;
	int whole = exponent + 1;

	if (whole > MOST_WHOLE || whole <= -MOST_ZEROS) {
		*at++ = digits[0];
		if (count > 1) {
			*at++ = '.';
			at = std::copy_n(digits + 1, count - 1, at);
		}
		*at++ = 'e';
		*at++ = exponent < 0 ? '-' : '+';
		return put_whole(at, std::abs(exponent));
	}
	if (whole <= 0) {
		at = std::copy_n("0.", 2, at);
		at = std::fill_n(at, -whole, '0');
		return std::copy_n(digits, count, at);
	}
	if (count <= whole)
		return std::fill_n(std::copy_n(digits, count, at), whole - count, '0');
	at = std::copy_n(digits, whole, at);
	*at++ = '.';
	return std::copy_n(digits + whole, count - whole, at);
}

/* Any other number that is finite and more than 0. */
inline char *put_shortest(char *at, double value)
{
	char text[NUMBER_BYTES], *from = text, *to = text;
	const char *end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific).ptr;
	int exponent = 0;

	for (; *from != 'e'; from++)
		if (*from != '.')
			*to++ = *from;
	from += from[1] == '+' ? 2 : 1; /* from_chars knows no plus sign */
	std::from_chars(from, end, exponent);
	return put_significant(at, text, static_cast<int>(to - text), exponent);
}

/* Writes a finite number and returns where it ends; there is room for NUMBER_BYTES. */
inline char *put_number(char *at, double value)
{
	if (is_safe_integer(value))
		return put_whole(at, static_cast<__s64>(value));
	if (value < 0)
		*at++ = '-';
	value = std::abs(value);
	char *end = value < LEAST_DECIMAL ? nullptr : put_decimal(at, value);

	return end ? end : put_shortest(at, value);
}

#endif
