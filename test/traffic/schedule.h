/* SPDX-License-Identifier: MIT */
#ifndef RTCPROBE_TEST_SCHEDULE_H
#define RTCPROBE_TEST_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* What happens to the packets of a stream on their way out, each per mille of the sequence numbers. */
struct impairment {
	uint32_t loss;
	uint32_t duplicate;
	uint32_t reorder;
};

/* Packets in order of sending, each named by its number: 0 to numbers - 1, in the order of the RTP sequence. */
struct schedule {
	uint32_t numbers;
	uint32_t *sent;
	size_t length;
};

enum {
	SCHEDULE_CALM = 8,      /* first numbers, which nothing happens to: a stream must pass probation as it stands */
	SCHEDULE_DISTANCE = 40, /* how many places a packet falls back at most */
};

/* What a receiver of exactly these packets, in this order, must find. Words as DESIGN defines them. */
struct truth {
	uint32_t packets;
	uint32_t unique;
	uint32_t lost; /* between the lowest and the highest number sent */
	uint32_t duplicated;
	uint32_t reordered; /* unique, sent after a higher number */
};

/* Next of a seeded sequence (splitmix64). */
uint64_t random_next(uint64_t *state);

/* Exits when out of memory: this is a test program. */
struct schedule schedule_make(uint32_t numbers, const struct impairment *impairment, uint64_t seed);
void schedule_free(struct schedule *schedule);
struct truth schedule_truth(const struct schedule *schedule);

#endif
