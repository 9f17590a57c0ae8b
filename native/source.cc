// SPDX-License-Identifier: MIT
#include "source.h"

#include <cerrno>
#include <cstring>

#include <sys/random.h>

#include "observer.h"
#include "record.h"
#include "value.h"

void random_keys(struct tag_keys *keys)
{
	__u64 seed;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		throw system_failure("getrandom", errno);
	tag_keys_begin(keys, seed);
}

static struct bundle bundle_of(const struct observer *o, const struct stream_depth &depth)
{
	const bundle_entry *entry = depth.bundle ? o->bundles.find(o->bundles.id_of(depth.bundle)) : nullptr;

	return entry ? entry->record : bundle{};
}

void observer_snapshot(struct observer *o, struct snapshot *s)
{
	o->streams.show([&](__u32 id, const stream_entry &entry) {
		stream_row(&s->streams, id, entry.record, entry.totals);
		if (o->probes & PROBE_DEPTH)
			depth_row(&s->depths, id, entry.record, entry.totals, entry.detail, entry.depth,
				  bundle_of(o, entry.depth));
	});
	o->pairs.show([&](__u32 id, const pair_entry &entry) { pair_row(&s->pairs, id, entry.record, s->at_ns); });
	o->reports.show([&](__u32 id, const report_entry &entry) { report_row(&s->reports, id, entry.record); });
	memcpy(s->tallies, o->tallies, sizeof(s->tallies));
}

Napi::Value observer_origin(const struct observer *o, const Napi::CallbackInfo &info)
{
	enum record_kind kind = kind_argument(info, 0);
	__u32 id = id_argument(info, 1);

	if (kind == RECORD_STREAM) {
		if (const stream_entry *entry = o->streams.find(id))
			return origin_value(info.Env(), entry->endpoints(), entry->cgroup_id(), entry->pid());
	} else if (kind == RECORD_REPORT) {
		if (const report_entry *entry = o->reports.find(id))
			return origin_value(info.Env(), entry->endpoints(), entry->cgroup_id(), entry->pid());
	} else if (const pair_entry *entry = o->pairs.find(id)) {
		return origin_value(info.Env(), entry->record);
	}
	throw unknown_id(info.Env(), kind, id);
}

void observer_retire(struct observer *o, const Napi::CallbackInfo &info)
{
	enum record_kind kind = kind_argument(info, 0);

	for (__u32 id : ids_argument(info, 1)) {
		switch (kind) {
		case RECORD_STREAM: o->streams.retire(id); break;
		case RECORD_PAIR: o->pairs.retire(id); break;
		case RECORD_REPORT: o->reports.retire(id); break;
		}
	}
}
