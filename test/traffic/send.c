/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "options.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	RTP_HEADER = 12,
	RTP_EXTENSION = 8, /* one word of elements and the extension's own header */
	LEAD = 64,         /* datagrams a thread may be ahead of the slowest */
	BURST = 8,         /* sends between two looks at the clock */
};

/* One RTP packet to be sent. */
struct datagram {
	uint32_t stream;
	uint32_t number;
};

struct worker {
	pthread_t thread;
	const struct options *options;
	struct worker *all;
	uint32_t index;
	int fd;
	struct datagram *datagrams;
	size_t length;
	atomic_size_t sent;
};

struct bytes {
	unsigned long payload;
	unsigned long header;
};

/* Odd streams carry a header extension. */
static uint32_t header_size(uint32_t stream)
{
	return RTP_HEADER + (stream % 2 ? RTP_EXTENSION : 0);
}

static uint32_t datagram_size(const struct options *options, const struct datagram *d)
{
	uint64_t state = options->seed ^ (uint64_t)d->stream << 32 ^ d->number;
	uint32_t smallest = header_size(d->stream) + 10; /* an SRTP tag and nothing */

	return options->gso ? options->size :
			      smallest + (uint32_t)(random_next(&state) % (options->size - smallest + 1));
}

static void write_u16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void write_u32(uint8_t *at, uint32_t value)
{
	write_u16(at, value >> 16);
	write_u16(at + 2, value);
}

/* RFC 3550 section 5.1; three packets to a frame of 3000 ticks. Begins so that the sequence number soon wraps. */
static uint32_t datagram_write(const struct options *options, const struct datagram *d, uint8_t *to)
{
	uint32_t size = datagram_size(options, d), header = header_size(d->stream);
	uint64_t state = options->seed + d->number;

	to[0] = d->stream % 2 ? 0x90 : 0x80;
	to[1] = (uint8_t)(options->payload_type | (d->number % 3 == 2 ? 0x80 : 0));
	write_u16(to + 2, 65500 + d->number);
	write_u32(to + 4, 0xFFFFF000 + d->number / 3 * 3000);
	write_u32(to + 8, options->ssrc + d->stream);
	if (d->stream % 2) { /* RFC 8285 section 4.2: element 2 of three bytes */
		write_u32(to + RTP_HEADER, 0xBEDE0001);
		write_u32(to + RTP_HEADER + 4, 0x22000000 | d->number);
	}
	for (uint32_t at = header; at < size; at++)
		to[at] = (uint8_t)random_next(&state);
	return size;
}

static void pace(const struct timespec *start, double seconds)
{
	long long ns = start->tv_nsec + (long long)(seconds * 1e9);
	struct timespec until = { start->tv_sec + ns / 1000000000, ns % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Never far ahead of the others: or a thread that lost its CPU sends what the sequence window has forgotten. */
static void keep_step(struct worker *worker, size_t next)
{
	for (uint32_t i = 0; i < worker->options->threads; i++) {
		struct worker *other = &worker->all[i];

		while (atomic_load(&other->sent) < other->length && next > atomic_load(&other->sent) + LEAD)
			sched_yield();
	}
}

/* One datagram, or a super-packet of `count`. */
static void send_datagrams(const struct worker *worker, const struct datagram *datagrams, size_t count)
{
	static _Thread_local uint8_t data[65536];
	union {
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = { 0 };
	const struct address *to = &worker->options->remote;
	struct iovec iov = { data, 0 };
	struct msghdr message = {
		.msg_name = (void *)&to->storage,
		.msg_namelen = to->length,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	for (size_t i = 0; i < count; i++)
		iov.iov_len += datagram_write(worker->options, &datagrams[i], data + iov.iov_len);
	if (count > 1) {
		uint16_t segment = (uint16_t)worker->options->size;
		struct cmsghdr *c;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	}
	if (sendmsg(worker->fd, &message, 0) != (ssize_t)iov.iov_len)
		err(1, "sendmsg");
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	const struct options *options = worker->options;
	size_t group = options->gso ? options->gso : 1;
	struct timespec start;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(worker->index, &cpus);
	if (options->threads > 1 && pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus))
		errx(1, "no CPU %u for a thread of its own", worker->index);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t at = 0, sends = 0; at < worker->length; sends++) {
		size_t count = worker->length - at < group ? worker->length - at : group;

		keep_step(worker, at);
		send_datagrams(worker, worker->datagrams + at, count);
		at += count;
		atomic_store(&worker->sent, at);
		if (sends % BURST == BURST - 1)
			pace(&start, (double)at * options->threads / options->pace);
	}
	return NULL;
}

/* Streams in turn, one packet of each. A thread takes its own streams, or every n-th packet of all if they are shared. */
static void deal(const struct options *options, const struct schedule *schedules, struct worker *workers)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < options->streams; i++)
		longest = schedules[i].length > longest ? schedules[i].length : longest;
	for (uint32_t i = 0; i < options->threads; i++)
		if (!(workers[i].datagrams = calloc(longest * options->streams, sizeof(struct datagram))))
			err(1, "list of datagrams");
	for (size_t at = 0; at < longest; at++)
		for (uint32_t stream = 0; stream < options->streams; stream++) {
			struct worker *worker = &workers[(options->shared ? at + stream : stream) % options->threads];

			if (at >= schedules[stream].length)
				continue;
			worker->datagrams[worker->length++] = (struct datagram){ stream, schedules[stream].sent[at] };
		}
}

static struct bytes stream_bytes(const struct options *options, const struct schedule *schedule, uint32_t stream)
{
	struct bytes bytes = { 0 };

	for (size_t i = 0; i < schedule->length; i++) {
		struct datagram d = { stream, schedule->sent[i] };

		bytes.header += header_size(stream);
		bytes.payload += datagram_size(options, &d) - header_size(stream);
	}
	return bytes;
}

static void truth_print(const struct options *options, const struct schedule *schedules)
{
	unsigned long datagrams = 0;

	printf("{\"streams\":[");
	for (uint32_t i = 0; i < options->streams; i++) {
		struct truth truth = schedule_truth(&schedules[i]);
		struct bytes bytes = stream_bytes(options, &schedules[i], i);

		datagrams += truth.packets;
		printf("%s{\"ssrc\":%u,\"packets\":%u,\"unique\":%u,\"lost\":%u,\"duplicated\":%u,\"reordered\":%u,"
		       "\"bytes\":%lu,\"headerBytes\":%lu}",
		       i ? "," : "", options->ssrc + i, truth.packets, truth.unique, truth.lost, truth.duplicated,
		       truth.reordered, bytes.payload, bytes.header);
	}
	printf("],\"datagrams\":%lu}\n", datagrams);
}

void send_run(const struct options *options)
{
	struct worker workers[TRAFFIC_MAX_THREADS] = { 0 };
	struct schedule schedules[TRAFFIC_MAX_STREAMS];
	int fd = socket_open(options);

	for (uint32_t i = 0; i < options->streams; i++)
		schedules[i] = schedule_make(options->packets, &options->impairment, options->seed + i);
	deal(options, schedules, workers);
	for (uint32_t i = 0; i < options->threads; i++) {
		workers[i].options = options;
		workers[i].all = workers;
		workers[i].index = i;
		workers[i].fd = fd;
	}
	for (uint32_t i = 0; i < options->threads; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			errx(1, "no thread %u", i);
	for (uint32_t i = 0; i < options->threads; i++)
		pthread_join(workers[i].thread, NULL);
	truth_print(options, schedules);
	for (uint32_t i = 0; i < options->threads; i++)
		free(workers[i].datagrams);
	for (uint32_t i = 0; i < options->streams; i++)
		schedule_free(&schedules[i]);
}
