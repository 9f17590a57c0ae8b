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

/* The tag that the stream of a packet has if it is plain RTP; 0 if it is not plain, and then *plain says nothing. */
inline __u64 capture::look(const struct captured_packet &packet, struct plain_packet *plain) const
{
	struct bytes network = packet.frame;
	__u16 ether_type = link_strip(packet.link_type, &network);
	__u8 way = DIRECTION_UNKNOWN;

	if (!plain_parse(ether_type, network, &observer.config.keys, plain))
		return 0;
	if (!local.empty()) {
		struct udp_packet udp;

		(void)packet_parse(ether_type, network, &udp);
		way = direction(udp.endpoints);
	}
	return tag_of(&observer.config.keys, plain->addresses, plain->ports, tag_way(0, way), 0,
		      load_u32(plain->payload + 8));
}

/*
 * While there are more streams than the cache holds, a frame waits for two more before it is observed, so that what it will
 * change is fetched from memory meanwhile: its slot first, and then its record.
 */
inline void capture::take(const struct captured_packet &packet)
{
	struct plain_packet plain = {};
	__u64 tag;

	frames++;
	if (packet.ends) { /* of a reader that says something else of the next packet in the same place */
		catch_up();
		return observe_any(packet);
	}
	tag = look(packet, &plain);
	if (!observer.streams.is_large()) {
		catch_up();
		return observe(packet, plain, tag);
	}
	waiting[taken % TURNS] = { packet, plain, tag };
	observer.streams.prefetch_slot(tag);
	if (taken++ != observed)
		observer.streams.prefetch_record(waiting[(taken - 2) % TURNS].tag);
	if (taken - observed > AHEAD)
		observe_next();
}

inline void capture::observe_next()
{
	const struct waiting_frame &next = waiting[observed++ % TURNS];

	observe(next.packet, next.plain, next.tag);
}

inline void capture::observe(const struct captured_packet &packet, const struct plain_packet &plain, __u64 tag)
{
	__u32 words[PLAIN_WORDS / sizeof(__u32)];

	if (tag) {
		for (__u32 &word : words)
			word = load_raw_u32(plain.payload + sizeof(words[0]) * static_cast<size_t>(&word - words));
		clock = std::max(clock, packet.time_ns);
		if (observer_plain(&observer, tag, words, plain.size, packet.time_ns))
			return;
	}
	observe_any(packet);
}

/* Any packet, from its first byte on. */
void capture::observe_any(const struct captured_packet &packet)
{
	struct bytes network = packet.frame;
	enum frame_kind kind = FRAME_UDP;
	struct udp_packet udp;

	if (packet.ends) {
		udp = { *packet.ends, packet.frame, packet.size };
	} else {
		__u16 ether_type = link_strip(packet.link_type, &network);

		kind = packet_parse(ether_type, network, &udp);
		if (kind == FRAME_UDP)
			udp.endpoints.direction = local.empty() ? __u8{ DIRECTION_UNKNOWN } : direction(udp.endpoints);
	}
	frames_other += kind == FRAME_OTHER;
	observer_packet(&observer, kind, &udp, 0, packet.time_ns);
	clock = std::max(clock, packet.time_ns);
}

void capture::catch_up()
{
	while (observed != taken)
		observe_next();
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
