/* SPDX-License-Identifier: MIT */
/* The records of the depth probe as JSON, in the names of src/depthrecord.ts. */
#include "harness.h"

static void print_number(const char *name, __u64 value)
{
	printf(",\"%s\":%llu", name, value);
}

/* An array of whole numbers of `size` bytes each. */
static void print_array(const char *name, const void *values, int count, size_t size, int is_signed)
{
	printf(",\"%s\":[", name);
	for (int i = 0; i < count; i++) {
		const char *at = (const char *)values + (size_t)i * size;
		__u64 value = 0;

		memcpy(&value, at, size); /* little endian, as BPF hosts of this test are */
		if (is_signed)
			printf("%s%d", i ? "," : "", (int)value);
		else
			printf("%s%llu", i ? "," : "", value);
	}
	printf("]");
}

static void print_bundle(const struct bundle *b)
{
	print_number("transportId", b->evidence < BUNDLE_EVIDENCE ? 0 : b->id);
	print_number("transportPackets", b->packets);
	print_number("transportBaseSeq", b->sequence.base_seq);
	print_number("transportMaxSeq", b->sequence.max_seq);
	print_number("transportExpectedBefore", b->expected_before);
	print_number("transportDuplicated", b->duplicated);
	print_number("transportStray", b->stray);
	print_number("transportContended", b->contended);
}

static void print_frames(const struct frames *f, __u64 interval_us)
{
	print_number("frameIntervalUs", interval_us);
	print_number("frames", f->frames);
	print_number("frameIntervalSquares", f->interval_squares);
	print_number("framePacketsMax", f->packets_max);
	print_number("frameBytesMax", f->bytes_max);
	print_number("freezes", f->freezes);
	print_number("freezeUs", f->freeze_us);
	print_number("pauses", f->pauses);
	print_number("pauseUs", f->pause_us);
}

static void print_loss(const struct loss *l)
{
	print_array("lossRuns", l->runs, LOSS_RUNS, sizeof(l->runs[0]), 0);
	print_number("lossNumbers", l->numbers);
	print_number("lossBursts", l->bursts);
	print_number("lossBurstNumbers", l->burst_numbers);
	print_number("lossBurstLost", l->burst_lost);
	print_number("lossGapLost", l->gap_lost);
}

static void print_depth(const struct stream *s, const struct stream_totals *totals, const struct stream_detail *detail,
			const struct stream_depth *d, const struct bundle *b)
{
	struct sequence sequence = stream_sequence(s, detail);
	struct loss l = loss_so_far(&d->loss, &sequence);

	printf("{\"ssrc\":%u", s->ssrc);
	print_number("packets", depth_packets(d, s, totals));
	print_number("extended", d->extended);
	print_number("encrypted", d->encrypted);
	print_number("gapMaxNs", d->gap_max_ns);
	print_array("gaps", d->gaps, GAPS, sizeof(d->gaps[0]), 0);
	print_array("gapNs", d->gap_ns, GAPS, sizeof(d->gap_ns[0]), 0);
	print_array("variation", d->variation, VARIATION_BUCKETS, sizeof(d->variation[0]), 0);
	print_number("driftWindows", d->drift.windows);
	print_array("driftAtMs", d->windows.at_ms, DRIFT_WINDOWS, sizeof(d->windows.at_ms[0]), 0);
	print_array("driftLeast", d->windows.least, DRIFT_WINDOWS, sizeof(d->windows.least[0]), 1);
	print_loss(&l);
	print_frames(&d->frames, depth_interval_us(d));
	print_number("sendTimeId", d->send_time_id);
	print_number("transitVariationNsQ8", d->transit_variation);
	print_number("levelId", d->level_id);
	print_number("level", d->level);
	print_number("levels", d->levels);
	print_number("voices", d->voices);
	print_number("energyQ28", d->energy);
	print_number("levelTicks", d->level_ticks);
	print_number("frameId", d->frame_id);
	print_number("keyFrames", d->key_frames);
	print_number("textIds", d->text_ids);
	print_array("text", d->text, ELEMENT_TEXT_SIZE, 1, 0);
	print_bundle(b);
	printf("}");
}

/* The bundle of this tag; bundles are few, so all are looked at. */
static struct bundle find_bundle(struct probe *skeleton, __u32 slots, __u64 tag)
{
	static struct bundle bundle;

	for (__u32 slot = 0; tag && slot < slots; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.bundles), &slot, &bundle))
			fail("lookup");
		if (bundle.tag == tag)
			return bundle;
	}
	return (struct bundle){};
}

void print_depths(struct probe *skeleton, __u32 slots)
{
	static struct stream stream;
	static struct stream_totals totals;
	static struct stream_detail detail;
	static struct stream_depth depth;
	const char *separator = "";

	printf("\"depths\":[");
	for (__u32 slot = 0; slot < slots; slot++) {
		struct bundle bundle;

		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.streams), &slot, &stream) ||
		    bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.totals), &slot, &totals) ||
		    bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.details), &slot, &detail) ||
		    bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.depths), &slot, &depth))
			fail("lookup");
		if (stream.tag == 0 || stream.evidence < STREAM_EVIDENCE || depth.tag != stream.tag)
			continue;
		bundle = find_bundle(skeleton, slots, depth.bundle);
		printf("%s", separator);
		print_depth(&stream, &totals, &detail, &depth, &bundle);
		separator = ",";
	}
	printf("],");
}
