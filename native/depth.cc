// SPDX-License-Identifier: MIT
#include "columns.h"

namespace
{

/* The fields of a DepthRecord, in the order of src/depthrecord.ts. */
template <class Field>
void depth_fields(Field field, __u32 id, __u64 packets, const struct stream_depth &d, const struct loss &l,
		  const struct bundle &b)
{
	field("id", id);
	field("packets", packets);
	field("extended", d.extended);
	field("encrypted", d.encrypted);
	field("gapMaxNs", d.gap_max_ns);
	field("gaps", d.gaps);
	field("gapNs", d.gap_ns);
	field("variation", d.variation);
	field("driftWindows", d.drift.windows);
	field("driftAtMs", d.windows.at_ms);
	field("driftLeast", d.windows.least);
	field("lossRuns", l.runs);
	field("lossNumbers", l.numbers);
	field("lossBursts", l.bursts);
	field("lossBurstNumbers", l.burst_numbers);
	field("lossBurstLost", l.burst_lost);
	field("lossGapLost", l.gap_lost);
	field("frameIntervalUs", depth_interval_us(&d));
	field("frames", d.frames.frames);
	field("frameIntervalSquares", d.frames.interval_squares);
	field("framePacketsMax", d.frames.packets_max);
	field("frameBytesMax", d.frames.bytes_max);
	field("freezes", d.frames.freezes);
	field("freezeUs", d.frames.freeze_us);
	field("pauses", d.frames.pauses);
	field("pauseUs", d.frames.pause_us);
	field("sendTimeId", d.send_time_id);
	field("transitVariationNsQ8", d.transit_variation);
	field("levelId", d.level_id);
	field("level", d.level);
	field("levels", d.levels);
	field("voices", d.voices);
	field("energyQ28", d.energy);
	field("levelTicks", d.level_ticks);
	field("frameId", d.frame_id);
	field("keyFrames", d.key_frames);
	field("textIds", d.text_ids);
	field("text", d.text);
	field("transportId", b.evidence < BUNDLE_EVIDENCE ? 0 : b.id);
	field("transportPackets", b.packets);
	field("transportBaseSeq", b.sequence.base_seq);
	field("transportMaxSeq", b.sequence.max_seq);
	field("transportExpectedBefore", b.expected_before);
	field("transportDuplicated", b.duplicated);
	field("transportStray", b.stray);
	field("transportContended", b.contended);
}

} // namespace

void depth_row(struct record_rows *rows, __u32 id, const struct stream &s, const struct stream_totals &t,
	       const struct stream_detail &detail, const struct stream_depth &d, const struct bundle &b)
{
	if (s.evidence < STREAM_EVIDENCE || d.tag != s.tag)
		return;
	struct sequence sequence = stream_sequence(&s, &detail);
	struct loss l = loss_so_far(&d.loss, &sequence);

	add_row(rows, [&](auto field) { depth_fields(field, id, depth_packets(&d, &s, &t), d, l, b); });
}

Napi::Object depths_value(Napi::Env env, const struct record_rows &rows)
{
	return columns_value(env, columns_of([](auto field) { depth_fields(field, 0, 0, {}, {}, {}); }), rows);
}
