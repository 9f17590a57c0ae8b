/* SPDX-License-Identifier: MIT */
/* The records of the depth probe as JSON, in the names of src/depthrecord.ts. */
#include "harness.h"

static void print_depth(const struct stream *s, const struct stream_depth *d)
{
	printf("{\"ssrc\":%u,\"packets\":%llu,\"gapMaxNs\":%llu}", s->ssrc, d->packets, d->gap_max_ns);
}

void print_depths(struct probe *skeleton, __u32 slots)
{
	static struct stream stream;
	static struct stream_depth depth;
	const char *separator = "";

	printf("\"depths\":[");
	for (__u32 slot = 0; slot < slots; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.streams), &slot, &stream) ||
		    bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.depths), &slot, &depth))
			fail("lookup");
		if (stream.tag == 0 || stream.evidence < STREAM_EVIDENCE || depth.tag != stream.tag)
			continue;
		printf("%s", separator);
		print_depth(&stream, &depth);
		separator = ",";
	}
	printf("],");
}
