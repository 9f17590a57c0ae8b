// SPDX-License-Identifier: MIT
#include "pcap.h"

#include <cstdio>

namespace
{

enum : __u32 {
	MAGIC_MICROSECONDS = 0xa1b2c3d4,
	MAGIC_NANOSECONDS = 0xa1b23c4d,
	MAGIC_MODIFIED = 0xa1b2cd34, /* Kuznetzov's: eight bytes more in every record header */
	MAGIC_SECTION = 0x0a0d0d0a,
	FILE_HEADER = 24,
	RECORD_HEADER = 16,
	RECORD_HEADER_MODIFIED = 24,
	LINK_TYPE_BITS = 0xffff, /* those above tell of a frame check sequence */
};

bool is_pcap_magic(__u32 magic)
{
	return magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS || magic == MAGIC_MODIFIED;
}

} // namespace

native_error file_error(const input &in, const std::string &what)
{
	native_error error("ERR_PCAP_FORMAT", in.name() + ": " + what);

	error.path = in.name();
	return error;
}

native_error format_error(const input &in, const std::string &what)
{
	return file_error(in, what + " at byte " + std::to_string(in.offset()));
}

void check_link_type(const input &in, __u32 link_type)
{
	if (!link_is_known(link_type))
		throw format_error(in, "unknown link type " + std::to_string(link_type));
}

pcap_reader::pcap_reader(input *file) : in(file)
{
	__u32 magic;

	if (!in->need(FILE_HEADER))
		throw file_error(*in, "the file ends within its header");
	order.is_swapped = !is_pcap_magic(order.u32(in->data()));
	magic = order.u32(in->data());
	fraction_ns = magic == MAGIC_NANOSECONDS ? 1 : 1000;
	record_header = magic == MAGIC_MODIFIED ? RECORD_HEADER_MODIFIED : RECORD_HEADER;
	link_type = order.u32(in->data() + 20) & LINK_TYPE_BITS;
	check_link_type(*in, link_type);
	in->skip(FILE_HEADER);
}

capture_reader open_reader(input *file)
{
	char text[sizeof("0x00000000")];
	__u32 magic;

	if (file->at_end())
		throw file_error(*file, "the file is empty");
	if (!file->need(4))
		throw file_error(*file, "the file ends within its magic number");
	magic = file_order{}.u32(file->data());
	if (is_pcap_magic(magic) || is_pcap_magic(__builtin_bswap32(magic)))
		return pcap_reader(file);
	if (magic == MAGIC_SECTION)
		return pcapng_reader(file);
	if (file->data()[0] == 0x1f && file->data()[1] == 0x8b)
		throw file_error(*file, "the file is gzip'ed: gunzip it first");
	snprintf(text, sizeof(text), "0x%02x%02x%02x%02x", file->data()[0], file->data()[1], file->data()[2],
		 file->data()[3]);
	throw file_error(*file, std::string("neither pcap nor pcapng: magic number ") + text);
}
