// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <ctime>
#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe.skel.h"

#include "record.h"

namespace
{

enum {
	VERIFIER_LOG = 16 << 20,
	PROBATION_IDLE_MS = 5000,
};

int say_nothing(enum libbpf_print_level, const char *, va_list)
{
	return 0;
}

__u64 clock_ns(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return static_cast<__u64>(now.tv_sec) * 1000000000u + static_cast<__u64>(now.tv_nsec);
}

/* What decides about the code: bits that are dead code elsewhere. The depth of streams needs streams. */
__u32 program_probes(__u32 wanted)
{
	__u32 of_streams = wanted & PROBE_RTP ? PROBE_RTP | (wanted & PROBE_DEPTH) : 0;

	return wanted ? of_streams | PROBE_STUN | PROBE_RTCP : 0;
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
		maps = open_skeleton();
		error = probe__load(maps.get());
		if (error)
			throw load_failure(error, verifier_log.get());
		streams.open(bpf_map__fd(maps->maps.streams), options.stream_slots);
		details.open(bpf_map__fd(maps->maps.details), options.stream_slots);
		pairs.open(bpf_map__fd(maps->maps.pairs), options.pair_slots);
		reports.open(bpf_map__fd(maps->maps.reports), options.stream_slots);
	} catch (...) {
		::close(cgroup_fd);
		throw;
	}
	streams_shown.assign(options.stream_slots, 1);
}

kernel_probe::~kernel_probe()
{
	::close(cgroup_fd);
}

/* All programs off, maps sized, the read-only data filled in. */
kernel_probe::skeleton_handle kernel_probe::open_skeleton()
{
	struct bpf_object_open_opts opts = {};
	struct bpf_program *program;

	opts.sz = sizeof(opts);
	opts.kernel_log_buf = verifier_log.get();
	opts.kernel_log_size = verifier_log ? VERIFIER_LOG : 0;
	skeleton_handle skeleton(probe__open_opts(&opts));
	if (!skeleton)
		throw system_failure("bpf", errno);
	bpf_object__for_each_program (program, skeleton->obj)
		bpf_program__set_autoload(program, false);
	bpf_map__set_max_entries(skeleton->maps.streams, options.stream_slots);
	bpf_map__set_max_entries(skeleton->maps.details, options.stream_slots);
	bpf_map__set_max_entries(skeleton->maps.pairs, options.pair_slots);
	bpf_map__set_max_entries(skeleton->maps.reports, options.stream_slots);
	memcpy(const_cast<struct config *>(&skeleton->rodata->config), &options.config, sizeof(options.config));
	return skeleton;
}

kernel_probe::skeleton_handle kernel_probe::load_programs(__u32 wanted, bool with_creators)
{
	skeleton_handle skeleton = open_skeleton();
	__u32 probes = program_probes(wanted);
	bool rtp = probes & PROBE_RTP;
	int error = 0;

	if (probes & PROBE_DEPTH && depths) {
		error |= bpf_map__reuse_fd(skeleton->maps.depths, bpf_map__fd(programs->maps.depths));
		error |= bpf_map__reuse_fd(skeleton->maps.bundles, bpf_map__fd(programs->maps.bundles));
	} else if (probes & PROBE_DEPTH) {
		bpf_map__set_max_entries(skeleton->maps.depths, options.stream_slots);
		bpf_map__set_max_entries(skeleton->maps.bundles, options.stream_slots);
	}
	error |= bpf_map__reuse_fd(skeleton->maps.streams, bpf_map__fd(maps->maps.streams));
	error |= bpf_map__reuse_fd(skeleton->maps.details, bpf_map__fd(maps->maps.details));
	error |= bpf_map__reuse_fd(skeleton->maps.pairs, bpf_map__fd(maps->maps.pairs));
	error |= bpf_map__reuse_fd(skeleton->maps.reports, bpf_map__fd(maps->maps.reports));
	error |= bpf_map__reuse_fd(skeleton->maps.waiting, bpf_map__fd(maps->maps.waiting));
	error |= bpf_map__reuse_fd(skeleton->maps.tallies, bpf_map__fd(maps->maps.tallies));
	error |= bpf_map__reuse_fd(skeleton->maps.creators, bpf_map__fd(maps->maps.creators));
	if (error)
		throw system_failure("bpf", errno);
	bpf_program__set_autoload(rtp ? skeleton->progs.rtp_ingress : skeleton->progs.control_ingress, true);
	bpf_program__set_autoload(rtp ? skeleton->progs.rtp_egress : skeleton->progs.control_egress, true);
	bpf_program__set_autoload(skeleton->progs.socket_created, with_creators);
	const_cast<struct config *>(&skeleton->rodata->config)->probes = static_cast<__u8>(probes);
	skeleton->bss->probes = wanted;
	error = probe__load(skeleton.get());
	if (error && with_creators) /* a kernel that does not let it ask for the pid: procfs tells instead */
		return load_programs(wanted, false);
	if (error)
		throw load_failure(error, verifier_log.get());
	return skeleton;
}

/* A link that exists is updated, which is atomic; else one is made. */
void kernel_probe::attach(struct probe *skeleton, __u32 wanted)
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

	if (bpf_program__fd(skeleton->progs.socket_created) >= 0)
		put(creators, skeleton->progs.socket_created);
	put(ingress, rtp ? skeleton->progs.rtp_ingress : skeleton->progs.control_ingress);
	put(egress, rtp ? skeleton->progs.rtp_egress : skeleton->progs.control_egress);
}

void kernel_probe::set_probes(__u32 wanted)
{
	bool same_programs = programs && wanted && program_probes(wanted) == program_probes(enabled);
	bool with_depth = program_probes(wanted) & PROBE_DEPTH;

	if (wanted == 0) {
		ingress.reset();
		egress.reset();
		creators.reset();
		programs.reset();
	} else if (same_programs) {
		programs->bss->probes = wanted;
	} else {
		skeleton_handle next = load_programs(wanted, true);

		std::unique_ptr<depth_maps> fresh;

		if (with_depth && !depths)
			fresh = std::make_unique<depth_maps>(bpf_map__fd(next->maps.depths),
							     bpf_map__fd(next->maps.bundles), options.stream_slots);
		attach(next.get(), wanted);
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

	if (!programs)
		return ids;
	bpf_object__for_each_program (program, programs->obj) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_program__fd(program) >= 0 &&
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			ids.push_back(info.id);
	}
	return ids;
}

bool kernel_probe::read_stream(__u32 slot, struct stream *copy) const
{
	const struct stream *record = streams.at(slot);

	return record && record->tag != 0 && record_read(record, copy);
}

bool kernel_probe::read_stream(__u32 slot, struct stream *copy, struct stream_depth *depth) const
{
	const struct stream *record = streams.at(slot);

	return record && record->tag != 0 && record_read(record, copy, [&] {
		       depth->tag = 0;
		       if (depths)
			       depths->read_stream(slot, copy->tag, depth);
	       });
}

void kernel_probe::take_snapshot(struct snapshot *s)
{
	std::vector<__u64> per_cpu(static_cast<size_t>(libbpf_num_possible_cpus()) * DATAGRAM_OUTCOMES);
	struct stream stream;
	struct stream_depth depth;
	__u32 zero = 0;

	s->at_ns = clock_ns(CLOCK_MONOTONIC);
	s->epoch_ns = clock_ns(CLOCK_REALTIME);
	for (__u32 slot = 0; slot < streams.slots(); slot++) {
		if (!read_stream(slot, &stream, &depth))
			continue;
		streams_shown[slot] = stream.version;
		stream_row(&s->streams, slot, stream);
		if (depth.tag)
			depth_row(&s->depths, slot, stream, depth, depths->find_bundle(depth.bundle));
		if (stream.evidence < STREAM_EVIDENCE && stream.last_ns + PROBATION_IDLE_MS * 1000000ull < s->at_ns)
			retire_stream(slot);
	}
	pairs.show([&](__u32 slot, const struct pair &pair) { pair_row(&s->pairs, slot, pair); });
	reports.show([&](__u32 slot, const struct report &report) { report_row(&s->reports, slot, report); });
	if (bpf_map_lookup_elem(bpf_map__fd(maps->maps.tallies), &zero, per_cpu.data()))
		throw system_failure("bpf", errno);
	for (size_t i = 0; i < per_cpu.size(); i++)
		s->tallies[i % DATAGRAM_OUTCOMES] += per_cpu[i];
}

void kernel_probe::retire_stream(__u32 slot)
{
	if (struct stream *record = streams.at(slot))
		record_retire(record, streams_shown[slot]);
}
