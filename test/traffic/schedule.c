/* SPDX-License-Identifier: MIT */
#include "schedule.h"

#include <err.h>
#include <stdlib.h>

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
	return z ^ (z >> 31);
}

static int happens(uint64_t *state, uint32_t per_mille)
{
	return random_next(state) % 1000 < per_mille;
}

/* A packet and the place it takes: packets are sent by rising place, those of one place in order of `drawn`. */
struct place {
	uint32_t number;
	uint32_t at;
	uint32_t drawn;
};

static int place_compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->drawn < b->drawn ? -1 : 1;
}

static uint32_t distance(uint64_t *state)
{
	return 1 + (uint32_t)(random_next(state) % SCHEDULE_DISTANCE);
}

static size_t draw(struct place *places, uint32_t numbers, const struct impairment *impairment, uint64_t seed)
{
	uint64_t state = seed;
	size_t length = 0;

	for (uint32_t number = 0; number < numbers; number++) {
		int calm = number < SCHEDULE_CALM;
		uint32_t at = number;

		if (!calm && happens(&state, impairment->loss))
			continue;
		if (!calm && happens(&state, impairment->reorder))
			at += distance(&state);
		places[length] = (struct place){ number, at, (uint32_t)length };
		length++;
		if (!calm && happens(&state, impairment->duplicate)) {
			places[length] = (struct place){ number, at + distance(&state), (uint32_t)length };
			length++;
		}
	}
	if (impairment->reorder && length > 1) { /* the lowest number is not the first seen */
		places[0].at = 1;
		places[1].at = 0;
	}
	return length;
}

struct schedule schedule_make(uint32_t numbers, const struct impairment *impairment, uint64_t seed)
{
	struct place *places = calloc(2 * (size_t)numbers, sizeof(*places));
	struct schedule schedule = { .numbers = numbers, .sent = calloc(2 * (size_t)numbers, sizeof(uint32_t)) };

	if (!places || !schedule.sent)
		err(1, "schedule of %u packets", numbers);
	schedule.length = draw(places, numbers, impairment, seed);
	qsort(places, schedule.length, sizeof(*places), place_compare);
	for (size_t i = 0; i < schedule.length; i++)
		schedule.sent[i] = places[i].number;
	free(places);
	return schedule;
}

void schedule_free(struct schedule *schedule)
{
	free(schedule->sent);
	schedule->sent = NULL;
}

struct truth schedule_truth(const struct schedule *schedule)
{
	uint8_t *seen = calloc(schedule->numbers, 1);
	uint32_t lowest = schedule->numbers, highest = 0;
	struct truth truth = { 0 };

	if (!seen)
		err(1, "truth of %u packets", schedule->numbers);
	for (size_t i = 0; i < schedule->length; i++) {
		uint32_t number = schedule->sent[i];

		truth.packets++;
		if (seen[number]) {
			truth.duplicated++;
			continue;
		}
		seen[number] = 1;
		truth.unique++;
		if (truth.unique > 1 && number < highest)
			truth.reordered++;
		if (number > highest)
			highest = number;
		if (number < lowest)
			lowest = number;
	}
	for (uint32_t number = lowest; truth.unique && number <= highest; number++)
		truth.lost += !seen[number];
	free(seen);
	return truth;
}
