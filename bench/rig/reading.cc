// SPDX-License-Identifier: MIT
/*
 * What reading all streams out of the kernel costs: the addon's way, by mmap where the records lie, and the usual ones, from a hash
 * map of as many entries with the same 128 bytes each. CPU time per record, the ways in turn. The addon's is the copy alone: what
 * becomes columns of it is measured in bench/snapshot.ts.
 */
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <err.h>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "../../native/shared_table.h"

#include "attachment.h"

namespace
{

enum : __u32 { CHUNK = 8192 }; /* entries per call of a batch: more are no faster */

/* What a snapshot wants of a stream. */
struct shown {
	struct stream stream;
	struct stream_totals totals;
};

/* As many keys and values as were read. */
struct readings {
	std::vector<__u64> tags;
	std::vector<shown> records;
	size_t count = 0;

	explicit readings(size_t size) : tags(size), records(size) {}
};

class tables
{
public:
	explicit tables(struct probe *probe)
	{
		__u32 slots = bpf_map__max_entries(probe->maps.streams);

		taken.open(bpf_map__fd(probe->maps.taken), table_words(slots - 1));
		streams.open(bpf_map__fd(probe->maps.streams), slots, taken.at(0));
		totals.open(bpf_map__fd(probe->maps.totals), slots);
	}

	void read(readings *into)
	{
		into->count = 0;
		auto visit = [&](__u32 slot, const struct stream &stream) {
			shown *one = &into->records[into->count++];

			one->stream = stream;
			one->totals = *totals.at(slot);
		};

		streams.show([&](__u32 slot) { __builtin_prefetch(totals.at(slot)); }, visit, into);
	}

private:
	mapping<__u64> taken;
	shared_table<struct stream> streams;
	mapping<struct stream_totals> totals;
};

int hash_of(const readings &all)
{
	__u32 size = static_cast<__u32>(all.count);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "reading", sizeof(__u64), sizeof(shown), size, nullptr);

	if (fd < 0)
		fail("bpf_map_create");
	for (const shown *one = &all.records[0]; one < &all.records[all.count]; one++)
		if (bpf_map_update_elem(fd, &one->stream.tag, one, BPF_ANY))
			fail("bpf_map_update_elem");
	return fd;
}

void read_batches(int fd, readings *into)
{
	__u64 token = 0;
	bool first = true, more = true;

	for (into->count = 0; more; first = false) {
		__u32 room = static_cast<__u32>(into->tags.size() - into->count), n = std::min<__u32>(room, CHUNK);

		if (bpf_map_lookup_batch(fd, first ? nullptr : &token, &token, &into->tags[into->count],
					 &into->records[into->count], &n, nullptr)) {
			if (errno != ENOENT)
				fail("bpf_map_lookup_batch");
			more = false;
		}
		into->count += n;
	}
}

void read_keys(int fd, readings *into)
{
	const __u64 *last = nullptr;

	for (into->count = 0; into->count < into->tags.size(); into->count++) {
		__u64 *tag = &into->tags[into->count];

		if (bpf_map_get_next_key(fd, last, tag) || bpf_map_lookup_elem(fd, tag, &into->records[into->count]))
			break;
		last = tag;
	}
}

/* Into a file, for somebody else to parse. */
double dump_ns(int fd, const char *path)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	struct rusage before, after;
	int status;

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		fail("bpf_obj_get_info_by_fd");
	getrusage(RUSAGE_CHILDREN, &before);
	if (pid_t child = fork(); child == 0) {
		int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(out, STDOUT_FILENO);
		setenv("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", 1);
		execlp("bpftool", "bpftool", "-j", "map", "dump", "id", std::to_string(info.id).c_str(), nullptr);
		_exit(127);
	}
	wait(&status);
	getrusage(RUSAGE_CHILDREN, &after);
	if (status)
		errx(1, "bpftool did not dump the map");
	auto ns = [](const struct timeval &t) {
		return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
	};

	return ns(after.ru_utime) - ns(before.ru_utime) + ns(after.ru_stime) - ns(before.ru_stime);
}

/* Of all rounds: CPU ns per record, and records that a round did not find. */
struct way {
	const char *name;
	std::vector<double> ns;
	size_t missed;

	template <class Read> void take(size_t records, const readings &into, Read read)
	{
		uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		read();
		ns.push_back(static_cast<double>(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) /
			     static_cast<double>(records));
		missed += records - into.count;
	}

	void print() const
	{
		printf("\"%s\":{\"missed\":%zu,\"ns\":[", name, missed);
		for (size_t i = 0; i < ns.size(); i++)
			printf("%s%.2f", i ? "," : "", ns[i]);
		printf("]},");
	}
};

} // namespace

int run_reading(const struct options *options)
{
	struct network network = network_open();
	struct probe *probe = probe_attach(options);
	size_t records = 2 * static_cast<size_t>(options->streams); /* one sent, one received */
	tables own(probe);
	static struct load load;
	struct course course;
	readings into(records);
	way shown = { "mmap", {}, 0 }, batches = { "batch", {}, 0 }, keys = { "keys", {}, 0 };

	load_open(&load, &network, options, 0);
	course = course_begin(&load);
	load_introduce(&load, &course, INTRODUCTION);
	own.read(&into);
	int hash = hash_of(into);

	for (uint32_t round = 0; round < options->rounds; round++) {
		shown.take(records, into, [&] { own.read(&into); });
		batches.take(records, into, [&] { read_batches(hash, &into); });
		keys.take(records, into, [&] { read_keys(hash, &into); });
	}
	printf("{");
	shown.print();
	batches.print();
	keys.print();
	printf("\"dumped\":%.2f}\n", options->dump ? dump_ns(hash, options->dump) / static_cast<double>(records) : 0);
	return 0;
}
