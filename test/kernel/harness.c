/* SPDX-License-Identifier: MIT */
/*
 * Drives the kernel program for tests: `replay` sends a capture through BPF_PROG_TEST_RUN and prints the records,
 * `cost` measures the attached pair on live traffic beside an empty pair.
 */
#include "harness.h"

struct probe *load_probe(int by_socket, int packet_timestamps)
{
	struct probe *skeleton = probe__open();

	if (!skeleton)
		fail("open");
	bpf_program__set_autoload(skeleton->progs.control_ingress, false);
	bpf_program__set_autoload(skeleton->progs.control_egress, false);
	bpf_program__set_autoload(skeleton->progs.socket_created, false);
	bpf_map__set_max_entries(skeleton->maps.streams, STREAM_SLOTS);
	bpf_map__set_max_entries(skeleton->maps.details, STREAM_SLOTS);
	bpf_map__set_max_entries(skeleton->maps.pairs, PAIR_SLOTS);
	struct config config = {
		.seed = 1,
		.stream_mask = STREAM_SLOTS - 1,
		.pair_mask = PAIR_SLOTS - 1,
		.by_socket = !!by_socket,
		.packet_timestamps = !!packet_timestamps,
		.probes = ALL_PROBES,
	};
	memcpy((void *)&skeleton->rodata->config, &config, sizeof(config));
	skeleton->bss->probes = ALL_PROBES;
	if (probe__load(skeleton))
		fail("load");
	return skeleton;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "replay"))
		return run_replay(argc - 2, argv + 2);
	if (argc >= 2 && !strcmp(argv[1], "cost"))
		return run_cost(argc - 2, argv + 2);
	fprintf(stderr, "usage: harness replay FILE LOCAL | harness cost CGROUP STREAMS PACKETS ROUNDS\n");
	return 2;
}
