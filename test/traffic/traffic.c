/* SPDX-License-Identifier: MIT */
/*
 * Known traffic for the live tests: `send` makes RTP by a seeded schedule and prints the truth about it, `noise` makes
 * datagrams that are no media, `receive` counts what arrives until SIGTERM. JSON on stdout.
 */
#define _GNU_SOURCE
#include "options.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_key {
	KEY_SOURCE = 1,
	KEY_SOURCE_PORT,
	KEY_TO,
	KEY_PORT,
	KEY_STREAMS,
	KEY_SSRC,
	KEY_PAYLOAD_TYPE,
	KEY_PACKETS,
	KEY_SIZE,
	KEY_PACE,
	KEY_THREADS,
	KEY_GSO,
	KEY_SEED,
	KEY_LOSS,
	KEY_DUPLICATE,
	KEY_REORDER,
	KEY_SHARED,
	KEY_IP_OPTIONS,
	KEY_GRO,
};

static const struct option OPTIONS[] = {
	{ "source", required_argument, NULL, KEY_SOURCE },
	{ "source-port", required_argument, NULL, KEY_SOURCE_PORT },
	{ "to", required_argument, NULL, KEY_TO },
	{ "port", required_argument, NULL, KEY_PORT },
	{ "streams", required_argument, NULL, KEY_STREAMS },
	{ "ssrc", required_argument, NULL, KEY_SSRC },
	{ "payload-type", required_argument, NULL, KEY_PAYLOAD_TYPE },
	{ "packets", required_argument, NULL, KEY_PACKETS },
	{ "size", required_argument, NULL, KEY_SIZE },
	{ "pace", required_argument, NULL, KEY_PACE },
	{ "threads", required_argument, NULL, KEY_THREADS },
	{ "gso", required_argument, NULL, KEY_GSO },
	{ "seed", required_argument, NULL, KEY_SEED },
	{ "loss", required_argument, NULL, KEY_LOSS },
	{ "duplicate", required_argument, NULL, KEY_DUPLICATE },
	{ "reorder", required_argument, NULL, KEY_REORDER },
	{ "shared", no_argument, NULL, KEY_SHARED },
	{ "ip-options", no_argument, NULL, KEY_IP_OPTIONS },
	{ "gro", no_argument, NULL, KEY_GRO },
	{ NULL, 0, NULL, 0 },
};

static uint32_t whole_number(const char *text, uint32_t lowest, uint32_t highest)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value < lowest || value > highest)
		errx(2, "not a number from %u to %u: %s", lowest, highest, text);
	return (uint32_t)value;
}

static void address_parse(struct address *address, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;
	in_port_t port = v4->sin_port; /* at the same place in both */

	memset(&address->storage, 0, sizeof(address->storage));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		address->length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		address->length = sizeof(*v6);
	} else {
		errx(2, "not an IP address: %s", text);
	}
	v4->sin_port = port;
}

static void port_parse(struct address *address, const char *text)
{
	((struct sockaddr_in *)&address->storage)->sin_port = htons((uint16_t)whole_number(text, 0, 65535));
}

static void option_take(struct options *o, int key, const char *value)
{
	switch (key) {
	case KEY_SOURCE: address_parse(&o->local, value); break;
	case KEY_SOURCE_PORT: port_parse(&o->local, value); break;
	case KEY_TO: address_parse(&o->remote, value); break;
	case KEY_PORT: port_parse(&o->remote, value); break;
	case KEY_STREAMS: o->streams = whole_number(value, 1, TRAFFIC_MAX_STREAMS); break;
	case KEY_SSRC: o->ssrc = whole_number(value, 0, UINT32_MAX); break;
	case KEY_PAYLOAD_TYPE: o->payload_type = whole_number(value, 0, 127); break;
	case KEY_PACKETS: o->packets = whole_number(value, 1, 1000000); break;
	case KEY_SIZE: o->size = whole_number(value, 64, TRAFFIC_MAX_DATAGRAM); break;
	case KEY_PACE: o->pace = whole_number(value, 1, 1000000); break;
	case KEY_THREADS: o->threads = whole_number(value, 1, TRAFFIC_MAX_THREADS); break;
	case KEY_GSO: o->gso = whole_number(value, 0, TRAFFIC_MAX_GSO); break;
	case KEY_SEED: o->seed = whole_number(value, 0, UINT32_MAX); break;
	case KEY_LOSS: o->impairment.loss = whole_number(value, 0, 500); break;
	case KEY_DUPLICATE: o->impairment.duplicate = whole_number(value, 0, 500); break;
	case KEY_REORDER: o->impairment.reorder = whole_number(value, 0, 500); break;
	case KEY_SHARED: o->shared = 1; break;
	case KEY_IP_OPTIONS: o->ip_options = 1; break;
	case KEY_GRO: o->gro = 1; break;
	}
}

struct options options_parse(int argc, char **argv)
{
	struct options o = {
		.streams = 1,
		.ssrc = 1,
		.payload_type = 111,
		.packets = 1000,
		.size = 200,
		.pace = 10000,
		.threads = 1,
	};
	int key;

	if (argc < 2)
		errx(2, "usage: traffic send|noise|receive OPTIONS");
	o.mode = argv[1];
	opterr = 0; /* what is wrong is said here, as all else is */
	while ((key = getopt_long(argc - 1, argv + 1, "", OPTIONS, NULL)) != -1) {
		if (key == '?')
			errx(2, "%s is no option, or its value is missing or too much", argv[optind]);
		option_take(&o, key, optarg);
	}
	if (!o.local.length)
		errx(2, "--source is missing");
	if (strcmp(o.mode, "receive") && o.local.length != o.remote.length)
		errx(2, "--source and --to must be of one family");
	return o;
}

static void option_set(int fd, int level, int name, const void *value, socklen_t size, const char *what)
{
	if (setsockopt(fd, level, name, value, size))
		err(1, "%s", what);
}

int socket_open(const struct options *options)
{
	static const uint8_t v4_options[] = { IPOPT_NOP, IPOPT_NOP, IPOPT_NOP, IPOPT_EOL };
	static const uint8_t v6_options[] = { 0, 0, 1, 4, 0, 0, 0, 0 }; /* eight bytes, all PadN */
	int v6 = options->local.storage.ss_family == AF_INET6;
	int size = 32 << 20;
	int fd = socket(options->local.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	option_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size), "SO_RCVBUFFORCE");
	option_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size), "SO_SNDBUFFORCE");
	if (options->ip_options && v6)
		option_set(fd, IPPROTO_IPV6, IPV6_DSTOPTS, v6_options, sizeof(v6_options), "IPV6_DSTOPTS");
	else if (options->ip_options)
		option_set(fd, IPPROTO_IP, IP_OPTIONS, v4_options, sizeof(v4_options), "IP_OPTIONS");
	if (bind(fd, (const struct sockaddr *)&options->local.storage, options->local.length))
		err(1, "bind");
	return fd;
}

int main(int argc, char **argv)
{
	struct options options = options_parse(argc, argv);

	if (!strcmp(options.mode, "send"))
		send_run(&options);
	else if (!strcmp(options.mode, "noise"))
		noise_run(&options);
	else if (!strcmp(options.mode, "receive"))
		receive_run(&options);
	else
		errx(2, "no such mode: %s", options.mode);
	return 0;
}
