/* SPDX-License-Identifier: MIT */
/*
 * A load at a steady rate that somebody else watches. Says first where: the receiver's network namespace and its
 * interface. Then each line "RATE SECONDS" on stdin is a run, and answered with what was sent and received and what CPU time a
 * packet took to send, carry and receive, watching included: the fastest tenth of the
 * batches, for what else the machine does slows many.
 */
#define _GNU_SOURCE
#include "rig.h"

#include <err.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void run(struct load *l, struct course *course, uint32_t rate, uint32_t seconds)
{
	uint32_t batches = rate / BATCH * seconds;
	uint64_t *ns = calloc(batches, sizeof(*ns)), next = clock_ns(CLOCK_MONOTONIC), received = 0;

	if (!ns)
		err(1, "memory");
	for (uint32_t i = 0; i < batches; i++) {
		uint64_t begin;
		struct timespec until;

		next += 1000000000ull * BATCH / rate;
		until = (struct timespec){ (time_t)(next / 1000000000), (long)(next % 1000000000) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		received += load_run(l, course, BATCH);
		ns[i] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	}
	printf("{\"sent\":%u,\"received\":%lu,\"ns\":%.1f}\n", batches * BATCH, received,
	       (double)quantile_of(ns, batches, 0.1) / BATCH);
	fflush(stdout);
	free(ns);
}

int run_pace(const struct options *options)
{
	struct network network = network_open();
	struct load load;
	struct course course;
	uint32_t rate, seconds;

	load_open(&load, &network, options, 0);
	course = course_begin(&load);
	pin(0);
	load_run(&load, &course, BATCH); /* addresses are resolved now */
	printf("{\"namespace\":\"/proc/%d/fd/%d\",\"interface\":\"%s\"}\n", getpid(), network.receiver,
	       network.interface);
	fflush(stdout);
	while (scanf("%u %u", &rate, &seconds) == 2)
		if (rate >= BATCH && seconds > 0)
			run(&load, &course, rate, seconds);
	return 0;
}
