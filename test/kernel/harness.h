/* SPDX-License-Identifier: MIT */
#ifndef RTCPROBE_TEST_HARNESS_H
#define RTCPROBE_TEST_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../core/config.h"
#include "../../core/outcome.h"
#include "../../core/pair.h"
#include "../../core/stream.h"

#include "probe.skel.h"

enum {
	STREAM_SLOTS = 1 << 15,
	PAIR_SLOTS = 1 << 10,
	ALL_PROBES = PROBE_RTP | PROBE_STUN | PROBE_RTCP,
};

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The product's object with the rtp pair loaded. */
struct probe *load_probe(int by_socket, int packet_timestamps);

int run_replay(int argc, char **argv);
int run_cost(int argc, char **argv);

#endif
