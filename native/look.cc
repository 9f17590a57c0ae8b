// SPDX-License-Identifier: MIT
#include "look.h"

#include <algorithm>

#include <arpa/inet.h>

#include "plain.h"

struct local_address local_address_from(const std::string &text)
{
	struct local_address address = {};

	if (inet_pton(AF_INET, text.c_str(), address.words) == 1)
		return address;
	address.is_ipv6 = 1;
	if (inet_pton(AF_INET6, text.c_str(), address.words) != 1)
		throw native_error("ERR_ADDRESS", "not an IP address: " + text);
	return address;
}

__u8 direction_of(const struct endpoints &e, const std::vector<local_address> &local)
{
	auto is_local = [&](const __u64(&words)[2]) {
		return std::any_of(local.begin(), local.end(), [&](const local_address &address) {
			return address.is_ipv6 == e.is_ipv6 && address.words[0] == words[0] &&
			       address.words[1] == words[1];
		});
	};

	return is_local(e.src) ? DIRECTION_OUT : is_local(e.dst) ? DIRECTION_IN : DIRECTION_UNKNOWN;
}

void packet_looker::open(const struct tag_keys &tag_keys, const std::vector<local_address> &addresses)
{
	keys = tag_keys;
	local = addresses;
	reader.emplace(open_reader(&in));
	has_frames = std::holds_alternative<pcap_reader>(*reader) || std::holds_alternative<pcapng_reader>(*reader);
}

inline void packet_looker::look(const struct captured_packet &packet, struct looked_packet *looked) const
{
	struct bytes network = packet.frame;
	__u16 ether_type = link_strip(packet.link_type, &network);
	struct plain_packet plain;
	__u8 way = DIRECTION_UNKNOWN;

	looked->time_ns = packet.time_ns;
	looked->frame = packet.frame.data;
	looked->captured = packet.frame.size & 0xfffff;
	looked->link_type = static_cast<__u16>(packet.link_type);
	looked->tag = 0;
	if (!plain_parse(ether_type, network, &keys, &plain) || plain.payload - packet.frame.data > PLAIN_FARTHEST)
		return;
	if (!local.empty()) {
		struct udp_packet udp;

		(void)packet_parse(ether_type, network, &udp);
		way = direction_of(udp.endpoints, local);
	}
	looked->payload_at = static_cast<__u32>(plain.payload - packet.frame.data) & PLAIN_FARTHEST;
	memcpy(looked->words, plain.payload, sizeof(looked->words));
	looked->size = static_cast<__u16>(plain.size);
	looked->tag = tag_of(&keys, plain.addresses, plain.ports, tag_way(0, way), 0, wire_u32(looked->words[2]));
}

/* What else lies whole in the block. */
template <class Reader> void packet_looker::look_through(const Reader &from, packet_batch *to)
{
	struct captured_packet packet = {};
	const __u8 *at = in.data(), *end = at + in.left();
	__u32 count = to->count;

	while (count < BATCH_PACKETS && from.take(&at, end, &packet))
		look(packet, &to->packets[count++]);
	to->count = count;
	in.skip(static_cast<size_t>(at - in.data()));
}

template <class Reader> void packet_looker::look_on(Reader &from, packet_batch *to)
{
	struct captured_packet packet = {};

	while (to->count < BATCH_PACKETS) {
		if (!from.peek(&packet)) {
			to->is_last = !in.is_starved();
			to->is_truncated = to->is_last && from.is_truncated();
			return;
		}
		if (to->bytes != in.block()) {
			if (to->count)
				return;
			to->bytes = in.block();
		}
		from.next();
		to->count++;
		to->last.ends = packet.ends;
		if (packet.ends) {
			to->last = packet;
			to->packets[0].time_ns = packet.time_ns;
			to->packets[0].tag = 0;
			return;
		}
		look(packet, &to->packets[to->count - 1]);
		if constexpr (std::is_same_v<Reader, pcap_reader>)
			look_through(from, to);
	}
}

void packet_looker::look_on(packet_batch *to)
{
	to->count = 0;
	try {
		std::visit([&](auto &from) { look_on(from, to); }, *reader);
		in.let_go();
	} catch (...) {
		to->fault = std::current_exception();
		to->is_last = true;
	}
}

void packet_looker::fill(packet_batch *to)
{
	in.give_back(&to->bytes);
	look_on(to);
}

void packet_looker::load(__u64 number, packet_batch *to)
{
	try {
		to->size = in.load(number, &to->bytes);
	} catch (...) {
		to->fault = std::current_exception();
	}
}

void packet_looker::look(packet_batch *to)
{
	if (to->fault) {
		to->count = 0;
		to->is_last = true;
		return;
	}
	in.give({ to->bytes, to->size });
	look_on(to);
}
