// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_TURNS_H
#define RTCPROBE_NATIVE_TURNS_H

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>

#include "look.h"

/* What is to be done after a batch. */
enum class after_batch {
	END,
	PASS, /* the next, by whoever has it in its cache */
	KEEP, /* that and all others by the thread that called run(): what is worked with is more than a batch */
};

/*
 * Two threads on their way through a shared file. A block is read, looked at and worked on by one of them, so that none of its
 * packets crosses to another core, which may be far away; or, to KEEP what is worked with in one place, worked on by one of them
 * alone. Blocks are read side by side; they are looked at in their order, and worked on in their order.
 */
class turns
{
public:
	using work = std::function<after_batch(packet_batch *batch)>;

	explicit turns(packet_looker *from) : looker(from) {}

	/*
	 * Calls work() with one batch after the other, in this thread or in another, until that says END: the batch of which it does is
	 * the first of the next run. Throws what work() throws. Not to be called after the last batch.
	 */
	void run(const work &work);

private:
	static constexpr __u32 BATCHES = 8;
	static constexpr __u32 SPINS = 2000; /* it takes as long to fall asleep and be woken */

	void go_on(const work &work, bool is_caller);
	bool take_block(__u32 *number);
	bool look_at(__u32 number);
	void work_on(__u32 number, const work &work);
	bool has_room() const { return taken - worked <= BATCHES / 2; }
	bool is_turn_of(__u32 number) const { return worked == number && looked > number; }
	template <class Ready> void await(Ready is_ready);
	template <class Change> void change(Change body);

	packet_looker *looker;
	packet_batch batches[BATCHES];      /* block i at i mod 8 */
	std::atomic<__u32> taken = 0;       /* blocks that a thread took */
	std::atomic<__u32> looked = 0;      /* of them, in order: whose turn it is to be looked at */
	std::atomic<__u32> worked = 0;      /* of them, in order: whose turn it is to be worked on */
	std::atomic<bool> is_kept = false;  /* a batch said KEEP */
	std::atomic<bool> is_over = false;  /* the last batch was looked at */
	std::atomic<bool> is_ended = false; /* the run */
	std::exception_ptr fault;           /* of work() */
	std::mutex lock;
	std::condition_variable changed;
};

#endif
