// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe.skel.h"

#include "clock.h"
#include "record.h"

namespace
{

enum {
	PROBATION_IDLE_MS = 5000,
};

int say_nothing(enum libbpf_print_level, const char *, va_list)
{
	return 0;
}

} // namespace

void kernel_probe::skeleton_closer::operator()(struct probe *skeleton) const
{
	probe__destroy(skeleton);
}

void kernel_probe::link_closer::operator()(struct bpf_link *link) const
{
	bpf_link__destroy(link);
}

kernel_probe::kernel_probe(const kernel_options &wanted)
	: options(wanted), verifier_log(static_cast<char *>(calloc(1, VERIFIER_LOG)))
{
	__u32 words = table_words(options.stream_slots - 1), pair_words = table_words(options.pair_slots - 1);
	int error;

	libbpf_set_print(say_nothing); /* it would write to stderr; what matters is thrown */
	options.config.stream_mask = options.stream_slots - 1;
	options.config.pair_mask = options.pair_slots - 1;
	options.config.report_mask = options.stream_slots - 1;
	options.config.by_socket = 1;
	cgroup_fd = open(options.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup_fd < 0)
		throw system_failure("open", errno, options.cgroup);
	try {
		maps = open_skeleton(verifier_log.get());
		error = probe__load(maps.get());
		if (error)
			throw load_failure(error, verifier_log.get());
		taken.open(bpf_map__fd(maps->maps.taken), 2 * words + pair_words);
		streams.open(bpf_map__fd(maps->maps.streams), options.stream_slots, taken.at(0));
		totals.open(bpf_map__fd(maps->maps.totals), options.stream_slots);
		details.open(bpf_map__fd(maps->maps.details), options.stream_slots);
		pairs.open(bpf_map__fd(maps->maps.pairs), options.pair_slots, taken.at(2 * words));
		reports.open(bpf_map__fd(maps->maps.reports), options.stream_slots, taken.at(words));
	} catch (...) {
		::close(cgroup_fd);
		throw;
	}
}

kernel_probe::~kernel_probe()
{
	::close(cgroup_fd);
}

/* A link that exists is updated, which is atomic; else one is made. */
void kernel_probe::attach(const hook_programs &next, __u32 wanted)
{
	bool rtp = wanted & PROBE_RTP;
	auto put = [&](link_handle &link, struct bpf_program *program) {
		if (link) {
			if (bpf_link__update_program(link.get(), program))
				throw system_failure("bpf", errno, options.cgroup);
			return;
		}
		link.reset(bpf_program__attach_cgroup(program, cgroup_fd));
		if (!link)
			throw system_failure("bpf", errno, options.cgroup);
	};

	if (bpf_program__fd(next.ingress->progs.socket_created) >= 0)
		put(creators, next.ingress->progs.socket_created);
	put(ingress, rtp ? next.ingress->progs.rtp_ingress : next.ingress->progs.control_ingress);
	put(egress, rtp ? next.egress->progs.rtp_egress : next.egress->progs.control_egress);
}

void kernel_probe::set_probes(__u32 wanted)
{
	bool same_programs = programs.ingress && wanted && program_probes(wanted) == program_probes(enabled);
	bool with_depth = program_probes(wanted) & PROBE_DEPTH;

	if (wanted == 0) {
		ingress.reset();
		egress.reset();
		creators.reset();
		programs = {};
	} else if (same_programs) {
		programs.ingress->bss->probes = wanted;
		programs.egress->bss->probes = wanted;
	} else {
		hook_programs next = load_programs(wanted);
		std::unique_ptr<depth_maps> fresh;

		if (with_depth && !depths)
			fresh = std::make_unique<depth_maps>(bpf_map__fd(next.ingress->maps.depths),
							     bpf_map__fd(next.ingress->maps.bundles),
							     options.stream_slots);
		if (wanted & ~enabled & PROBE_RTP)
			streams.change_all(
				[&](__u32 slot, struct stream *s) { stream_interrupt(s, details.at(slot)); });
		attach(next, wanted);
		programs = std::move(next);
		if (fresh)
			depths = std::move(fresh);
	}
	if (!with_depth)
		depths.reset();
	enabled = wanted;
}

std::vector<__u32> kernel_probe::program_ids() const
{
	std::vector<__u32> ids;
	struct bpf_program *program;

	for (const struct probe *skeleton : { programs.ingress.get(), programs.egress.get() }) {
		if (!skeleton)
			continue;
		bpf_object__for_each_program (program, skeleton->obj) {
			struct bpf_prog_info info = {};
			__u32 size = sizeof(info);

			if (bpf_program__fd(program) >= 0 &&
			    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
				ids.push_back(info.id);
		}
	}
	return ids;
}

void kernel_probe::show_streams(struct snapshot *s)
{
	std::vector<__u32> stale;
	auto visit = [&](__u32 slot, const struct stream &stream) {
		stream_row(&s->streams, slot, stream, *totals.at(slot));
		if (depths)
			depths->show(&s->depths, slot, stream, *totals.at(slot), *details.at(slot));
		if (stream.evidence < STREAM_EVIDENCE && stream.last_ns + PROBATION_IDLE_MS * 1000000ull < s->at_ns)
			stale.push_back(slot);
	};

	streams.show([&](__u32 slot) { __builtin_prefetch(totals.at(slot)); }, visit, &s->streams, &s->depths);
	for (__u32 slot : stale)
		retire_stream(slot);
}

void kernel_probe::take_snapshot(struct snapshot *s)
{
	std::vector<struct tallies> per_cpu(static_cast<size_t>(libbpf_num_possible_cpus()));
	__u32 zero = 0;

	s->at_ns = read_clock(CLOCK_MONOTONIC);
	s->epoch_ns = read_clock(CLOCK_REALTIME);
	show_streams(s);
	pairs.show([](__u32) {},
		   [&](__u32 slot, const struct pair &pair) { pair_row(&s->pairs, slot, pair, s->at_ns); }, &s->pairs);
	reports.show([](__u32) {},
		     [&](__u32 slot, const struct report &report) { report_row(&s->reports, slot, report); },
		     &s->reports);
	if (bpf_map_lookup_elem(bpf_map__fd(maps->maps.tallies), &zero, per_cpu.data()))
		throw system_failure("bpf", errno);
	for (const struct tallies &one : per_cpu)
		tallies_add(&one, s->tallies);
}
