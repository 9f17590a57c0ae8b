// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_KERNEL_H
#define RTCPROBE_NATIVE_KERNEL_H

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core.h"
#include "depths.h"
#include "shared_table.h"

struct bpf_link;
struct probe; /* the skeleton */
struct snapshot;

struct kernel_options {
	std::string cgroup;
	__u32 stream_slots; /* powers of two */
	__u32 pair_slots;
	struct config config = {};
};

/*
 * The eBPF programs on one cgroup and the maps they fill. The maps live as long as this object; programs come and go
 * with the probes that need them, so that what is off is not even loaded.
 */
class kernel_probe
{
public:
	/* Creates the maps; attaches nothing yet. Throws native_error. */
	explicit kernel_probe(const kernel_options &options);
	~kernel_probe();
	kernel_probe(const kernel_probe &) = delete;
	kernel_probe &operator=(const kernel_probe &) = delete;

	/* Bits of enum probe_bit. Builds what is new aside, then swaps: no datagram is seen twice or by neither. */
	void set_probes(__u32 wanted);
	__u32 probes() const { return enabled; }
	std::vector<__u32> program_ids() const;

	/* Also sets free the slots of streams that never left probation and fell silent. */
	void take_snapshot(struct snapshot *s);

	/* A consistent copy. False if the slot is free. */
	bool read_stream(__u32 slot, struct stream *copy) const { return streams.read(slot, copy); }
	bool read_pair(__u32 slot, struct pair *copy) const { return pairs.read(slot, copy); }
	bool read_report(__u32 slot, struct report *copy) const { return reports.read(slot, copy); }
	const struct stream_detail *detail(__u32 slot) const { return details.at(slot); }

	/* Set the slot free, unless its record changed since the last snapshot. */
	void retire_stream(__u32 slot) { streams.retire(slot); }
	void retire_pair(__u32 slot) { pairs.retire(slot); }
	void retire_report(__u32 slot) { reports.retire(slot); }

private:
	struct skeleton_closer {
		void operator()(struct probe *skeleton) const;
	};
	struct link_closer {
		void operator()(struct bpf_link *link) const;
	};
	using skeleton_handle = std::unique_ptr<struct probe, skeleton_closer>;
	using link_handle = std::unique_ptr<struct bpf_link, link_closer>;

	/* The programs of both hooks, from an object each, so that the kernel can verify them side by side. */
	struct hook_programs {
		skeleton_handle ingress; /* with socket_created, where the kernel takes it */
		skeleton_handle egress;
	};

	enum { VERIFIER_LOG = 16 << 20 };

	/* What decides about the code: bits that are dead code elsewhere. The depth of streams needs streams. */
	static __u32 program_probes(__u32 wanted);
	skeleton_handle open_skeleton(char *log);
	skeleton_handle open_programs(__u32 wanted, char *log, const struct probe *depths_of);
	skeleton_handle load_ingress(__u32 wanted, bool with_creators);
	skeleton_handle load_egress(__u32 wanted, const struct probe *depths_of);
	hook_programs load_programs(__u32 wanted);
	void attach(const hook_programs &next, __u32 wanted);
	void show_streams(struct snapshot *s);

	kernel_options options;
	struct memory_freer {
		void operator()(void *memory) const { free(memory); }
	};
	std::unique_ptr<char, memory_freer> verifier_log; /* pages that only a refusal touches */
	int cgroup_fd = -1;
	__u32 enabled = 0;
	skeleton_handle maps;   /* owns the maps, loads no program */
	hook_programs programs; /* those attached, over the same maps */
	link_handle ingress, egress, creators;
	mapping<__u64> taken; /* bits of the slots of streams, of reports and of pairs */
	shared_table<struct stream> streams;
	mapping<struct stream_totals> totals;
	mapping<struct stream_detail> details;
	std::unique_ptr<depth_maps> depths; /* nothing while the depth probe is off */
	shared_table<struct pair> pairs;
	shared_table<struct report> reports; /* as many as streams: who sends or receives one has reports */
};

#endif
