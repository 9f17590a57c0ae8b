/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "options.h"

#include <err.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

struct received {
	unsigned long datagrams;
	unsigned long bytes;
	unsigned long super_packets; /* read as one, made of several datagrams */
};

/* Size of the segments that GRO put together in this message; 0 if it did not. */
static int segment_size(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int size;

			memcpy(&size, CMSG_DATA(c), sizeof(size));
			return size;
		}
	return 0;
}

/* Read all that waits. */
static void drain(int fd, struct received *received)
{
	static char data[65536];

	for (;;) {
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = { data, sizeof(data) };
		struct msghdr message = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
		int segment;

		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (size < 0)
			err(1, "recvmsg");
		segment = segment_size(&message);
		received->bytes += (unsigned long)size;
		received->datagrams += segment ? (unsigned long)((size + segment - 1) / segment) : 1;
		received->super_packets += segment && size > segment;
	}
}

void receive_run(const struct options *options)
{
	struct sigaction action = { .sa_handler = stop };
	struct received received = { 0 };
	sigset_t term, before;
	int fd = socket_open(options);
	int on = 1;

	if (options->gro && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)))
		err(1, "UDP_GRO");
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before); /* delivered in ppoll only, so no signal is missed */
	sigaction(SIGTERM, &action, NULL);
	puts("{\"ready\":true}");
	fflush(stdout);
	while (!stopped) {
		struct pollfd poll = { .fd = fd, .events = POLLIN };

		if (ppoll(&poll, 1, NULL, &before) < 0 && errno != EINTR)
			err(1, "ppoll");
		drain(fd, &received);
	}
	drain(fd, &received);
	printf("{\"datagrams\":%lu,\"bytes\":%lu,\"superPackets\":%lu}\n", received.datagrams, received.bytes,
	       received.super_packets);
}
