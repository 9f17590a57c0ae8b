/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <stdbool.h>

struct probe *load_probe(const struct config *config)
{
	struct probe *skeleton = probe__open();
	bool rtp = config->probes & PROBE_RTP;

	if (!skeleton)
		fail("open");
	bpf_program__set_autoload(skeleton->progs.rtp_ingress, rtp);
	bpf_program__set_autoload(skeleton->progs.rtp_egress, rtp);
	bpf_program__set_autoload(skeleton->progs.control_ingress, !rtp);
	bpf_program__set_autoload(skeleton->progs.control_egress, !rtp);
	bpf_program__set_autoload(skeleton->progs.socket_created, false);
	bpf_map__set_max_entries(skeleton->maps.streams, config->stream_mask + 1);
	bpf_map__set_max_entries(skeleton->maps.totals, config->stream_mask + 1);
	bpf_map__set_max_entries(skeleton->maps.details, config->stream_mask + 1);
	if (config->probes & PROBE_DEPTH) {
		bpf_map__set_max_entries(skeleton->maps.depths, config->stream_mask + 1);
		bpf_map__set_max_entries(skeleton->maps.bundles, config->stream_mask + 1);
	}
	bpf_map__set_max_entries(skeleton->maps.pairs, config->pair_mask + 1);
	bpf_map__set_max_entries(skeleton->maps.reports, config->report_mask + 1);
	bpf_map__set_max_entries(skeleton->maps.taken, table_words(config->stream_mask) +
							       table_words(config->report_mask) +
							       table_words(config->pair_mask));
	memcpy((void *)&skeleton->rodata->config, config, sizeof(*config));
	tag_keys_begin((struct tag_keys *)&skeleton->rodata->config.keys, 1);
	skeleton->bss->probes = config->probes;
	if (probe__load(skeleton))
		fail("load");
	return skeleton;
}

void read_tallies(struct probe *skeleton, __u64 outcomes[DATAGRAM_OUTCOMES])
{
	int cpus = libbpf_num_possible_cpus();
	struct tallies *per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	__u32 zero = 0;

	if (!per_cpu || bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.tallies), &zero, per_cpu))
		fail("lookup");
	memset(outcomes, 0, sizeof(__u64[DATAGRAM_OUTCOMES]));
	for (int cpu = 0; cpu < cpus; cpu++)
		tallies_add(&per_cpu[cpu], outcomes);
	free(per_cpu);
}
