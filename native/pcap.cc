// SPDX-License-Identifier: MIT
#include "pcap.h"

namespace
{

enum : __u32 {
	MAGIC_MICROSECONDS = 0xa1b2c3d4,
	MAGIC_NANOSECONDS = 0xa1b23c4d,
	MAGIC_MODIFIED = 0xa1b2cd34, /* Kuznetzov's: more in every record header */
	FILE_HEADER = 24,
	MODIFIED_EXTRA = 8,
	LINK_TYPE_BITS = 0xffff, /* those above tell of a frame check sequence */
};

} // namespace

bool pcap_reader::is_magic(__u32 magic)
{
	return magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS || magic == MAGIC_MODIFIED;
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
	order.is_swapped = !is_magic(order.u32(in->data()));
	magic = order.u32(in->data());
	fraction_ns = magic == MAGIC_NANOSECONDS ? 1 : 1000;
	record_header = CAPTURE_RECORD_HEADER;
	if (magic == MAGIC_MODIFIED)
		record_header += MODIFIED_EXTRA;
	link_type = order.u32(in->data() + 20) & LINK_TYPE_BITS;
	check_link_type(*in, link_type);
	in->skip(FILE_HEADER);
}
