// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_BATCHES_H
#define RTCPROBE_NATIVE_BATCHES_H

#include <atomic>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "captured.h"

enum : __u32 {
	PLAIN_WORDS = 4,      /* of a payload that tell whether it is RTP, and how long its headers are */
	BATCH_PACKETS = 2048, /* at the most */
	BATCHES = 8,          /* of a thread: some are filled while one is worked on */
};

/* One packet of a file that was looked at: with the first of its payload at hand, if it is plain. */
struct looked_packet {
	__u64 tag; /* that its stream has if it is RTP; 0 = it is not plain, so that words and size say nothing */
	__u64 time_ns;
	__u32 words[PLAIN_WORDS];
	const __u8 *frame; /* valid as long as its batch */
	__u32 captured;    /* bytes of the frame */
	__u16 link_type;
	__u16 size; /* of the payload */
};

static_assert(sizeof(looked_packet) == 48, "they cross from one core to another");

/* Packets of a file, one after the other. */
struct packet_batch {
	std::vector<looked_packet> packets = std::vector<looked_packet>(BATCH_PACKETS);
	__u32 count = 0;
	struct captured_packet last; /* valid if it has ends: nothing else tells of the last packet */
	block_share bytes;           /* that all frames lie in */
	std::exception_ptr fault;    /* behind the packets */
	bool is_last = false;
	bool is_truncated = false; /* valid if it is the last */
};

/* Fills batches in a thread of its own, while those before them are worked on. */
class read_ahead
{
public:
	/* Throws std::system_error if no thread is to be had. */
	explicit read_ahead(std::function<void(packet_batch *)> fill);
	read_ahead(const read_ahead &) = delete;
	read_ahead &operator=(const read_ahead &) = delete;
	~read_ahead();

	/*
	 * Waits for the next batch, which is there until the next call. Not to be called after the last. Meanwhile it calls
	 * help(), until that says false.
	 */
	template <class Help> packet_batch *next(Help help)
	{
		release();
		for (__u32 there = filled; there == given; there = filled)
			if (!help())
				filled.wait(there);
		return &batches[given++ % BATCHES];
	}

private:
	static constexpr __u32 LOT = BATCHES / 2; /* given back at once, so that the thread is seldom woken */

	void run();
	void release();

	std::function<void(packet_batch *)> fill;
	packet_batch batches[BATCHES];
	__u32 given = 0;                 /* to whom works on them */
	std::atomic<__u32> filled = 0;   /* by the thread */
	std::atomic<__u32> released = 0; /* that may be filled anew */
	std::atomic<bool> is_ending = false;
	std::thread thread;
};

#endif
