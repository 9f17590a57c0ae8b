// SPDX-License-Identifier: MIT
#include "ring.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "error.h"
#include "filter.h"

namespace
{

enum : __u32 {
	BLOCK_SIZE = 1 << 18, /* a super-packet of 64 KiB fits several times */
	BLOCKS = 32,
	FRAME_SIZE = 2048,     /* of no effect, but asked for */
	BLOCK_TIMEOUT_MS = 20, /* the longest that a frame waits for its block to fill */
};

/* What PACKET_VNET_HDR puts before each frame: struct virtio_net_hdr of linux/virtio_net.h, which is no C++. */
struct segmentation {
	__u8 flags;
	__u8 type;
	__u16 header;
	__u16 size;
	__u16 checksum_start;
	__u16 checksum_offset;
};

enum { SEGMENTATION_UDP = 5 }; /* VIRTIO_NET_HDR_GSO_UDP_L4 of Linux 6.2 */

/* Before Linux 6.2 a socket that asks for the segmentation of packets does not get those of UDP_SEGMENT at all. */
bool kernel_tells_segments()
{
	struct utsname name;
	int major = 0, minor = 0;

	return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 2));
}

__u8 frame_direction(__u8 packet_type)
{
	switch (packet_type) {
	case PACKET_OUTGOING: return DIRECTION_OUT;
	case PACKET_OTHERHOST: /* mirrored traffic, not ours */ return DIRECTION_UNKNOWN;
	default: return DIRECTION_IN;
	}
}

template <class Value> void set_option(const descriptor &socket, int option, const char *name, const Value &value)
{
	if (setsockopt(socket.get(), SOL_PACKET, option, &value, sizeof(value)) < 0)
		throw system_failure(std::string("setsockopt ") + name, errno);
}

} // namespace

/* The protocol is 0 until listen(): frames that no filter has seen yet must not get in. */
packet_ring::packet_ring(const std::string &interface)
{
	socket.take(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket AF_PACKET");
	if (!interface.empty())
		join(interface);
	filter_udp(socket.get());
	set_option(socket, PACKET_VERSION, "PACKET_VERSION", static_cast<int>(TPACKET_V3));
	has_segments = kernel_tells_segments();
	if (has_segments)
		set_option(socket, PACKET_VNET_HDR, "PACKET_VNET_HDR", 1);
	map_blocks();
}

packet_ring::~packet_ring()
{
	munmap(map, BLOCK_SIZE * BLOCKS);
}

/* One interface, and what is not addressed to it as well: mirrored traffic. */
void packet_ring::join(const std::string &interface)
{
	struct packet_mreq everything = {};

	interface_index = static_cast<int>(if_nametoindex(interface.c_str()));
	if (interface_index == 0)
		throw system_failure("if_nametoindex", errno, interface);
	everything.mr_ifindex = interface_index;
	everything.mr_type = PACKET_MR_PROMISC;
	set_option(socket, PACKET_ADD_MEMBERSHIP, "PACKET_ADD_MEMBERSHIP", everything);
}

void packet_ring::map_blocks()
{
	struct tpacket_req3 request = {};
	void *mapped;

	request.tp_block_size = BLOCK_SIZE;
	request.tp_block_nr = BLOCKS;
	request.tp_frame_size = FRAME_SIZE;
	request.tp_frame_nr = BLOCK_SIZE / FRAME_SIZE * BLOCKS;
	request.tp_retire_blk_tov = BLOCK_TIMEOUT_MS;
	set_option(socket, PACKET_RX_RING, "PACKET_RX_RING", request);
	mapped = mmap(nullptr, BLOCK_SIZE * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, socket.get(), 0);
	if (mapped == MAP_FAILED)
		throw system_failure("mmap", errno);
	map = static_cast<__u8 *>(mapped);
}

void packet_ring::listen(bool on)
{
	struct sockaddr_ll address = {};

	address.sll_family = AF_PACKET;
	address.sll_protocol = on ? htons(ETH_P_ALL) : 0;
	address.sll_ifindex = interface_index;
	if (bind(socket.get(), reinterpret_cast<struct sockaddr *>(&address), sizeof(address)) < 0)
		throw system_failure("bind AF_PACKET", errno);
}

bool packet_ring::wait(int stopped)
{
	struct pollfd events[] = { { stopped, POLLIN, 0 }, { socket.get(), POLLIN, 0 } };

	if (poll(events, 2, -1) <= 0)
		return true;               /* interrupted */
	if (events[1].revents & POLLERR) { /* the interface went down; it may come back */
		int fault;
		socklen_t size = sizeof(fault);

		getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &fault, &size);
	}
	return events[0].revents == 0;
}

/* The block that is next in turn, if the kernel has handed it over. */
__u8 *packet_ring::filled() const
{
	__u8 *block = map + static_cast<size_t>(current) * BLOCK_SIZE;
	auto *header = reinterpret_cast<struct tpacket_block_desc *>(block);

	return __atomic_load_n(&header->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER ? block : nullptr;
}

__u32 packet_ring::frames(const __u8 *block)
{
	return reinterpret_cast<const struct tpacket_block_desc *>(block)->hdr.bh1.num_pkts;
}

void packet_ring::release(__u8 *block)
{
	auto *header = reinterpret_cast<struct tpacket_block_desc *>(block);

	__atomic_store_n(&header->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	current = (current + 1) % BLOCKS;
}

/* The frame behind the one `at`, or the first. Returns where its header is. */
__u8 *packet_ring::next(__u8 *block, __u8 *at, struct ring_frame *frame) const
{
	const auto *header = reinterpret_cast<const struct tpacket3_hdr *>(at);
	const struct sockaddr_ll *link;

	at = at ? at + header->tp_next_offset :
		  block + reinterpret_cast<struct tpacket_block_desc *>(block)->hdr.bh1.offset_to_first_pkt;
	header = reinterpret_cast<const struct tpacket3_hdr *>(at);
	link = reinterpret_cast<const struct sockaddr_ll *>(at + TPACKET_ALIGN(sizeof(*header)));
	frame->frame = { at + header->tp_mac, header->tp_snaplen };
	frame->packet = { at + header->tp_net, header->tp_mac + header->tp_snaplen - header->tp_net };
	frame->ether_type = ntohs(link->sll_protocol);
	frame->is_ethernet = link->sll_hatype == ARPHRD_ETHER || link->sll_hatype == ARPHRD_LOOPBACK;
	frame->direction = frame_direction(link->sll_pkttype);
	frame->interface = link->sll_ifindex;
	frame->realtime_ns = static_cast<__u64>(header->tp_sec) * NS_PER_S + header->tp_nsec;
	frame->segment = 0;
	if (has_segments) {
		struct segmentation segments;

		memcpy(&segments, frame->frame.data - sizeof(segments), sizeof(segments));
		if (segments.type == SEGMENTATION_UDP)
			frame->segment = segments.size;
	}
	return at;
}

__u64 packet_ring::take_drops()
{
	struct tpacket_stats_v3 statistics = {};
	socklen_t size = sizeof(statistics);

	if (getsockopt(socket.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) < 0)
		throw system_failure("getsockopt PACKET_STATISTICS", errno);
	return statistics.tp_drops;
}
