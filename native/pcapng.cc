// SPDX-License-Identifier: MIT
#include <algorithm>

#include "pcap.h"

namespace
{

enum : __u32 {
	BLOCK_SECTION = pcapng_reader::MAGIC,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OLD = 2,
	BLOCK_PACKET_SIMPLE = 3,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	MOST_INTERFACES = 1 << 16,

	BLOCK_HEADER = 8, /* type and length; the length stands again at the end */
	BLOCK_FRAME = 12,
	SECTION_HEADER = 16, /* up to the versions */
	INTERFACE_HEADER = 16,
	PACKET_HEADER = 28,
	PACKET_SIMPLE_HEADER = 12,

	OPTION_END = 0,
	OPTION_RESOLUTION = 9,
	OPTION_OFFSET = 14,
};

/* Timestamp of `units_per_s` to nanoseconds; what overflows is nonsense and stays it, without undefined behaviour. */
__u64 nanoseconds(__u64 units, __u64 units_per_s)
{
	if (units_per_s == NS_PER_S)
		return units;
	if (NS_PER_S % units_per_s == 0)
		return units * (NS_PER_S / units_per_s);
	return static_cast<__u64>(static_cast<unsigned __int128>(units) * NS_PER_S / units_per_s);
}

__u32 padded(__u32 size)
{
	return (size + 3) & ~3u;
}

} // namespace

/* The section's own byte order is behind the length that is written in it. False if the file ends here. */
bool pcapng_reader::read_section()
{
	if (!in->need(SECTION_HEADER))
		return false;
	order = {};
	order.is_swapped = order.u32(in->data() + 8) != BYTE_ORDER_MAGIC;
	if (order.u32(in->data() + 8) != BYTE_ORDER_MAGIC)
		throw format_error(*in, "a section without a byte-order magic");
	if (order.u16(in->data() + 12) != 1)
		throw format_error(*in, "pcapng version " + std::to_string(order.u16(in->data() + 12)));
	interfaces.clear();
	return true;
}

/* True if the whole of the block at hand is in one piece, and its two lengths agree. */
bool pcapng_reader::need_block()
{
	if (size > input::LONGEST)
		throw format_error(*in, "a block of " + std::to_string(size) + " bytes");
	if (!in->need(size))
		return false;
	if (order.u32(in->data() + size - 4) != size)
		throw format_error(*in, "a block whose two lengths differ");
	return true;
}

/* if_tsresol: a power of 10, or with the highest bit set of 2. */
__u64 pcapng_reader::resolution(__u8 code)
{
	__u32 exponent = code & 127;
	__u64 units = 1;

	if (exponent > (code & 128 ? 63 : 19))
		throw format_error(*in, "an interface with the timestamp resolution " + std::to_string(code));
	for (__u32 i = 0; i < exponent; i++)
		units *= code & 128 ? 2 : 10;
	return units;
}

void pcapng_reader::read_interface()
{
	struct interface added = { 0, 0, 0, 1000000 };
	__u32 at = INTERFACE_HEADER, end = size - 4;

	if (size < INTERFACE_HEADER + 4)
		throw format_error(*in, "a short interface block");
	if (interfaces.size() == MOST_INTERFACES)
		throw format_error(*in, "more than " + std::to_string(MOST_INTERFACES) + " interfaces in a section");
	added.link_type = order.u16(in->data() + 8);
	added.snap_length = order.u32(in->data() + 12);
	while (at + 4 <= end) {
		__u32 code = order.u16(in->data() + at);
		__u32 length = order.u16(in->data() + at + 2);

		at += 4;
		if (code == OPTION_END)
			break;
		if (padded(length) > end - at)
			throw format_error(*in, "an option that runs out of its block");
		if (code == OPTION_RESOLUTION && length >= 1)
			added.units_per_s = resolution(in->data()[at]);
		if (code == OPTION_OFFSET && length >= 8)
			added.offset_s = static_cast<__s64>(order.u64(in->data() + at));
		at += padded(length);
	}
	interfaces.push_back(added);
}

const struct pcapng_reader::interface &pcapng_reader::find_interface(__u32 id)
{
	if (id >= interfaces.size())
		throw format_error(*in, "a packet of interface " + std::to_string(id) + ", which is not described,");
	check_link_type(*in, interfaces[id].link_type);
	return interfaces[id];
}

/* The packet blocks with a timestamp: `header` bytes up to the packet, the same fields at the same places. */
void pcapng_reader::read_packet(struct captured_packet *packet, __u32 interface_id, __u32 header)
{
	const struct interface &at = find_interface(interface_id);
	__u64 units = static_cast<__u64>(order.u32(in->data() + 12)) << 32 | order.u32(in->data() + 16);
	__u32 captured = order.u32(in->data() + 20);

	if (captured > size - header - 4 || captured > CAPTURE_LONGEST)
		throw format_error(*in, "a packet of " + std::to_string(captured) + " bytes");
	packet->frame = { in->data() + header, captured };
	packet->link_type = at.link_type;
	time_ns = nanoseconds(units, at.units_per_s) + static_cast<__u64>(at.offset_s) * NS_PER_S;
	time_ns = std::min(time_ns, CAPTURE_LATEST);
	packet->time_ns = time_ns;
}

/* A packet without a time: it is taken to arrive with the one before. */
void pcapng_reader::read_simple_packet(struct captured_packet *packet)
{
	const struct interface &at = find_interface(0);
	__u32 captured = std::min(order.u32(in->data() + 8), size - PACKET_SIMPLE_HEADER - 4);

	if (at.snap_length)
		captured = std::min(captured, at.snap_length);
	packet->frame = { in->data() + PACKET_SIMPLE_HEADER, captured };
	packet->link_type = at.link_type;
	packet->time_ns = time_ns;
}

bool pcapng_reader::peek(struct captured_packet *packet)
{
	for (;; next()) {
		__u32 type;

		if (!in->need(BLOCK_HEADER))
			break;
		type = order.u32(in->data());
		if (type == BLOCK_SECTION && !read_section())
			break;
		size = order.u32(in->data() + 4);
		if (size < BLOCK_FRAME || size % 4)
			throw format_error(*in, "a block of " + std::to_string(size) + " bytes");
		if (type != BLOCK_SECTION && type != BLOCK_INTERFACE && type != BLOCK_PACKET &&
		    type != BLOCK_PACKET_OLD && type != BLOCK_PACKET_SIMPLE)
			continue;
		if (!need_block())
			break;
		if (type == BLOCK_INTERFACE) {
			read_interface();
		} else if (type == BLOCK_PACKET_SIMPLE && size >= PACKET_SIMPLE_HEADER + 4) {
			read_simple_packet(packet);
			return true;
		} else if (type != BLOCK_SECTION) {
			if (size < PACKET_HEADER + 4)
				throw format_error(*in, "a short packet block");
			read_packet(packet,
				    type == BLOCK_PACKET ? order.u32(in->data() + 8) : order.u16(in->data() + 8),
				    PACKET_HEADER);
			return true;
		}
	}
	truncated = !in->is_whole();
	return false;
}
