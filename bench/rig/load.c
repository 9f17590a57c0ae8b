/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sendmmsg, setns */
#include "rig.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 20000,
	BUFFER = 8 << 20,
	PATIENCE_MS = 200,
	LONG_PATIENCE_MS = 2000, /* an overloaded host */
	STAMP = 12,              /* where a packet says when it was sent */
};

uint64_t clock_ns(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void pin(uint32_t index)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)((cpus - 1 - (long)index + cpus) % cpus), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t quantile_of(uint64_t *values, uint32_t count, double share)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[(uint32_t)(count * share)];
}

static int socket_in(int namespace, int type)
{
	int fd;

	if (setns(namespace, CLONE_NEWNET))
		err(1, "setns");
	fd = socket(AF_INET, type, 0);
	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ BUFFER }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){ BUFFER }, sizeof(int));
	return fd;
}

static void sockets_open(struct load *l, const struct network *network, uint32_t index)
{
	int type = l->options->content == CONTENT_TCP ? SOCK_STREAM : SOCK_DGRAM;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(PORT + index)) };

	inet_pton(AF_INET, "192.0.2.2", &to.sin_addr);
	l->receiver = socket_in(network->receiver, type);
	if (bind(l->receiver, (struct sockaddr *)&to, sizeof(to)) || (type == SOCK_STREAM && listen(l->receiver, 1)))
		err(1, "bind");
	l->sender = socket_in(network->sender, type);
	if (connect(l->sender, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	if (type == SOCK_STREAM) {
		int listener = l->receiver;

		l->receiver = accept(listener, NULL, NULL);
		close(listener);
		setsockopt(l->sender, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		return;
	}
	if (l->options->segments > 1 && setsockopt(l->sender, IPPROTO_UDP, UDP_SEGMENT, &(int){ PAYLOAD }, sizeof(int)))
		err(1, "UDP_SEGMENT");
	if (l->options->receive_segments && setsockopt(l->receiver, IPPROTO_UDP, UDP_GRO, &(int){ 1 }, sizeof(int)))
		err(1, "UDP_GRO");
}

void load_open(struct load *l, const struct network *network, const struct options *options, uint32_t index)
{
	memset(l, 0, sizeof(*l));
	l->options = options;
	l->streams = (options->streams + options->threads - 1) / options->threads;
	l->first_ssrc = 1 + index * l->streams;
	for (uint32_t i = 0; i < BATCH; i++)
		packet_begin(l->packets[i], options);
	for (uint32_t i = 0; i < BATCH / options->segments; i++) {
		l->vectors[i] = (struct iovec){ l->packets[i * options->segments], PAYLOAD * options->segments };
		l->messages[i].msg_hdr.msg_iov = &l->vectors[i];
		l->messages[i].msg_hdr.msg_iovlen = 1;
	}
	sockets_open(l, network, index);
}

struct course course_begin(const struct load *l)
{
	struct course c = { .random = 88172645463325252ull, .sequences = calloc(l->streams, sizeof(uint16_t)) };

	if (!c.sequences)
		err(1, "memory");
	return c;
}

/* Round robin, or a rank whose frequency is about 1 / rank: streams^u for u uniform in [0, 1). */
static uint32_t course_next(struct course *c, const struct load *l)
{
	if (!l->options->skewed) {
		uint32_t stream = c->next;

		c->next = stream + 1 == l->streams ? 0 : stream + 1;
		return stream;
	}
	c->random ^= c->random << 13; /* Marsaglia's xorshift */
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (uint32_t)pow(l->streams, (double)(c->random >> 11) * 0x1p-53) % l->streams;
}

/* Threads may share the numbering. */
static uint16_t course_number(struct course *c, uint32_t stream)
{
	return __atomic_fetch_add(&c->sequences[stream], 1, __ATOMIC_RELAXED);
}

/* Reads what one batch sent; gives up when nothing more comes. Returns bytes. */
static uint64_t receive_batch(struct load *l)
{
	static __thread unsigned char buffer[65536];
	uint64_t bytes = 0;

	while (bytes < BATCH * PAYLOAD) {
		ssize_t size = recv(l->receiver, buffer, sizeof(buffer), MSG_DONTWAIT);
		struct pollfd wait = { .fd = l->receiver, .events = POLLIN };

		if (size > 0)
			bytes += (uint64_t)size;
		else if (size == 0 || errno != EAGAIN)
			err(1, "recv");
		else if (l->impatient || poll(&wait, 1, PATIENCE_MS) == 0)
			break;
	}
	return bytes;
}

static uint64_t load_batch(struct load *l, struct course *course, bool in_turn)
{
	int messages = (int)(BATCH / l->options->segments);

	for (int i = 0; i < BATCH; i++) {
		uint32_t stream = in_turn ? course->next++ % l->streams : course_next(course, l);

		packet_number(l->packets[i], l, stream, course_number(course, stream));
	}
	for (int sent = 0; sent < messages;) {
		int n = sendmmsg(l->sender, l->messages + sent, (unsigned)(messages - sent), 0);

		if (n < 0)
			err(1, "sendmmsg");
		sent += n;
	}
	return receive_batch(l) / PAYLOAD;
}

uint64_t load_run(struct load *l, struct course *course, uint64_t n)
{
	uint64_t received = 0;

	for (uint64_t sent = 0; sent < n; sent += BATCH)
		received += load_batch(l, course, false);
	return received;
}

uint64_t load_introduce(struct load *l, struct course *course, uint32_t packets_each)
{
	uint64_t received = 0;

	course->next = 0;
	for (uint64_t sent = 0; sent < (uint64_t)l->streams * packets_each; sent += BATCH)
		received += load_batch(l, course, true);
	course->next = 0;
	return received;
}

void load_send_stamped(struct load *l, struct course *course)
{
	unsigned char *p = l->packets[0];
	uint32_t stream = course_next(course, l);
	uint64_t now;

	packet_number(p, l, stream, course_number(course, stream));
	now = clock_ns(CLOCK_MONOTONIC);
	memcpy(p + STAMP, &now, sizeof(now));
	if (send(l->sender, p, PAYLOAD, 0) < 0)
		err(1, "send");
}

void load_ask_timestamps(struct load *l)
{
	if (setsockopt(l->receiver, SOL_SOCKET, SO_TIMESTAMPNS, &(int){ 1 }, sizeof(int)))
		err(1, "SO_TIMESTAMPNS");
}

/* The packet's timestamp is on the wall clock, which is the monotonic one but for an offset that hardly moves. */
static uint64_t packet_ns(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	struct timespec t;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
		return 0;
	memcpy(&t, CMSG_DATA(c), sizeof(t));
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec - clock_ns(CLOCK_REALTIME) +
	       clock_ns(CLOCK_MONOTONIC);
}

bool load_receive_stamped(struct load *l, struct arrival *a)
{
	unsigned char packet[PAYLOAD], control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec vector = { packet, sizeof(packet) };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control };
	struct pollfd wait = { .fd = l->receiver, .events = POLLIN };

	message.msg_controllen = sizeof(control);
	if (poll(&wait, 1, LONG_PATIENCE_MS) == 0 || recvmsg(l->receiver, &message, 0) != PAYLOAD)
		return false;
	a->application_ns = clock_ns(CLOCK_MONOTONIC);
	a->packet_ns = packet_ns(&message);
	memcpy(&a->sent_ns, packet + STAMP, sizeof(a->sent_ns));
	memcpy(&a->ssrc, packet + 8, sizeof(a->ssrc));
	memcpy(&a->timestamp, packet + 4, sizeof(a->timestamp));
	a->ssrc = ntohl(a->ssrc);
	a->timestamp = ntohl(a->timestamp);
	return true;
}
