/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "../../core/endpoints.h"
#include "../../core/table.h"

/* Streams that find no slot: of one process with `count` SSRCs or ports in a row, in an empty table, by keys from a seed. */
static __u32 refused(__u64 seed, __u32 count, int by_port, __u64 *slots, __u32 mask)
{
	struct tag_keys keys;
	__u32 none = 0;

	tag_keys_begin(&keys, seed);
	memset(slots, 0, (mask + 1) * sizeof(*slots));
	for (__u32 i = 0; i < count; i++) {
		struct endpoints e = {
			.src = { 0x010000c0 },
			.dst = { 0x020000c0 },
			.src_port = 5004,
			.direction = DIRECTION_IN,
		};
		__u32 probe = 0;
		__u64 tag;

		e.dst_port = (__u16)(by_port ? __builtin_bswap16((__u16)(1024 + i)) : 6004);
		tag = endpoints_tag(&e, &keys, 0, by_port ? 1 : 1000 + i);
		while (probe < TABLE_PROBES && slots[table_slot(tag, probe, mask)])
			probe++;
		if (probe == TABLE_PROBES)
			none++;
		else
			slots[table_slot(tag, probe, mask)] = tag;
	}
	return none;
}

void print_slots(__u32 count, __u32 size, __u32 seeds)
{
	__u64 *slots = calloc(size, sizeof(*slots));
	__u32 worst = 0;

	if (!slots)
		fail("calloc");
	for (__u32 seed = 1; seed <= seeds; seed++) {
		for (int by_port = 0; by_port < 2; by_port++) {
			__u32 none = refused(seed, count, by_port, slots, size - 1);

			worst = none > worst ? none : worst;
		}
	}
	free(slots);
	printf("{\"worst\":%u}\n", worst);
}
