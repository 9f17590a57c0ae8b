// SPDX-License-Identifier: MIT
/*
 * Is a record ever read while half of it is written? A sender updates a stream as fast as it can, and this thread reads its
 * record all the time, by the addon's own reader, in turn where it lies and as a copy, and, to
 * show that the question can be answered, by a plain copy without it. In a whole record the
 * counters in the stream and its totals, the timestamp and the sequence number agree: all packets are of one size, in
 * order, and say their number in their timestamp.
 */
#include <atomic>
#include <pthread.h>
#include <unistd.h>

#include "records.h"

namespace
{

enum { TICKS = 160 };

struct sender {
	struct load load;
	struct course course;
	std::atomic<bool> done;
	std::atomic<uint64_t> packets;
};

void *send_until_done(void *argument)
{
	auto *s = static_cast<sender *>(argument);

	pin(0);
	while (!s->done) {
		load_run(&s->load, &s->course, BATCH);
		s->packets += BATCH;
	}
	return nullptr;
}

struct whole_record {
	struct stream stream;
	struct stream_totals totals;
};

bool is_whole(const struct stream &s, const struct stream_totals &t)
{
	__u64 packets = stream_packets(&s, &t);

	return stream_header_bytes(&s, &t) == 12 * packets && stream_bytes(&s, &t) == (PAYLOAD - 12) * packets &&
	       s.last_ts == static_cast<__u16>(s.max_seq) * static_cast<__u32>(TICKS);
}

} // namespace

int run_torn(const struct options *options)
{
	static sender s;
	struct network network = network_open();
	struct probe *probe = probe_attach(options);
	records table(probe);
	pthread_t thread;
	uint64_t torn = 0, plain_torn = 0, reads = 0, plain_reads = 0, changes = 0, seen = 0, sent;
	const struct stream *record = nullptr;
	const struct stream_totals *totals = nullptr;

	load_open(&s.load, &network, options, 0);
	s.course = course_begin(&s.load);
	load_introduce(&s.load, &s.course, INTRODUCTION);
	for (__u32 slot = 0; slot < table.slots() && !record; slot++) {
		if (!table.at(slot)->tag)
			continue;
		record = table.at(slot);
		totals = table.totals_of(slot);
	}
	if (pthread_create(&thread, nullptr, send_until_done, &s))
		fail("pthread_create");
	pin(1);
	while (!s.packets)
		usleep(1000);
	while (reads < options->reads) {
		whole_record copy;
		bool in_place = reads % 2, whole = false;
		uint64_t packets = 0;
		auto look = [&](const struct stream &s, const struct stream_totals &t) {
			whole = is_whole(s, t);
			packets = stream_packets(&s, &t);
		};
		auto take = [&] { copy = { *record, *totals }; };

		if (in_place ? record_visit(record, [&] { look(*record, *totals); }) : record_visit(record, take)) {
			if (!in_place)
				look(copy.stream, copy.totals);
			reads++;
			torn += !whole;
			changes += packets != seen;
			seen = packets;
		}
		take();
		asm volatile("" ::: "memory");
		plain_reads++;
		plain_torn += !is_whole(copy.stream, copy.totals);
	}
	s.done = true;
	pthread_join(thread, nullptr);
	sent = s.packets;
	printf("{\"reads\":%lu,\"torn\":%lu,\"plainReads\":%lu,\"plainTorn\":%lu,\"changes\":%lu,\"packets\":%lu}\n",
	       reads, torn, plain_reads, plain_torn, changes, sent);
	return 0;
}
