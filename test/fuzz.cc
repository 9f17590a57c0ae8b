// SPDX-License-Identifier: MIT
/*
 * libFuzzer target. The first byte of the input says what it is: UDP payloads one after the other, frames of some link layer,
 * or, if it is the first of a capture file's magic number or of a log's line, such a file.
 * Invariant: whatever the bytes, every datagram that was seen has one outcome, and nothing
 * crashes (AddressSanitizer, UndefinedBehaviorSanitizer).
 */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "../native/capture.h"
#include "../native/datagrams.h"

namespace
{

constexpr __u32 MOST_SLOTS = 1 << 10;
constexpr __u32 LINK_TYPES[] = { 0, 1, 12, 14, 101, 108, 113, 228, 229, 276 };

/* Takes the input apart from the front. */
struct input_bytes {
	const __u8 *data;
	size_t size;

	__u32 take(size_t n)
	{
		__u32 value = 0;

		for (; n && size; n--, size--)
			value = value << 8 | *data++;
		return value;
	}

	struct bytes take_bytes(size_t n)
	{
		struct bytes taken = { data, static_cast<__u32>(std::min(n, size)) };

		data += taken.size;
		size -= taken.size;
		return taken;
	}
};

void check(const struct observer &o)
{
	__u64 sum = 0;

	for (int i = DATAGRAM_SEEN + 1; i < DATAGRAM_OUTCOMES; i++)
		sum += o.tallies[i];
	if (sum == o.tallies[DATAGRAM_SEEN])
		return;
	fprintf(stderr, "seen %llu, but the outcomes are %llu\n", o.tallies[DATAGRAM_SEEN], sum);
	abort();
}

/* A small fixed table, so that a full one occurs; bytes that the sanitizer guards at both ends. */
void fuzz_datagrams(struct input_bytes in, bool fixed)
{
	struct observer o;
	__u32 most = fixed ? 8 : MOST_SLOTS;
	__u64 now = 1;

	tag_keys_begin(&o.config.keys, 1);
	o.streams.open(8, most);
	o.pairs.open(8, most);
	o.bundles.open(8, most);
	o.reports.open(8, most);
	while (in.size) {
		struct udp_packet udp = {};
		__u32 how = in.take(1);
		__u32 segment = how & 0x80 ? in.take(1) : 0;
		struct bytes taken;

		now += how & 0x40 ? in.take(4) : how << 16;
		udp.endpoints.src_port = how & 3;
		udp.endpoints.direction = how >> 2 & 1;
		udp.endpoints.is_ipv6 = how >> 3 & 1;
		taken = in.take_bytes(in.take(1));
		auto copy = std::make_unique<__u8[]>(taken.size);

		std::copy_n(taken.data, taken.size, copy.get());
		udp.payload = { copy.get(), taken.size };
		udp.size = taken.size + (how & 0x10 ? 100 : 0);
		observer_packet(&o, FRAME_UDP, &udp, segment, now);
		check(o);
	}
}

void fuzz_frames(struct input_bytes in)
{
	struct observer o;
	__u64 now = 1;

	tag_keys_begin(&o.config.keys, 1);
	o.streams.open(8, MOST_SLOTS);
	o.pairs.open(8, MOST_SLOTS);
	o.bundles.open(8, MOST_SLOTS);
	o.reports.open(8, MOST_SLOTS);
	while (in.size) {
		__u32 link_type = LINK_TYPES[in.take(1) % std::size(LINK_TYPES)];
		struct bytes taken = in.take_bytes(in.take(1));
		auto copy = std::make_unique<__u8[]>(taken.size);
		struct bytes frame = { copy.get(), taken.size };
		struct udp_packet udp;
		__u16 ether_type;

		std::copy_n(taken.data, taken.size, copy.get());
		ether_type = link_strip(link_type, &frame);
		observer_packet(&o, packet_parse(ether_type, frame, &udp), &udp, 0, now += 1000000);
		check(o);
	}
}

/* Read in steps, as analyze --interval does. */
void fuzz_file(struct input_bytes in)
{
	static const int file = memfd_create("capture", 0);
	capture c("/proc/self/fd/" + std::to_string(file));
	__u64 until = 0;

	tag_keys_begin(&c.observer.config.keys, 1);
	if (ftruncate(file, 0) < 0 || pwrite(file, in.data, in.size, 0) < 0)
		abort();
	try {
		for (int step = 0; step < 64 && c.read(until); step++)
			until = c.next_ns() + 1000000000;
		c.read(~0ULL);
	} catch (const native_error &) {
	}
	check(c.observer);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input_bytes in = { data, size };

	switch (in.take(1)) {
	case 0xd4:
	case 0x4d:
	case 0xa1:
	case 0x0a:
	case '#':
	case 'I':
	case 'O': fuzz_file({ data, size }); break;
	case 0: fuzz_frames(in); break;
	default: fuzz_datagrams(in, size && data[0] & 1);
	}
	return 0;
}
