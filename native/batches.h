// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_BATCHES_H
#define RTCPROBE_NATIVE_BATCHES_H

#include <exception>
#include <memory>

#include "captured.h"

enum : __u32 {
	PLAIN_FARTHEST = 0xfff, /* place of a payload in its frame: others are behind hundreds of tags */
	PLAIN_WORDS = 4,        /* of a payload that tell whether it is RTP, and how long its headers are */
	BATCH_PACKETS = size_t{ BLOCK_SIZE } / CAPTURE_RECORD_HEADER + 1, /* as many as end in one block */
};

/* One packet of a file that was looked at: with the first of its payload at hand, if it is plain. */
struct looked_packet {
	__u64 tag; /* that its stream has if it is RTP; 0 = it is not plain, so that words and size say nothing */
	__u64 time_ns;
	__u32 words[PLAIN_WORDS];
	const __u8 *frame;     /* valid as long as its batch */
	__u32 captured : 20;   /* bytes of the frame */
	__u32 payload_at : 12; /* where in it the payload begins */
	__u16 link_type;
	__u16 size; /* of the payload */
};

static_assert(sizeof(looked_packet) == 48, "those of a block, and the block, fit the cache of a core");
static_assert(CAPTURE_LONGEST < 1 << 20, "captured holds any");

/* Packets of a file, one after the other. */
struct alignas(64) packet_batch {
	/* Pages of it are had when they are needed first: few files are of empty packets. */
	std::unique_ptr<looked_packet[]> packets = std::make_unique_for_overwrite<looked_packet[]>(BATCH_PACKETS);
	__u32 count = 0;
	struct captured_packet last; /* valid if it has ends: nothing else tells of the last packet */
	block_share bytes;           /* that all frames lie in */
	size_t size = 0;             /* of a shared file: of the block that was read there */
	std::exception_ptr fault;    /* behind the packets */
	bool is_last = false;
	bool is_truncated = false; /* the last packet, in a file that ends in it */
};

#endif
