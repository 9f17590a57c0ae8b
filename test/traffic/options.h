/* SPDX-License-Identifier: MIT */
#ifndef RTCPROBE_TEST_OPTIONS_H
#define RTCPROBE_TEST_OPTIONS_H

#include <netinet/in.h>
#include <stdint.h>

#include "schedule.h"

enum {
	TRAFFIC_MAX_STREAMS = 256,
	TRAFFIC_MAX_THREADS = 8,
	TRAFFIC_MAX_GSO = 64, /* UDP_MAX_SEGMENTS of kernels before 6.6 */
	TRAFFIC_MAX_DATAGRAM = 1400,
};

struct address {
	struct sockaddr_storage storage;
	socklen_t length;
};

/* Command line of `send`, `noise` and `receive`. */
struct options {
	const char *mode;
	struct address local;  /* --source, --source-port */
	struct address remote; /* --to, --port */
	uint32_t streams;
	uint32_t ssrc; /* of the first stream; the others count up */
	uint32_t payload_type;
	uint32_t packets; /* sequence numbers per stream; datagrams in `noise` */
	uint32_t size;    /* largest datagram; the only size with gso */
	uint32_t pace;    /* datagrams per second */
	uint32_t threads;
	uint32_t gso; /* segments per super-packet; 0 = plain datagrams */
	uint64_t seed;
	int shared;     /* every thread sends part of every stream */
	int ip_options; /* destination options (v6), no-operation options (v4) */
	int gro;
	struct impairment impairment;
};

/* Exits 2 with one line on bad arguments. */
struct options options_parse(int argc, char **argv);

/* A UDP socket bound to options->local. Exits 1 with one line on failure. */
int socket_open(const struct options *options);

/* The three modes; each prints one JSON object and exits 1 on failure. */
void send_run(const struct options *options);
void noise_run(const struct options *options);
void receive_run(const struct options *options);

#endif
