/* SPDX-License-Identifier: MIT */
/*
 * What the pair costs, by two clocks of the kernel in one run: its own run-time counters per program run (BPF_ENABLE_STATS),
 * and, with the counters off, this process's CPU time per packet. RTP over loopback, streams round robin; rounds of no
 * program, an empty pair and our pair are interleaved, medians are printed. The process must be in the cgroup already.
 */
#define _GNU_SOURCE /* sendmmsg */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "empty.skel.h"

enum { BATCH = 32, PAYLOAD = 172, MAX_ROUNDS = 101 };
enum kind { KIND_NONE, KIND_EMPTY, KIND_PROBE, KINDS };

static const char *const KIND_NAMES[KINDS] = { "none", "empty", "probe" };

struct load {
	int sender, receiver;
	unsigned streams;
	unsigned char packets[BATCH][PAYLOAD];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	unsigned next;
	unsigned short sequence;
};

static void open_load(struct load *l, unsigned streams)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(to);
	int bytes = 4 << 20;

	memset(l, 0, sizeof(*l));
	l->streams = streams;
	l->receiver = socket(AF_INET, SOCK_DGRAM, 0);
	l->sender = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(l->receiver, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (bind(l->receiver, (struct sockaddr *)&to, size) ||
	    getsockname(l->receiver, (struct sockaddr *)&to, &size) || connect(l->sender, (struct sockaddr *)&to, size))
		fail("socket");
	for (int i = 0; i < BATCH; i++) {
		l->vectors[i] = (struct iovec){ l->packets[i], PAYLOAD };
		l->messages[i].msg_hdr.msg_iov = &l->vectors[i];
		l->messages[i].msg_hdr.msg_iovlen = 1;
		l->packets[i][0] = 0x80;
		l->packets[i][1] = 0; /* PCMU: the rate is known, the steady state is measured */
	}
}

/* Sends and reads back one batch. Each stream sees consecutive numbers. */
static void send_batch(struct load *l)
{
	for (int i = 0; i < BATCH; i++) {
		unsigned timestamp = l->sequence * 160u;
		unsigned char *p = l->packets[i];

		p[2] = l->sequence >> 8;
		p[3] = (unsigned char)l->sequence;
		for (int b = 0; b < 4; b++) {
			p[4 + b] = (unsigned char)(timestamp >> (24 - 8 * b));
			p[8 + b] = (unsigned char)((l->next + 1) >> (24 - 8 * b));
		}
		if (++l->next == l->streams) {
			l->next = 0;
			l->sequence++;
		}
	}
	if (sendmmsg(l->sender, l->messages, BATCH, 0) != BATCH)
		fail("sendmmsg");
	for (int i = 0; i < BATCH; i++) {
		char buffer[256];

		if (recv(l->receiver, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && errno != EAGAIN)
			fail("recv");
	}
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Run time in ns and runs of both programs since they were loaded. */
static void run_counters(const int *programs, double *ns, double *runs)
{
	*ns = *runs = 0;
	for (int i = 0; i < 2; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(programs[i], &info, &size))
			fail("BPF_OBJ_GET_INFO_BY_FD");
		*ns += (double)info.run_time_ns;
		*runs += (double)info.run_cnt;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), by_value);
	return values[count / 2];
}

struct bench {
	int cgroup;
	struct bpf_program *programs[KINDS][2];
	struct load load;
	unsigned packets;
};

/* One round. Returns CPU ns per packet, or with counters on ns per program run. */
static double measure(struct bench *b, enum kind kind, int with_counters)
{
	struct bpf_link *links[2] = { NULL, NULL };
	int stats = with_counters ? bpf_enable_stats(BPF_STATS_RUN_TIME) : -1;
	int fds[2];
	double ns = 0, runs = 1, ns_before = 0, runs_before = 0, cpu;

	for (int i = 0; i < 2 && kind != KIND_NONE; i++) {
		links[i] = bpf_program__attach_cgroup(b->programs[kind][i], b->cgroup);
		if (!links[i])
			fail("attach");
		fds[i] = bpf_program__fd(b->programs[kind][i]);
	}
	for (unsigned sent = 0; sent < b->packets / 10; sent += BATCH)
		send_batch(&b->load);
	if (with_counters)
		run_counters(fds, &ns_before, &runs_before);
	cpu = cpu_ns();
	for (unsigned sent = 0; sent < b->packets; sent += BATCH)
		send_batch(&b->load);
	cpu = cpu_ns() - cpu;
	if (with_counters)
		run_counters(fds, &ns, &runs);
	for (int i = 0; i < 2; i++)
		bpf_link__destroy(links[i]);
	if (stats >= 0)
		close(stats);
	return with_counters ? (ns - ns_before) / (runs - runs_before) : cpu / b->packets;
}

int run_cost(int argc, char **argv)
{
	static struct bench b;
	static double cpu[KINDS][MAX_ROUNDS], counter[KINDS][MAX_ROUNDS];
	struct probe *probe;
	struct empty *empty;
	int rounds;
	double none, pairs[KINDS];

	if (argc != 4 || (rounds = atoi(argv[3])) < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: harness cost CGROUP STREAMS PACKETS ROUNDS\n");
		return 2;
	}
	b.cgroup = open(argv[0], O_RDONLY | O_DIRECTORY);
	if (b.cgroup < 0)
		fail(argv[0]);
	b.packets = (unsigned)atoi(argv[2]) / BATCH * BATCH;
	probe = load_probe(1, 0);
	empty = empty__open_and_load();
	if (!empty)
		fail("load");
	b.programs[KIND_EMPTY][0] = empty->progs.empty_ingress;
	b.programs[KIND_EMPTY][1] = empty->progs.empty_egress;
	b.programs[KIND_PROBE][0] = probe->progs.rtp_ingress;
	b.programs[KIND_PROBE][1] = probe->progs.rtp_egress;
	open_load(&b.load, (unsigned)atoi(argv[1]));
	for (int round = 0; round < rounds; round++)
		for (enum kind kind = KIND_NONE; kind < KINDS; kind++) {
			cpu[kind][round] = measure(&b, kind, 0);
			if (kind != KIND_NONE)
				counter[kind][round] = measure(&b, kind, 1);
		}
	none = median(cpu[KIND_NONE], rounds);
	for (enum kind kind = KIND_EMPTY; kind < KINDS; kind++) {
		pairs[kind] = median(cpu[kind], rounds) - none;
		printf("%s: %.0f ns CPU per packet for the pair, %.1f ns per run by the kernel's counters\n",
		       KIND_NAMES[kind], pairs[kind], median(counter[kind], rounds));
	}
	printf("ratio: %.2f by CPU, %.2f by the kernel's counters (%s streams, %.0f ns per packet without programs)\n",
	       pairs[KIND_PROBE] / pairs[KIND_EMPTY],
	       median(counter[KIND_PROBE], rounds) / median(counter[KIND_EMPTY], rounds), argv[1], none);
	empty__destroy(empty);
	probe__destroy(probe);
	return 0;
}
