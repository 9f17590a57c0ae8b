// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_AHEAD_H
#define RTCPROBE_NATIVE_AHEAD_H

#include <atomic>
#include <thread>

#include "look.h"

/*
 * Fills batches of a shared file in a thread of its own, while those before them are worked on; who has none left to work on fills
 * the next one. A core that filled a batch has read its block, too: only the little that is known of a packet crosses to another.
 */
class read_ahead
{
public:
	/* Goes without a thread if none is to be had. */
	explicit read_ahead(packet_looker *from);
	read_ahead(const read_ahead &) = delete;
	read_ahead &operator=(const read_ahead &) = delete;
	~read_ahead();

	/* The next batch, which is there until the next call. Not to be called after the last. */
	packet_batch *next();

private:
	static constexpr __u32 BATCHES = 8;  /* some are filled while one is worked on */
	static constexpr __u32 LOT = 4;      /* given back at once, so that the thread is seldom woken */
	static constexpr __u32 SPINS = 2000; /* to be woken takes longer than looking at a block does */

	void run();
	void fill_next();
	void await_turn(__u32 number);
	void release();

	packet_looker *looker;
	packet_batch batches[BATCHES];
	__u32 given = 0;                   /* to whom works on them */
	std::atomic<__u32> claimed = 0;    /* that somebody fills, or did */
	std::atomic<__u32> filled = 0;     /* one after the other: whose turn it is to look at its block */
	std::atomic<__u32> released = 0;   /* that may be filled anew */
	std::atomic<bool> is_over = false; /* the last was filled */
	std::atomic<bool> is_ending = false;
	std::thread thread;
};

#endif
