/* SPDX-License-Identifier: MIT */
/*
 * Attaches a yardstick to the cgroup of sockets that somebody else loads, until SIGINT: an empty pair, or the floor, which then
 * says what it counted in both directions.
 */
#define _GNU_SOURCE
#include "attachment.h"

#include <err.h>
#include <signal.h>

#include "yardstick.skel.h"

static uint64_t packets_counted(const struct yardstick *yardstick)
{
	struct {
		__u64 last_ns, packets;
	} record;
	uint64_t sum = 0;

	for (__u32 slot = 0; slot < bpf_map__max_entries(yardstick->maps.records); slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(yardstick->maps.records), &slot, &record))
			fail("bpf_map_lookup_elem");
		sum += record.packets;
	}
	return sum;
}

int run_hold(const struct options *options)
{
	struct yardstick *yardstick = yardstick__open_and_load();
	struct bpf_program *programs[SIDES];
	struct bpf_link *links[SIDES];
	sigset_t end;
	int signal;

	if (!yardstick)
		fail("load");
	programs[0] = options->floor ? yardstick->progs.floor_ingress : yardstick->progs.empty_ingress;
	programs[1] = options->floor ? yardstick->progs.floor_egress : yardstick->progs.empty_egress;
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	attach(programs, cgroup_open(options->cgroup), links);
	printf("attached\n");
	fflush(stdout);
	sigwait(&end, &signal);
	detach(links);
	if (options->floor)
		printf("{\"packets\": %lu}\n", packets_counted(yardstick));
	return 0;
}
