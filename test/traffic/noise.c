/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "options.h"

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Datagrams that share a host with media, and whose first bytes fool a careless demultiplexer. */
enum kind {
	KIND_EMPTY,
	KIND_DTLS, /* RFC 6347: a record of application data */
	KIND_DNS,  /* answers whose random id begins with the version bits of RTP */
	KIND_RANDOM,
	KIND_QUIC,      /* RFC 9000: short header, first byte 0x40 to 0x7F */
	KIND_WIREGUARD, /* transport data: type 4, three zeros; 0 to 3 is STUN's range, 1 to 4 WireGuard's */
	KIND_SHORT,     /* RTP's first byte and too little behind it */
	KINDS,
};

static const char *const KIND_NAMES[KINDS] = { "empty", "dtls", "dns", "random", "quic", "wireguard", "short" };

static size_t fill(uint8_t *data, size_t size, uint64_t *state)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)random_next(state);
	return size;
}

static size_t write_dtls(uint8_t *data, uint64_t *state)
{
	static const uint8_t header[] = { 23, 254, 253, 0, 1 };
	size_t size = fill(data, 13 + 100, state);

	memcpy(data, header, sizeof(header));
	data[11] = 0;
	data[12] = 100;
	return size;
}

/* Read as RTP, an answer has its flags for a sequence number and SSRC 0, always the same: NOERROR, SERVFAIL, NXDOMAIN. */
static size_t write_dns(uint8_t *data, uint64_t *state)
{
	static const uint8_t answer[] = { 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0, 1 };
	static const uint8_t rcodes[] = { 0, 2, 3 };
	uint64_t id = random_next(state);

	data[0] = (uint8_t)(0x80 | (id & 0x3F));
	data[1] = (uint8_t)(id >> 8);
	memcpy(data + 2, answer, sizeof(answer));
	data[3] |= rcodes[(id >> 16) % sizeof(rcodes)];
	return 2 + sizeof(answer);
}

static size_t write_kind(enum kind kind, uint8_t *data, uint64_t *state)
{
	size_t size;

	switch (kind) {
	case KIND_EMPTY: return 0;
	case KIND_DTLS: return write_dtls(data, state);
	case KIND_DNS: return write_dns(data, state);
	case KIND_QUIC:
		size = fill(data, 60, state);
		data[0] = (uint8_t)(0x40 | (data[0] & 0x3F));
		return size;
	case KIND_WIREGUARD:
		size = fill(data, 96, state);
		data[0] = (uint8_t)(1 + data[0] % 4);
		memset(data + 1, 0, 3);
		return size;
	case KIND_SHORT:
		size = fill(data, 1 + random_next(state) % 11, state);
		data[0] = 0x80;
		return size;
	default: size = 30 + random_next(state) % 300; return fill(data, size, state);
	}
}

void noise_run(const struct options *options)
{
	uint64_t state = options->seed;
	unsigned long sent[KINDS] = { 0 };
	int fd = socket_open(options);

	for (uint32_t i = 0; i < options->packets; i++) {
		static uint8_t data[TRAFFIC_MAX_DATAGRAM];
		struct timespec pause = { 0, 1000000000L / options->pace };
		enum kind kind = (enum kind)(i % KINDS);
		size_t size = write_kind(kind, data, &state);

		if (sendto(fd, data, size, 0, (const struct sockaddr *)&options->remote.storage,
			   options->remote.length) != (ssize_t)size)
			err(1, "sendto");
		sent[kind]++;
		nanosleep(&pause, NULL);
	}
	printf("{\"datagrams\":%u", options->packets);
	for (int i = 0; i < KINDS; i++)
		printf(",\"%s\":%lu", KIND_NAMES[i], sent[i]);
	printf("}\n");
}
