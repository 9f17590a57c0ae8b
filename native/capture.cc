// SPDX-License-Identifier: MIT
#include "capture.h"

#include <algorithm>

#include <arpa/inet.h>

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

capture::capture(std::string path) : in(std::move(path))
{
	observer.streams.open(1 << 12, false);
	observer.pairs.open(1 << 10, false);
}

__u8 capture::direction(const struct endpoints &e) const
{
	auto is_local = [&](const __u64(&words)[2]) {
		return std::any_of(local.begin(), local.end(), [&](const local_address &address) {
			return address.is_ipv6 == e.is_ipv6 && address.words[0] == words[0] &&
			       address.words[1] == words[1];
		});
	};

	return is_local(e.src) ? DIRECTION_OUT : is_local(e.dst) ? DIRECTION_IN : DIRECTION_UNKNOWN;
}

inline void capture::observe_frame(const struct captured_packet &packet)
{
	struct bytes network = packet.frame;
	__u16 ether_type = link_strip(packet.link_type, &network);
	struct udp_packet udp;
	enum frame_kind kind = packet_parse(ether_type, network, &udp);

	frames++;
	if (kind == FRAME_OTHER)
		frames_other++;
	if (kind == FRAME_UDP)
		udp.endpoints.direction = local.empty() ? __u8{ DIRECTION_UNKNOWN } : direction(udp.endpoints);
	observer_packet(&observer, kind, &udp, 0, packet.time_ns);
}

template <class Reader> bool capture::read_on(Reader &from, __u64 until_ns)
{
	struct captured_packet packet;

	while (from.peek(&packet)) {
		if (packet.time_ns >= until_ns) {
			clock = until_ns;
			next = packet.time_ns;
			return true;
		}
		observe_frame(packet);
		clock = std::max(clock, packet.time_ns);
		from.next();
	}
	is_truncated = from.is_truncated();
	return false;
}

bool capture::read(__u64 until_ns)
{
	if (is_over)
		return false;
	is_over = true; /* after a fault, too */
	if (!reader)
		reader.emplace(open_reader(&in));
	is_over = !std::visit([&](auto &from) { return read_on(from, until_ns); }, *reader);
	return !is_over;
}
