/* SPDX-License-Identifier: MIT */
#ifndef RTCPROBE_BENCH_ATTACHMENT_H
#define RTCPROBE_BENCH_ATTACHMENT_H

/* The product's pair of programs on the cgroup of this process. */
#include "rig.h"

#include "../../test/kernel/harness.h"

enum {
	SIDES = 2,        /* ingress, egress */
	INTRODUCTION = 4, /* packets of each stream: it is confirmed by the third */
};

#ifdef __cplusplus
extern "C" {
#endif

/* A table as large as the options say, or in which every stream finds a place. */
struct probe *probe_open_for(const struct options *options);
void probe_programs(struct probe *probe, const struct options *options, struct bpf_program *programs[SIDES]);
int cgroup_open(const char *path);
void attach(struct bpf_program *const programs[SIDES], int cgroup, struct bpf_link *links[SIDES]);
void detach(struct bpf_link *links[SIDES]);

/* Opens all three in one, for as long as the process lives. */
struct probe *probe_attach(const struct options *options);

#ifdef __cplusplus
}
#endif

#endif
