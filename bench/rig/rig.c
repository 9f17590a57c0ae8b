/* SPDX-License-Identifier: MIT */
/* Loads of known size over a cable between two namespaces, and what they show of the probe. JSON on stdout. Needs root. */
#define _GNU_SOURCE
#include "rig.h"

#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/config.h"

enum option_key {
	KEY_CGROUP = 1,
	KEY_ELSEWHERE,
	KEY_DUMP,
	KEY_STREAMS,
	KEY_PACKETS,
	KEY_ROUNDS,
	KEY_CPUS,
	KEY_SEGMENTS,
	KEY_SLOTS,
	KEY_RATE,
	KEY_SECONDS,
	KEY_READS,
	KEY_BUSY,
	KEY_PAYLOAD_TYPE,
	KEY_CONTENT,
	KEY_PROBES,
	KEY_SKEWED,
	KEY_GRO,
	KEY_FLOOR,
};

static const struct option OPTIONS[] = {
	{ "cgroup", required_argument, NULL, KEY_CGROUP },
	{ "elsewhere", required_argument, NULL, KEY_ELSEWHERE },
	{ "dump", required_argument, NULL, KEY_DUMP },
	{ "streams", required_argument, NULL, KEY_STREAMS },
	{ "packets", required_argument, NULL, KEY_PACKETS },
	{ "rounds", required_argument, NULL, KEY_ROUNDS },
	{ "cpus", required_argument, NULL, KEY_CPUS },
	{ "segments", required_argument, NULL, KEY_SEGMENTS },
	{ "slots", required_argument, NULL, KEY_SLOTS },
	{ "rate", required_argument, NULL, KEY_RATE },
	{ "seconds", required_argument, NULL, KEY_SECONDS },
	{ "reads", required_argument, NULL, KEY_READS },
	{ "busy", required_argument, NULL, KEY_BUSY },
	{ "payload-type", required_argument, NULL, KEY_PAYLOAD_TYPE },
	{ "content", required_argument, NULL, KEY_CONTENT },
	{ "probes", required_argument, NULL, KEY_PROBES },
	{ "skewed", no_argument, NULL, KEY_SKEWED },
	{ "gro", no_argument, NULL, KEY_GRO },
	{ "floor", no_argument, NULL, KEY_FLOOR },
	{ NULL, 0, NULL, 0 },
};

static const struct measurement {
	const char *name;
	int (*run)(const struct options *options);
	bool watches; /* the sockets of the cgroup, and has none there */
} MEASUREMENTS[] = {
	{ "cost", run_cost, false },         { "updates", run_updates, false }, { "torn", run_torn, false },
	{ "arrivals", run_arrivals, false }, { "pace", run_pace, false },       { "reading", run_reading, false },
	{ "hold", run_hold, true },
};

static uint32_t number(const char *text, uint32_t low, uint32_t high)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < low || value > high)
		errx(2, "%s: not a number from %u to %u", text, low, high);
	return (uint32_t)value;
}

static enum content content_named(const char *name)
{
	for (int i = 0; i < CONTENTS; i++)
		if (!strcmp(name, CONTENT_NAMES[i]))
			return (enum content)i;
	errx(2, "%s: no such content", name);
}

static void read_option(struct options *o, int key, const char *value)
{
	switch (key) {
	case KEY_CGROUP: o->cgroup = value; break;
	case KEY_ELSEWHERE: o->elsewhere = value; break;
	case KEY_DUMP: o->dump = value; break;
	case KEY_STREAMS: o->streams = number(value, 1, 1 << 20); break;
	case KEY_PACKETS: o->packets = number(value, BATCH * MAX_THREADS, 1 << 21) / BATCH * BATCH; break;
	case KEY_ROUNDS: o->rounds = number(value, 1, 1000); break;
	case KEY_CPUS: o->threads = number(value, 1, MAX_THREADS); break;
	case KEY_SEGMENTS: o->segments = number(value, 1, BATCH); break;
	case KEY_SLOTS: o->slots = number(value, 1, 1 << 22); break;
	case KEY_RATE: o->rate = number(value, 1, 10000000); break;
	case KEY_SECONDS: o->seconds = number(value, 1, 3600); break;
	case KEY_READS: o->reads = number(value, 1, 1000000000); break;
	case KEY_BUSY: o->busy = number(value, 0, 64); break;
	case KEY_PAYLOAD_TYPE: o->payload_type = (uint8_t)number(value, 0, 127); break;
	case KEY_CONTENT: o->content = content_named(value); break;
	case KEY_PROBES:
		o->probes = (uint8_t)number(value, 1, PROBE_RTP | PROBE_STUN | PROBE_RTCP | PROBE_DEPTH);
		break;
	case KEY_SKEWED: o->skewed = true; break;
	case KEY_GRO: o->receive_segments = true; break;
	case KEY_FLOOR: o->floor = true; break;
	default: exit(2);
	}
}

/* Sockets belong to the cgroup in which their process made them. */
static void cgroup_join(const char *path)
{
	char file[512];
	int fd;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		err(1, "%s", file);
	close(fd);
}

int main(int argc, char **argv)
{
	struct options options = {
		.streams = 16,
		.packets = 4000 / BATCH * BATCH,
		.rounds = 100,
		.threads = 1,
		.segments = 1,
		.rate = 20000,
		.seconds = 5,
		.reads = 20000000,
		.probes = PROBE_RTP | PROBE_STUN | PROBE_RTCP,
	};
	int key;

	while ((key = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
		read_option(&options, key, optarg);
	if (optind + 1 != argc || !options.cgroup || BATCH % options.segments)
		errx(2, "usage: rig MEASUREMENT --cgroup PATH [options]; --segments divides %d", BATCH);
	for (size_t i = 0; i < sizeof(MEASUREMENTS) / sizeof(*MEASUREMENTS); i++) {
		if (strcmp(argv[optind], MEASUREMENTS[i].name))
			continue;
		if (!MEASUREMENTS[i].watches)
			cgroup_join(options.cgroup);
		return MEASUREMENTS[i].run(&options);
	}
	errx(2, "%s: no such measurement", argv[optind]);
}
