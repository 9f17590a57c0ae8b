// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>

#include "dump.h"

namespace
{

/* "#!rtpplay1.0 224.2.0.1/3456\n", then the binary header; all in network byte order. */
constexpr char MAGIC[] = "#!rtpplay1.0 ";

enum : __u32 {
	MAGIC_SIZE = sizeof(MAGIC) - 1,
	LINE_LONGEST = 80,
	FILE_HEADER = 16, /* start in seconds and microseconds, source address, its port, padding */
	PACKET_HEADER = 8,
};

} // namespace

bool rtpdump_reader::recognizes(input *file)
{
	return file->need(MAGIC_SIZE) && memcmp(file->data(), MAGIC, MAGIC_SIZE) == 0;
}

/* The receiver's address is in the line; the sender's, in the header, only where it was a multicast. */
rtpdump_reader::rtpdump_reader(input *file) : in(file)
{
	char line[LINE_LONGEST + 1] = "", address[INET_ADDRSTRLEN] = "";
	const void *end;
	unsigned port = 0;

	(void)in->need(LINE_LONGEST);
	memcpy(line, in->data(), std::min<size_t>(in->left(), LINE_LONGEST));
	end = memchr(line, '\n', LINE_LONGEST);
	if (!end)
		throw file_error(*in, "an rtpdump file whose first line does not end");
	if (sscanf(line + MAGIC_SIZE, "%15[0-9.]/%5u", address, &port) == 2 && port <= 65535) {
		(void)inet_pton(AF_INET, address, ends.dst);
		ends.dst_port = htons(static_cast<__u16>(port));
	}
	ends.direction = DIRECTION_UNKNOWN;
	in->skip(static_cast<__u64>(static_cast<const char *>(end) - line) + 1);
	if (!in->need(FILE_HEADER))
		throw file_error(*in, "the file ends within its header");
	start_ns = static_cast<__u64>(load_u32(in->data())) * NS_PER_S +
		   static_cast<__u64>(load_u32(in->data() + 4)) * 1000;
	in->skip(FILE_HEADER);
}

bool rtpdump_reader::at_end()
{
	truncated = !in->is_whole();
	return false;
}

bool rtpdump_reader::peek(struct captured_packet *packet)
{
	__u32 whole;

	if (!in->need(PACKET_HEADER))
		return at_end();
	size = load_u16(in->data());
	whole = load_u16(in->data() + 2);
	if (size < PACKET_HEADER)
		throw format_error(*in, "a packet of " + std::to_string(size) + " bytes with its header");
	if (!in->need(size))
		return at_end();
	packet->frame = { in->data() + PACKET_HEADER, size - PACKET_HEADER };
	packet->ends = &ends;
	packet->size = std::max(whole, packet->frame.size); /* the former is 0 of RTCP */
	packet->time_ns = start_ns + static_cast<__u64>(load_u32(in->data() + 4)) * 1000000;
	return true;
}
