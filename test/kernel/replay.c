/* SPDX-License-Identifier: MIT */
/*
 * Drives the kernel program for tests: `harness replay FILE LOCAL` sends a capture through BPF_PROG_TEST_RUN. A classic pcap
 * in nanoseconds, Ethernet, each packet padded with zeros to its original length; every packet goes through the program of
 * its direction, into tables that were used before. Prints one JSON object with the raw records, in the names of src/native.ts.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdint.h>
#include <sys/mman.h>

struct pcap_record {
	uint32_t seconds, nanoseconds, captured, length;
};

enum {
	ETHERNET = 14,
	MAX_PACKET = 3000,
	STREAM_SLOTS = 1 << 15,
	PAIR_SLOTS = 1 << 10,
	REPORT_SLOTS = 1 << 10,
};

static __u64 latest_ns; /* of the packets that were sent */

enum { RECORD_HEAD = 12 }; /* tag and version, of records that have them */

/* Records look as if others had had them: what begins in one must leave nothing of it. The head of each says that it is free. */
static void soil(struct bpf_map *map, size_t head)
{
	size_t size = bpf_map__value_size(map), length = size * bpf_map__max_entries(map);
	unsigned char *records = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (records == MAP_FAILED)
		fail("mmap");
	memset(records, 0xa5, length);
	for (size_t at = 0; at < length; at += size)
		memset(records + at, 0, head);
	munmap(records, length);
}

/* True if the packet's source is our end. */
static int is_outbound(const unsigned char *packet, const unsigned char *local, int family)
{
	unsigned type = packet[12] << 8 | packet[13];

	if (type == 0x0800 && family == AF_INET)
		return !memcmp(packet + ETHERNET + 12, local, 4);
	return type == 0x86dd && family == AF_INET6 && !memcmp(packet + ETHERNET + 8, local, 16);
}

static void run_packet(int program, const unsigned char *packet, uint32_t length, uint64_t now)
{
	struct __sk_buff context = { .tstamp = now };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = length, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);

	if (bpf_prog_test_run_opts(program, &opts))
		fail("BPF_PROG_TEST_RUN");
	if (opts.retval != 1)
		errx(1, "the program returned %u", opts.retval);
}

static void replay(struct probe *skeleton, FILE *file, const char *local_text)
{
	unsigned char local[16], packet[MAX_PACKET];
	int family = strchr(local_text, ':') ? AF_INET6 : AF_INET;
	int ingress = bpf_program__fd(skeleton->progs.rtp_ingress),
	    egress = bpf_program__fd(skeleton->progs.rtp_egress);
	uint32_t header[6];
	struct pcap_record record;
	__u64 now;

	if (inet_pton(family, local_text, local) != 1 || fread(header, sizeof(header), 1, file) != 1 ||
	    header[0] != 0xa1b23c4d || header[5] != 1)
		errx(2, "not a nanosecond Ethernet pcap, or not an address: %s", local_text);
	while (fread(&record, sizeof(record), 1, file) == 1) {
		if (record.captured > MAX_PACKET || record.length > MAX_PACKET)
			errx(1, "a packet of %u bytes is more than a test run takes", record.length);
		memset(packet, 0, sizeof(packet));
		if (fread(packet, record.captured, 1, file) != 1)
			fail("read");
		now = record.seconds * 1000000000ull + record.nanoseconds;
		latest_ns = now > latest_ns ? now : latest_ns;
		run_packet(is_outbound(packet, local, family) ? egress : ingress, packet, record.length, now);
	}
}

static void print_stream(const struct stream *s, const struct stream_totals *t)
{
	printf("{\"ssrc\":%u,\"packets\":%llu,\"bytes\":%llu,\"headerBytes\":%llu,\"baseSeq\":%u,\"maxSeq\":%u,"
	       "\"expectedBefore\":%u,\"duplicated\":%u,\"reordered\":%u,\"stray\":%u,\"contended\":%u,"
	       "\"payloadType\":%u,\"clockRate\":%u,\"clockSource\":%u,\"jitterNsQ8\":%llu,"
	       "\"jitterRfc3550NsQ8\":%llu,\"lastTimestamp\":%u,\"firstMs\":%.17g,\"lastMs\":%.17g}",
	       s->ssrc, stream_packets(s, t), stream_bytes(s, t), stream_header_bytes(s, t), t->base_seq, s->max_seq,
	       t->expected_before, t->duplicated, t->reordered, t->stray, t->contended, s->payload_type, s->clock_rate,
	       s->clock_source, s->jitter, s->jitter_rfc3550, s->last_ts, milliseconds(t->first_ns),
	       milliseconds(s->last_ns));
}

static void print_number(const char *end, const char *name, unsigned long long value)
{
	printf("\"%s%s\":%llu,", end, name, value);
}

static void print_time(const char *end, const char *name, __u64 ns)
{
	printf("\"%s%s\":%.17g,", end, name, milliseconds(ns));
}

static void print_side(const char *end, const struct pair_side *side)
{
	print_number(end, "Requests", side->requests);
	print_number(end, "Retransmissions", side->retransmissions);
	print_number(end, "Responses", side->responses);
	print_number(end, "Errors", side->errors);
	print_number(end, "Unanswered", pair_unanswered(side, latest_ns));
	print_number(end, "ConsentRequests", side->consent_requests);
	print_number(end, "Role", side->role);
	print_number(end, "RoundTrips", side->round_trips);
	print_number(end, "RoundTripTotalNs", side->round_trip_total_ns);
	print_number(end, "RoundTripLastNs", side->round_trip_last_ns);
	print_number(end, "RoundTripMinNs", side->round_trip_min_ns);
	print_number(end, "RoundTripMaxNs", side->round_trip_max_ns);
	printf("\"%sRoundTripHistogram\":[", end);
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		printf("%s%u", i ? "," : "", side->histogram[i]);
	printf("],");
	print_time(end, "RequestMs", side->request_ns);
	print_time(end, "ResponseMs", side->response_ns);
	print_time(end, "ProtectedMs", side->protected_ns);
}

static void print_pair(const struct pair *p)
{
	printf("{\"traits\":%u,\"channel\":%u,", p->traits, p->channel);
	print_side("first", &p->sides[0]);
	print_side("second", &p->sides[1]);
	print_time("", "helloMs", p->hello_ns);
	printf("\"contended\":%u}", p->contended);
}

static void print_records(struct probe *skeleton)
{
	const char *separator = "";
	static struct stream stream;
	static struct stream_totals totals;
	static struct pair pair;

	printf("{\"streams\":[");
	for (__u32 slot = 0; slot < STREAM_SLOTS; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.streams), &slot, &stream) ||
		    bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.totals), &slot, &totals))
			fail("lookup");
		if (stream.tag == 0 || stream.evidence < STREAM_EVIDENCE)
			continue;
		printf("%s", separator);
		print_stream(&stream, &totals);
		separator = ",";
	}
	printf("],\"pairs\":[");
	separator = "";
	for (__u32 slot = 0; slot < PAIR_SLOTS; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.pairs), &slot, &pair))
			fail("lookup");
		if (pair.tag == 0)
			continue;
		printf("%s", separator);
		print_pair(&pair);
		separator = ",";
	}
	printf("],");
	print_reports(skeleton, REPORT_SLOTS);
}

static void print_tallies(struct probe *skeleton)
{
	__u64 outcomes[DATAGRAM_OUTCOMES];

	read_tallies(skeleton, outcomes);
	printf("\"datagrams\":[");
	for (int i = 0; i < DATAGRAM_OUTCOMES; i++)
		printf("%s%llu", i ? "," : "", outcomes[i]);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	const struct config config = {
		.stream_mask = STREAM_SLOTS - 1,
		.pair_mask = PAIR_SLOTS - 1,
		.report_mask = REPORT_SLOTS - 1,
		.packet_timestamps = 1,
		.probes = ALL_PROBES,
	};
	struct probe *skeleton;
	FILE *file;

	if (argc == 5 && !strcmp(argv[1], "slots")) {
		print_slots((__u32)atoi(argv[2]), (__u32)atoi(argv[3]), (__u32)atoi(argv[4]));
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "waiting")) {
		print_waiting();
		return 0;
	}
	if (argc != 4 || strcmp(argv[1], "replay")) {
		fprintf(stderr,
			"usage: harness replay FILE LOCAL, harness slots STREAMS SLOTS SEEDS, or harness waiting\n");
		return 2;
	}
	file = fopen(argv[2], "rb");
	if (!file)
		fail(argv[2]);
	skeleton = load_probe(&config);
	soil(skeleton->maps.streams, RECORD_HEAD);
	soil(skeleton->maps.totals, 0);
	soil(skeleton->maps.details, 0);
	soil(skeleton->maps.depths, 0);
	soil(skeleton->maps.bundles, RECORD_HEAD);
	soil(skeleton->maps.reports, RECORD_HEAD);
	replay(skeleton, file, argv[3]);
	print_records(skeleton);
	print_depths(skeleton, STREAM_SLOTS);
	print_tallies(skeleton);
	fclose(file);
	probe__destroy(skeleton);
	return 0;
}
