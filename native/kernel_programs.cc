// SPDX-License-Identifier: MIT
/* What kernel.cc attaches: opened over its maps and loaded. */
#include "kernel.h"

#include <future>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe.skel.h"

__u32 kernel_probe::program_probes(__u32 wanted)
{
	__u32 of_streams = wanted & PROBE_RTP ? PROBE_RTP | (wanted & PROBE_DEPTH) : 0;

	return wanted ? of_streams | PROBE_STUN | PROBE_RTCP : 0;
}

/* All programs off, maps sized, the read-only data filled in. */
kernel_probe::skeleton_handle kernel_probe::open_skeleton(char *log)
{
	struct bpf_object_open_opts opts = {};
	struct bpf_program *program;

	opts.sz = sizeof(opts);
	opts.kernel_log_buf = log;
	opts.kernel_log_size = log ? VERIFIER_LOG : 0;
	skeleton_handle skeleton(probe__open_opts(&opts));
	if (!skeleton)
		throw system_failure("bpf", errno);
	bpf_object__for_each_program (program, skeleton->obj)
		bpf_program__set_autoload(program, false);
	bpf_map__set_max_entries(skeleton->maps.streams, options.stream_slots);
	bpf_map__set_max_entries(skeleton->maps.totals, options.stream_slots);
	bpf_map__set_max_entries(skeleton->maps.details, options.stream_slots);
	bpf_map__set_max_entries(skeleton->maps.pairs, options.pair_slots);
	bpf_map__set_max_entries(skeleton->maps.reports, options.stream_slots);
	bpf_map__set_max_entries(skeleton->maps.taken,
				 2 * table_words(options.config.stream_mask) + table_words(options.config.pair_mask));
	memcpy(const_cast<struct config *>(&skeleton->rodata->config), &options.config, sizeof(options.config));
	return skeleton;
}

/* Over our maps; those of the depth probe are made with them unless `depths_of` has them. */
kernel_probe::skeleton_handle kernel_probe::open_programs(__u32 wanted, char *log, const struct probe *depths_of)
{
	skeleton_handle skeleton = open_skeleton(log);
	__u32 probes = program_probes(wanted);
	int error = 0;

	if (probes & PROBE_DEPTH && depths_of) {
		error |= bpf_map__reuse_fd(skeleton->maps.depths, bpf_map__fd(depths_of->maps.depths));
		error |= bpf_map__reuse_fd(skeleton->maps.bundles, bpf_map__fd(depths_of->maps.bundles));
	} else if (probes & PROBE_DEPTH) {
		bpf_map__set_max_entries(skeleton->maps.depths, options.stream_slots);
		bpf_map__set_max_entries(skeleton->maps.bundles, options.stream_slots);
	}
	error |= bpf_map__reuse_fd(skeleton->maps.streams, bpf_map__fd(maps->maps.streams));
	error |= bpf_map__reuse_fd(skeleton->maps.totals, bpf_map__fd(maps->maps.totals));
	error |= bpf_map__reuse_fd(skeleton->maps.details, bpf_map__fd(maps->maps.details));
	error |= bpf_map__reuse_fd(skeleton->maps.pairs, bpf_map__fd(maps->maps.pairs));
	error |= bpf_map__reuse_fd(skeleton->maps.reports, bpf_map__fd(maps->maps.reports));
	error |= bpf_map__reuse_fd(skeleton->maps.taken, bpf_map__fd(maps->maps.taken));
	error |= bpf_map__reuse_fd(skeleton->maps.waiting, bpf_map__fd(maps->maps.waiting));
	error |= bpf_map__reuse_fd(skeleton->maps.tallies, bpf_map__fd(maps->maps.tallies));
	error |= bpf_map__reuse_fd(skeleton->maps.creators, bpf_map__fd(maps->maps.creators));
	if (error)
		throw system_failure("bpf", errno);
	const_cast<struct config *>(&skeleton->rodata->config)->probes = static_cast<__u8>(probes);
	skeleton->bss->probes = wanted;
	return skeleton;
}

kernel_probe::skeleton_handle kernel_probe::load_ingress(__u32 wanted, bool with_creators)
{
	skeleton_handle skeleton = open_programs(wanted, verifier_log.get(), depths ? programs.ingress.get() : nullptr);
	int error;

	bpf_program__set_autoload(wanted & PROBE_RTP ? skeleton->progs.rtp_ingress : skeleton->progs.control_ingress,
				  true);
	bpf_program__set_autoload(skeleton->progs.socket_created, with_creators);
	error = probe__load(skeleton.get());
	if (error && with_creators) /* a kernel that does not let it ask for the pid: procfs tells instead */
		return load_ingress(wanted, false);
	if (error)
		throw load_failure(error, verifier_log.get());
	return skeleton;
}

/* Without the log, which the other side writes: a kernel that refuses one refuses both. */
kernel_probe::skeleton_handle kernel_probe::load_egress(__u32 wanted, const struct probe *depths_of)
{
	skeleton_handle skeleton = open_programs(wanted, nullptr, depths_of);
	int error;

	bpf_program__set_autoload(wanted & PROBE_RTP ? skeleton->progs.rtp_egress : skeleton->progs.control_egress,
				  true);
	error = probe__load(skeleton.get());
	if (error)
		throw load_failure(error, nullptr);
	return skeleton;
}

kernel_probe::hook_programs kernel_probe::load_programs(__u32 wanted)
{
	hook_programs next;

	if (program_probes(wanted) & PROBE_DEPTH && !depths) { /* the first makes the maps that the second uses */
		next.ingress = load_ingress(wanted, true);
		next.egress = load_egress(wanted, next.ingress.get());
		return next;
	}
	std::future<skeleton_handle> egress =
		std::async(std::launch::async, [this, wanted] { return load_egress(wanted, programs.ingress.get()); });

	next.ingress = load_ingress(wanted, true); /* if it throws, the future waits for its thread */
	next.egress = egress.get();
	return next;
}
