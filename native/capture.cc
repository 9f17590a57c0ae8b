// SPDX-License-Identifier: MIT
#include "capture.h"

#include <algorithm>

#include <arpa/inet.h>

#include "datagrams.h"

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

/* What waits points into the bytes that are about to move. */
capture::capture(std::string path) : in(std::move(path), [this] { catch_up(); })
{
	observer.streams.open(1 << 12, false);
	observer.pairs.open(1 << 10, false);
	observer.bundles.open(1 << 8, false);
	observer.reports.open(1 << 10, false);
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

/* Take a frame apart. */
inline void capture::parse(const struct captured_packet &packet, struct parsed_frame *frame)
{
	struct bytes network = packet.frame;

	frame->time_ns = packet.time_ns;
	frame->tag = 0;
	frames++;
	if (packet.ends) {
		frame->kind = FRAME_UDP;
		frame->udp = { *packet.ends, packet.frame, packet.size };
		return;
	}
	__u16 ether_type = link_strip(packet.link_type, &network);

	frame->kind = packet_parse(ether_type, network, &frame->udp);
	if (frame->kind == FRAME_OTHER)
		frames_other++;
	if (frame->kind != FRAME_UDP)
		return;
	frame->udp.endpoints.direction = local.empty() ? __u8{ DIRECTION_UNKNOWN } : direction(frame->udp.endpoints);
	if (observer.streams.is_large())
		frame->tag = observer_expected_tag(&observer, &frame->udp);
}

/*
 * A frame waits for two more before it is observed, so that what it will change is fetched from memory meanwhile: its slot
 * first, and then its record.
 */
inline void capture::take(const struct captured_packet &packet)
{
	struct parsed_frame &newest = waiting[taken++ % TURNS];
	const struct parsed_frame &before = waiting[(taken - 2) % TURNS];

	parse(packet, &newest);
	observer.streams.prefetch_slot(newest.tag);
	if (taken - observed > 1)
		observer.streams.prefetch_record(before.tag);
	if (taken - observed > AHEAD)
		observe_one();
}

inline void capture::observe_one()
{
	struct parsed_frame &frame = waiting[observed++ % TURNS];

	observer_packet(&observer, frame.kind, &frame.udp, 0, frame.time_ns);
	clock = std::max(clock, frame.time_ns);
}

void capture::catch_up()
{
	while (observed != taken)
		observe_one();
}

template <class Reader> bool capture::read_on(Reader &from, __u64 until_ns)
{
	struct captured_packet packet = {};

	while (from.peek(&packet)) {
		if (packet.time_ns >= until_ns || log.is_full()) {
			catch_up();
			clock = std::min(until_ns, packet.time_ns);
			next = packet.time_ns;
			return true;
		}
		take(packet);
		from.next();
	}
	catch_up();
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
	try {
		is_over = !std::visit([&](auto &from) { return read_on(from, until_ns); }, *reader);
	} catch (const native_error &) {
		catch_up();
		throw;
	}
	return !is_over;
}
