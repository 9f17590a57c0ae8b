/* SPDX-License-Identifier: MIT */
#define TABLE_SHARED 1

#include "harness.h"

#include "../../core/waiting.h"

enum { TAG = 1, ANOTHER = 3 };

static struct waiting_room room;
static struct stream stream = { .tag = TAG };
static struct stream_totals totals;
static struct stream_detail detail;

static struct stream_packet packet(__u16 sequence, __u64 now)
{
	return (struct stream_packet){
		.header = { .ssrc = 1, .sequence = sequence, .timestamp = 960u * sequence, .size = 12 },
		.now = now,
		.size = 172,
	};
}

/* Somebody comes while the record is held, as he does in the kernel. */
static int come(__u64 tag, __u16 sequence, __u64 now)
{
	struct stream_packet p = packet(sequence, now);

	if (record_lock(&stream.version))
		errx(1, "nobody holds the record");
	return waiting_add(&room, tag, &p);
}

static int release(void)
{
	return record_unlock(&stream.version) ? waiting_catch_up(&room, TAG, &stream, &totals, &detail, 0) : 0;
}

static void hold(void)
{
	if (!record_lock(&stream.version))
		errx(1, "somebody holds the record");
}

void print_waiting(void)
{
	struct stream_packet first = packet(1, 0);
	__u32 places = 0;
	int counted, refused, later;

	stream_begin(&stream, &totals, &detail, &first);
	for (__u16 sequence = 1; sequence < 5; sequence++) {
		first = packet(sequence, 0);
		(void)stream_receive(&stream, &totals, &detail, &first);
	}
	hold();
	(void)come(TAG, 5, 0);
	record_wait(&stream.version);
	(void)come(TAG, 6, 0);
	record_wait(&stream.version);
	counted = release();
	printf("{\"counted\":%d,\"packets\":%llu,", counted, stream_packets(&stream, &totals));
	printf("\"state\":%u,", stream.version & (RECORD_LOCKED | RECORD_WAITING));
	hold();
	while (come(ANOTHER, 7, 0))
		places++;
	refused = come(ANOTHER, 7, 999999999);
	later = come(ANOTHER, 7, 1000000001);
	(void)release();
	printf("\"places\":%u,\"refused\":%d,\"later\":%d}\n", places, !refused, later);
}
