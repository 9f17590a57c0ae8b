/* SPDX-License-Identifier: MIT */
#ifndef RTCPROBE_TEST_HARNESS_H
#define RTCPROBE_TEST_HARNESS_H

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../core/config.h"
#include "../../core/depth.h"
#include "../../core/outcome.h"
#include "../../core/pair.h"
#include "../../core/report.h"
#include "../../core/stream.h"
#include "../../core/table.h"

#include "probe.skel.h"

enum { ALL_PROBES = PROBE_RTP | PROBE_STUN | PROBE_RTCP | PROBE_DEPTH };

static inline void fail(const char *what)
{
	err(1, "%s", what);
}

/* As a double holds them best: whole ones and the rest apart. */
static inline double milliseconds(__u64 ns)
{
	return (double)(ns / 1000000) + (double)(ns % 1000000) / 1e6;
}

#ifdef __cplusplus
extern "C" {
#endif

/* The product's object with the pair of programs that its probes want, tables as large as its masks say. */
struct probe *load_probe(const struct config *config);

/* How the datagrams ended so far, over all CPUs. */
void read_tallies(struct probe *skeleton, __u64 outcomes[DATAGRAM_OUTCOMES]);

/* The records of `slots` slots, as JSON in the names of src/reportrecord.ts. */
void print_reports(struct probe *skeleton, __u32 slots);

/* What the depth probe measured of the streams in `slots` slots, as JSON in the names of src/depthrecord.ts. */
void print_depths(struct probe *skeleton, __u32 slots);

/* For so many seeds, the most of `count` streams in a row that find no slot among `size`, a power of two; as JSON. */
void print_slots(__u32 count, __u32 size, __u32 seeds);

/* What becomes of packets that wait for their record, as JSON. */
void print_waiting(void);

#ifdef __cplusplus
}
#endif

#endif
