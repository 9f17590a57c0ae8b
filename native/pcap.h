// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_PCAP_H
#define RTCPROBE_NATIVE_PCAP_H

#include <vector>

#include "captured.h"
#include "link.h"

void check_link_type(const input &in, __u32 link_type);

/* Integers in the byte order of the host that wrote the file. */
struct file_order {
	bool is_swapped = false;

	__u16 u16(const __u8 *at) const
	{
		__u16 value;

		__builtin_memcpy(&value, at, sizeof(value));
		return is_swapped ? __builtin_bswap16(value) : value;
	}

	__u32 u32(const __u8 *at) const
	{
		__u32 value;

		__builtin_memcpy(&value, at, sizeof(value));
		return is_swapped ? __builtin_bswap32(value) : value;
	}

	__u64 u64(const __u8 *at) const
	{
		__u64 value;

		__builtin_memcpy(&value, at, sizeof(value));
		return is_swapped ? __builtin_bswap64(value) : value;
	}
};

/* https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html */
class pcap_reader
{
public:
	/* True for the first word of such a file, in the byte order of its host. */
	static bool is_magic(__u32 magic);
	/* Reads the file's header. */
	explicit pcap_reader(input *file);

	/* True if there is a packet; it is the same again until next(). */
	bool peek(struct captured_packet *packet)
	{
		__u32 captured;

		if (!in->need(record_header))
			return at_end();
		captured = captured_at(in->data());
		if (captured > CAPTURE_LONGEST)
			throw format_error(*in, "a packet of " + std::to_string(captured) + " bytes");
		size = record_header + captured;
		if (!in->need(size))
			return at_end();
		read_record(in->data(), packet);
		return true;
	}

	/* The packet at *at, if all of it is ahead of `end`: true, and *at is behind it. Quicker than peek() and next() for many. */
	bool take(const __u8 **at, const __u8 *end, struct captured_packet *packet) const
	{
		size_t left = static_cast<size_t>(end - *at);
		__u32 captured = left < record_header ? ~__u32{ 0 } : captured_at(*at);

		if (captured > CAPTURE_LONGEST || left < record_header + captured)
			return false;
		read_record(*at, packet);
		*at += record_header + packet->frame.size;
		return true;
	}

	void next() { in->skip(size); }
	/* True if the file ended in the middle of a packet. */
	bool is_truncated() const { return truncated; }

private:
	bool at_end()
	{
		truncated = !in->is_whole();
		return false;
	}

	__u32 captured_at(const __u8 *record) const { return order.u32(record + 8); }

	void read_record(const __u8 *record, struct captured_packet *packet) const
	{
		packet->frame = { record + record_header, captured_at(record) };
		packet->link_type = link_type;
		packet->time_ns = static_cast<__u64>(order.u32(record)) * NS_PER_S +
				  static_cast<__u64>(order.u32(record + 4)) * fraction_ns;
	}

	input *in;
	struct file_order order;
	__u32 fraction_ns; /* unit of the second word of a timestamp */
	__u32 record_header;
	__u32 link_type;
	__u32 size = 0;
	bool truncated = false;
};

/* https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html */
class pcapng_reader
{
public:
	static constexpr __u32 MAGIC = 0x0a0d0d0a; /* in either byte order */
	explicit pcapng_reader(input *file) : in(file) {}

	bool peek(struct captured_packet *packet);
	void next() { in->skip(size); }
	bool is_truncated() const { return truncated; }

private:
	struct interface {
		__u32 link_type;
		__u32 snap_length; /* 0 = none */
		__s64 offset_s;
		__u64 units_per_s; /* of a timestamp */
	};

	bool read_section();
	bool need_block();
	void read_interface();
	void read_packet(struct captured_packet *packet, __u32 interface_id, __u32 header);
	void read_simple_packet(struct captured_packet *packet);
	const struct interface &find_interface(__u32 id);
	__u64 resolution(__u8 code);

	input *in;
	struct file_order order;
	std::vector<interface> interfaces;
	__u64 time_ns = 0; /* of the packet before */
	__u32 size = 0;    /* of the block */
	bool truncated = false;
};

#endif
