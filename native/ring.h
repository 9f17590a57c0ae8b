// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_RING_H
#define RTCPROBE_NATIVE_RING_H

#include <string>

#include "descriptor.h"
#include "frame.h"

/* One frame as the kernel hands it over. */
struct ring_frame {
	struct bytes frame;  /* from its link layer on, which Ethernet is */
	struct bytes packet; /* from its network header on */
	__u16 ether_type;    /* of that, as the kernel knows it */
	bool is_ethernet;
	__u8 direction; /* enum direction */
	int interface;
	__u32 segment; /* payload of each datagram in a super-packet, 0 = it is one datagram */
	__u64 realtime_ns;
};

/* An AF_PACKET socket and its ring of blocks that the kernel fills with UDP frames (packet(7), TPACKET_V3). */
class packet_ring
{
public:
	/* All interfaces if `interface` is empty. Throws a native_error: EPERM, ENODEV … */
	explicit packet_ring(const std::string &interface);
	packet_ring(const packet_ring &) = delete;
	packet_ring &operator=(const packet_ring &) = delete;
	~packet_ring();

	/* Stop and resume; stopped costs the host nothing. */
	void listen(bool on);

	/* Wait for a block of frames. False once `stopped`, an eventfd, is readable. */
	bool wait(int stopped);

	/* Calls visit(ring_frame) for each frame of the blocks that are there, and gives them back. */
	template <class Visit> void drain(Visit visit)
	{
		for (__u8 *block = filled(); block; release(block), block = filled()) {
			struct ring_frame frame;
			__u32 count = frames(block);
			__u8 *at = nullptr;

			for (__u32 i = 0; i < count; i++) {
				at = next(block, at, &frame);
				visit(frame);
			}
		}
	}

	/* Frames dropped because the ring was full, since the last call. */
	__u64 take_drops();

private:
	__u8 *filled() const;
	static __u32 frames(const __u8 *block);
	__u8 *next(__u8 *block, __u8 *at, struct ring_frame *frame) const;
	void release(__u8 *block);
	void join(const std::string &interface);
	void map_blocks();

	descriptor socket;
	int interface_index = 0;
	bool has_segments = false; /* the kernel tells of super-packets */
	__u8 *map = nullptr;
	__u32 current = 0; /* block */
};

#endif
