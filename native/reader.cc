// SPDX-License-Identifier: MIT
#include "reader.h"

#include <cstdio>

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

capture_reader open_reader(input *file)
{
	char text[sizeof("0x00000000")];
	__u32 magic;

	if (file->at_end())
		throw file_error(*file, "the file is empty");
	if (!file->need(4))
		throw file_error(*file, "the file ends within its magic number");
	magic = file_order{}.u32(file->data());
	if (pcap_reader::is_magic(magic) || pcap_reader::is_magic(__builtin_bswap32(magic)))
		return pcap_reader(file);
	if (magic == pcapng_reader::MAGIC)
		return pcapng_reader(file);
	if (rtpdump_reader::recognizes(file))
		return rtpdump_reader(file);
	if (file->data()[0] == 0x1f && file->data()[1] == 0x8b)
		throw file_error(*file, "the file is gzip'ed: gunzip it first");
	if (text_log_reader::recognizes(file))
		return text_log_reader(file);
	snprintf(text, sizeof(text), "0x%02x%02x%02x%02x", file->data()[0], file->data()[1], file->data()[2],
		 file->data()[3]);
	throw file_error(*file,
			 std::string("neither pcap, pcapng, rtpdump nor a log of packets: magic number ") + text);
}
