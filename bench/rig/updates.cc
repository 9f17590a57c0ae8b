// SPDX-License-Identifier: MIT
/*
 * Is every update counted when several CPUs send and receive one stream over one socket? What was sent, what the records
 * hold, and how the probe says that the datagrams ended.
 */
#include <pthread.h>
#include <time.h>

#include "records.h"

namespace
{

struct sender {
	struct load load;
	struct course course;
	uint64_t packets;
	pthread_t thread;
};

void *send_all(void *argument)
{
	auto *s = static_cast<sender *>(argument);

	load_run(&s->load, &s->course, s->packets);
	return nullptr;
}

/* One socket and one numbering for all senders; nobody waits for what another may have read. */
void open_senders(sender *senders, const struct options *options, const struct network *network)
{
	load_open(&senders[0].load, network, options, 0);
	senders[0].course = course_begin(&senders[0].load);
	for (uint32_t i = 1; i < options->threads; i++)
		senders[i] = senders[0];
	load_introduce(&senders[0].load, &senders[0].course, INTRODUCTION);
	for (uint32_t i = 0; i < options->threads; i++) {
		senders[i].packets = options->packets / options->threads / BATCH * BATCH;
		senders[i].load.impatient = true;
	}
}

} // namespace

int run_updates(const struct options *options)
{
	static sender senders[MAX_THREADS];
	struct network network = network_open();
	struct probe *probe = probe_attach(options);
	records table(probe);
	__u64 outcomes[DATAGRAM_OUTCOMES], sent = BATCH * 2, packets = 0;

	open_senders(senders, options, &network);
	sent += (options->streams * INTRODUCTION + BATCH - 1) / BATCH * BATCH - BATCH;
	for (uint32_t i = 0; i < options->threads; i++) {
		if (pthread_create(&senders[i].thread, nullptr, send_all, &senders[i]))
			fail("pthread_create");
		sent += senders[i].packets;
	}
	for (uint32_t i = 0; i < options->threads; i++)
		pthread_join(senders[i].thread, nullptr);
	load_run(&senders[0].load, &senders[0].course, BATCH); /* whoever waits for the next packet has one */
	for (__u32 slot = 0; slot < table.slots(); slot++) {
		const struct stream *s = table.at(slot);

		if (s->tag)
			packets += stream_packets(s, table.totals_of(slot));
	}
	read_tallies(probe, outcomes);
	printf("{\"sent\":%llu,\"packets\":%llu,\"outcomes\":[", sent, packets);
	for (int i = 0; i < DATAGRAM_OUTCOMES; i++)
		printf("%s%llu", i ? "," : "", outcomes[i]);
	printf("]}\n");
	return 0;
}
