/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "attachment.h"

#include <err.h>
#include <fcntl.h>

enum {
	MIN_SLOTS = 1 << 14,  /* those of maxStreams as it is by itself */
	SLOTS_PER_STREAM = 4, /* of two records, one per direction, as the daemon has them */
};

struct probe *probe_open_for(const struct options *o)
{
	uint32_t slots = MIN_SLOTS;
	struct config config = { .pair_mask = 1023, .report_mask = 1023, .by_socket = 1, .probes = o->probes };

	while (slots < (o->slots ? o->slots : o->streams * SLOTS_PER_STREAM))
		slots *= 2;
	config.stream_mask = slots - 1;
	return load_probe(&config);
}

void probe_programs(struct probe *probe, const struct options *o, struct bpf_program *programs[SIDES])
{
	bool rtp = o->probes & PROBE_RTP;

	programs[0] = rtp ? probe->progs.rtp_ingress : probe->progs.control_ingress;
	programs[1] = rtp ? probe->progs.rtp_egress : probe->progs.control_egress;
}

int cgroup_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

void attach(struct bpf_program *const programs[SIDES], int cgroup, struct bpf_link *links[SIDES])
{
	for (int i = 0; i < SIDES; i++) {
		links[i] = programs[i] ? bpf_program__attach_cgroup(programs[i], cgroup) : NULL;
		if (programs[i] && !links[i])
			fail("attach");
	}
}

void detach(struct bpf_link *links[SIDES])
{
	for (int i = 0; i < SIDES; i++)
		bpf_link__destroy(links[i]);
}

struct probe *probe_attach(const struct options *o)
{
	struct probe *probe = probe_open_for(o);
	struct bpf_program *programs[SIDES];
	struct bpf_link *links[SIDES];

	probe_programs(probe, o, programs);
	attach(programs, cgroup_open(o->cgroup), links);
	return probe;
}
