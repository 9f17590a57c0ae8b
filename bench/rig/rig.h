/* SPDX-License-Identifier: MIT */
#ifndef RTCPROBE_BENCH_RIG_H
#define RTCPROBE_BENCH_RIG_H

/* Two network namespaces joined by a cable, inside one process: a load's sender is in one, its receiver in the other. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
	BATCH = 32,    /* packets per call of sendmmsg */
	PAYLOAD = 172, /* 20 ms of PCMU */
	MAX_THREADS = 2,
};

/* What the packets are. */
enum content {
	CONTENT_RTP,
	CONTENT_RTCP,
	CONTENT_STUN,
	CONTENT_DTLS,
	CONTENT_WIREGUARD, /* no protocol that media uses */
	CONTENT_QUIC,      /* a short header whose first byte might be a TURN channel's */
	CONTENT_TCP,       /* no datagram at all */
	CONTENTS,
};

extern const char *const CONTENT_NAMES[CONTENTS];

struct options {
	const char *cgroup;    /* the process joins it, unless it only watches */
	const char *elsewhere; /* a cgroup beside it, without processes */
	const char *dump;      /* where bpftool writes what it reads; NULL = it is not asked */
	uint32_t streams;
	uint32_t packets; /* per round */
	uint32_t rounds;
	uint32_t threads;
	uint32_t segments; /* packets per super-packet, 1 = no UDP_SEGMENT */
	uint32_t slots;    /* of the table, 0 = four per stream */
	uint32_t rate;     /* packets/s, where a load is paced */
	uint32_t seconds;
	uint32_t reads; /* of a record */
	uint32_t busy;  /* loops that take the CPUs away */
	uint8_t payload_type;
	uint8_t probes; /* enum probe_bit */
	bool skewed;    /* few streams send most: frequency ~ 1 / rank */
	bool receive_segments;
	bool floor; /* of any design: measured as well, or held */
	enum content content;
};

struct network {
	int sender, receiver; /* namespaces */
	char interface[16];   /* of the receiver */
};

#ifdef __cplusplus
extern "C" {
#endif

struct network network_open(void);

/* Where one load stands in its streams; one per kind of round, so that a stream sees consecutive numbers. */
struct course {
	uint32_t next;
	uint64_t random;
	uint16_t *sequences; /* one per stream */
};

/* A sender, its receiver, and the packets of the next batch. */
struct load {
	const struct options *options;
	int sender, receiver;
	uint32_t streams;
	uint32_t first_ssrc;
	unsigned char packets[BATCH][PAYLOAD];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	bool impatient; /* does not wait for what it sent: others read from the socket as well */
};

/* The bytes that are the same in every packet. */
void packet_begin(unsigned char *p, const struct options *options);
/* What differs from packet to packet: a number of its own each, and for RTP and RTCP those of its stream. */
void packet_number(unsigned char *p, const struct load *l, uint32_t stream, uint16_t sequence);

void load_open(struct load *l, const struct network *network, const struct options *options, uint32_t index);
struct course course_begin(const struct load *l);

/* Sends n packets and reads them back, batch by batch; returns how many came back. */
uint64_t load_run(struct load *l, struct course *course, uint64_t n);

/* The same number of packets of every stream, one after the other, so that each is known. */
uint64_t load_introduce(struct load *l, struct course *course, uint32_t packets_each);

/* Nanoseconds of a clock. */
uint64_t clock_ns(int clock);

/* The thread stays on a CPU of its own, the last one first: the first has most of the machine's interrupts. */
void pin(uint32_t index);

/* The value that a share of them is below; sorts. */
uint64_t quantile_of(uint64_t *values, uint32_t count, double share);

/* One packet on its way, clocks in ns on the monotonic clock. */
struct arrival {
	uint32_t ssrc, timestamp;
	uint64_t sent_ns, application_ns;
	uint64_t packet_ns; /* 0 = the kernel gave none */
};

void load_send_stamped(struct load *l, struct course *course);
void load_ask_timestamps(struct load *l);
bool load_receive_stamped(struct load *l, struct arrival *arrival);

int run_cost(const struct options *options);
int run_updates(const struct options *options);
int run_torn(const struct options *options);
int run_arrivals(const struct options *options);
int run_pace(const struct options *options);
int run_reading(const struct options *options);
int run_hold(const struct options *options);

#ifdef __cplusplus
}
#endif

#endif
