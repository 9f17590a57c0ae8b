// SPDX-License-Identifier: MIT
/*
 * How true is the time of arrival? A sender of real-time priority, which stands for the network, stamps each packet with the
 * monotonic clock just before it sends it. The receiver, an ordinary thread among `busy` busy loops, reads three clocks of the
 * packet: the probe's (record.last_ns; every packet in turn is of another stream, so its record keeps it), the
 * packet's own timestamp (what tcpdump shows), and its own clock when recvmsg has returned. Prints all errors in ns.
 */
#include <csignal>
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include "records.h"

namespace
{

struct sender {
	struct load load;
	struct course course;
	const struct options *options;
};

void *send_stamped(void *argument)
{
	auto *s = static_cast<sender *>(argument);
	struct sched_param priority = { .sched_priority = 10 };
	uint64_t gap = 1000000000ull / s->options->rate, next = clock_ns(CLOCK_MONOTONIC);

	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority))
		warnx("no real-time priority: the sender's own delays are in all clocks");
	for (uint64_t i = 0; i < static_cast<uint64_t>(s->options->rate) * s->options->seconds; i++) {
		struct timespec until;

		next += gap;
		until.tv_sec = static_cast<time_t>(next / 1000000000);
		until.tv_nsec = static_cast<long>(next % 1000000000);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
		load_send_stamped(&s->load, &s->course);
	}
	return nullptr;
}

std::vector<pid_t> start_loops(uint32_t count)
{
	std::vector<pid_t> loops;

	for (uint32_t i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				asm volatile("");
		}
		loops.push_back(pid);
	}
	return loops;
}

struct errors {
	std::vector<int64_t> probe, packet, application;
	uint64_t overwritten = 0; /* the stream's next packet was faster than the receiver */
};

void take(errors &e, const struct arrival &a, const struct stream *record)
{
	struct stream copy;

	e.application.push_back(static_cast<int64_t>(a.application_ns - a.sent_ns));
	if (a.packet_ns)
		e.packet.push_back(static_cast<int64_t>(a.packet_ns - a.sent_ns));
	if (record && record_read(record, &copy) && copy.last_ts == a.timestamp)
		e.probe.push_back(static_cast<int64_t>(copy.last_ns - a.sent_ns));
	else
		e.overwritten++;
}

void print_errors(const char *name, const std::vector<int64_t> &values)
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < values.size(); i++)
		printf("%s%ld", i ? "," : "", values[i]);
	printf("]");
}

} // namespace

int run_arrivals(const struct options *options)
{
	static sender s;
	struct network network = network_open();
	struct probe *probe = probe_attach(options);
	records table(probe);
	std::unordered_map<uint32_t, const struct stream *> inbound;
	uint64_t total = static_cast<uint64_t>(options->rate) * options->seconds, received = 0;
	struct arrival arrival;
	pthread_t thread;
	errors found;

	s.options = options;
	load_open(&s.load, &network, options, 0);
	s.course = course_begin(&s.load);
	load_introduce(&s.load, &s.course, INTRODUCTION);
	for (__u32 slot = 0; slot < table.slots(); slot++)
		if (table.at(slot)->tag && table.direction(slot) == DIRECTION_IN)
			inbound[table.at(slot)->ssrc] = table.at(slot);
	found.probe.reserve(total);
	found.packet.reserve(total);
	found.application.reserve(total);
	load_ask_timestamps(&s.load);
	std::vector<pid_t> loops = start_loops(options->busy);
	if (pthread_create(&thread, nullptr, send_stamped, &s))
		fail("pthread_create");
	for (; received < total && load_receive_stamped(&s.load, &arrival); received++)
		take(found, arrival, inbound[arrival.ssrc]);
	pthread_join(thread, nullptr);
	for (pid_t loop : loops)
		kill(loop, SIGKILL);
	printf("{\"sent\":%lu,\"received\":%lu,\"overwritten\":%lu", total, received, found.overwritten);
	print_errors("probe", found.probe);
	print_errors("packet", found.packet);
	print_errors("application", found.application);
	printf("}\n");
	return 0;
}
