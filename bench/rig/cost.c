/* SPDX-License-Identifier: MIT */
/*
 * What the attached pair costs. Rounds of no program, an empty pair, a floor (a clock and a record), our pair, and our pair on another cgroup take turns, so
 * that whatever else the machine does falls on all alike. Two clocks of the kernel: CPU time of the sending threads per packet
 * (all of send, cable and receive happen in them), and the kernel's run-time counters per program run (BPF_ENABLE_STATS) in
 * rounds of their own, for the counting costs as well. Prints every round; what they mean is bench/cost.ts's.
 */
#define _GNU_SOURCE /* CPU_SET */
#include "attachment.h"

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "yardstick.skel.h"

enum kind { KIND_NONE, KIND_EMPTY, KIND_FLOOR, KIND_PROBE, KIND_ELSEWHERE, KINDS };

static const char *const KIND_NAMES[KINDS] = { "none", "empty", "floor", "probe", "elsewhere" };

enum {
	MAX_ROUNDS = 1000,
	MAX_BATCHES = 1 << 16,
	COUNTER_SHARE = 4, /* a round with counters for so many without */
};

struct bench {
	const struct options *options;
	struct probe *probe;
	struct yardstick *yardstick;
	struct bpf_program *programs[KINDS][SIDES];
	int cgroups[KINDS];
	struct load loads[MAX_THREADS];
	struct course courses[MAX_THREADS][KINDS];
	uint64_t sent, received; /* while our pair was attached and every stream was known */
	double cpu[KINDS][MAX_ROUNDS];
	double counter[KINDS][SIDES][MAX_ROUNDS];
	uint32_t counters;
};

struct worker {
	struct bench *bench;
	uint32_t index;
	enum kind kind;
	pthread_t thread;
	pthread_barrier_t *barrier;
	uint64_t packets; /* before the barrier */
	double ns;        /* of CPU per packet, behind it: the median batch, for interrupts and neighbours hit some */
	uint64_t received;
};

static void *work(void *argument)
{
	static __thread uint64_t batches[MAX_BATCHES];
	struct worker *w = argument;
	struct load *load = &w->bench->loads[w->index];
	struct course *course = &w->bench->courses[w->index][w->kind];
	uint32_t count = w->bench->options->packets / w->bench->options->threads / BATCH;

	if (w->barrier)
		pin(w->index);
	w->received = load_run(load, course, w->packets);
	if (w->barrier)
		pthread_barrier_wait(w->barrier);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		w->received += load_run(load, course, BATCH);
		batches[i] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	}
	w->ns = (double)quantile_of(batches, count, 0.5) / BATCH;
	return NULL;
}

/* All threads at once; CPU ns per packet. */
static double run_load(struct bench *b, enum kind kind)
{
	uint32_t threads = b->options->threads;
	uint64_t packets = b->options->packets / threads / BATCH * BATCH, warm = packets / 10 / BATCH * BATCH;
	double ns = 0;
	struct worker workers[MAX_THREADS];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, threads);
	for (uint32_t i = 0; i < threads; i++) {
		workers[i] = (struct worker){ .bench = b, .index = i, .kind = kind, .packets = warm };
		workers[i].barrier = threads > 1 ? &barrier : NULL;
		if (threads == 1)
			work(&workers[i]);
		else if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			errx(1, "no thread");
	}
	for (uint32_t i = 0; i < threads; i++) {
		if (threads > 1)
			pthread_join(workers[i].thread, NULL);
		ns += workers[i].ns;
		if (kind == KIND_PROBE) {
			b->sent += warm + packets;
			b->received += workers[i].received;
		}
	}
	pthread_barrier_destroy(&barrier);
	return ns / threads;
}

struct run_time {
	double ns, runs;
};

static struct run_time run_time_of(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		fail("BPF_OBJ_GET_INFO_BY_FD");
	return (struct run_time){ (double)info.run_time_ns, (double)info.run_cnt };
}

static void measure_cpu(struct bench *b, enum kind kind, uint32_t round)
{
	struct bpf_link *links[SIDES];

	attach(b->programs[kind], b->cgroups[kind], links);
	b->cpu[kind][round] = run_load(b, kind);
	detach(links);
}

static void measure_counters(struct bench *b, enum kind kind, uint32_t round)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct bpf_link *links[SIDES];
	struct run_time before[SIDES];

	if (stats < 0)
		return; /* 5.8 and later */
	attach(b->programs[kind], b->cgroups[kind], links);
	for (int i = 0; i < SIDES; i++)
		before[i] = run_time_of(b->programs[kind][i]);
	run_load(b, kind);
	for (int i = 0; i < SIDES; i++) {
		struct run_time after = run_time_of(b->programs[kind][i]);

		b->counter[kind][i][round] =
			after.runs > before[i].runs ? (after.ns - before[i].ns) / (after.runs - before[i].runs) : 0;
	}
	detach(links);
	close(stats);
	b->counters = round + 1;
}

static void programs_open(struct bench *b)
{
	const struct options *o = b->options;

	b->probe = probe_open_for(o);
	probe_programs(b->probe, o, b->programs[KIND_PROBE]);
	b->yardstick = yardstick__open_and_load();
	if (!b->yardstick)
		fail("load");
	b->programs[KIND_EMPTY][0] = b->yardstick->progs.empty_ingress;
	b->programs[KIND_EMPTY][1] = b->yardstick->progs.empty_egress;
	b->programs[KIND_FLOOR][0] = b->yardstick->progs.floor_ingress;
	b->programs[KIND_FLOOR][1] = b->yardstick->progs.floor_egress;
	b->cgroups[KIND_EMPTY] = b->cgroups[KIND_FLOOR] = b->cgroups[KIND_PROBE] = cgroup_open(o->cgroup);
	if (o->elsewhere) {
		memcpy(b->programs[KIND_ELSEWHERE], b->programs[KIND_PROBE], sizeof(b->programs[KIND_PROBE]));
		b->cgroups[KIND_ELSEWHERE] = cgroup_open(o->elsewhere);
	}
}

static void loads_open(struct bench *b)
{
	struct network network = network_open();
	struct bpf_link *links[SIDES];

	attach(b->programs[KIND_PROBE], b->cgroups[KIND_PROBE], links);
	for (uint32_t i = 0; i < b->options->threads; i++) {
		load_open(&b->loads[i], &network, b->options, i);
		for (enum kind kind = 0; kind < KINDS; kind++)
			b->courses[i][kind] = course_begin(&b->loads[i]);
		load_introduce(&b->loads[i], &b->courses[i][KIND_PROBE], INTRODUCTION);
	}
	detach(links);
}

static void print_values(const char *name, const double *values, uint32_t count)
{
	printf("\"%s\":[", name);
	for (uint32_t i = 0; i < count; i++)
		printf("%s%.1f", i ? "," : "", values[i]);
	printf("]");
}

/* The kinds that take turns. */
static uint32_t choose_kinds(const struct options *o, enum kind kinds[KINDS])
{
	uint32_t count = 0;

	for (enum kind kind = 0; kind < KINDS; kind++)
		if ((kind != KIND_FLOOR || o->floor) && (kind != KIND_ELSEWHERE || o->elsewhere))
			kinds[count++] = kind;
	return count;
}

static void print_counters(const struct bench *b, enum kind kind)
{
	printf("\"%s\":{", KIND_NAMES[kind]);
	print_values("ingress", b->counter[kind][0], b->counters);
	printf(",");
	print_values("egress", b->counter[kind][1], b->counters);
	printf("}");
}

static void print_result(struct bench *b, const __u64 *before, const __u64 *after)
{
	enum kind kinds[KINDS];
	uint32_t count = choose_kinds(b->options, kinds);

	printf("{\"sent\":%lu,\"received\":%lu,\"outcomes\":[", b->sent, b->received);
	for (int i = 0; i < DATAGRAM_OUTCOMES; i++)
		printf("%s%llu", i ? "," : "", after[i] - before[i]);
	printf("],\"cpu\":{");
	for (uint32_t i = 0; i < count; i++) {
		printf("%s", i ? "," : "");
		print_values(KIND_NAMES[kinds[i]], b->cpu[kinds[i]], b->options->rounds);
	}
	printf("},\"counters\":{");
	print_counters(b, KIND_EMPTY);
	printf(",");
	print_counters(b, KIND_PROBE);
	printf("}}\n");
}

int run_cost(const struct options *options)
{
	static struct bench b;
	__u64 before[DATAGRAM_OUTCOMES], after[DATAGRAM_OUTCOMES];
	enum kind kinds[KINDS];
	uint32_t count = choose_kinds(options, kinds);

	if (options->rounds > MAX_ROUNDS)
		errx(2, "at most %d rounds", MAX_ROUNDS);
	b.options = options;
	programs_open(&b);
	loads_open(&b);
	pin(0);
	read_tallies(b.probe, before);
	for (uint32_t round = 0; round < options->rounds; round++) {
		for (uint32_t i = 0; i < count; i++)
			measure_cpu(&b, kinds[(i + round) % count], round);
		if (round % COUNTER_SHARE)
			continue;
		measure_counters(&b, KIND_EMPTY, round / COUNTER_SHARE);
		measure_counters(&b, KIND_PROBE, round / COUNTER_SHARE);
	}
	read_tallies(b.probe, after);
	print_result(&b, before, after);
	yardstick__destroy(b.yardstick);
	probe__destroy(b.probe);
	return 0;
}
