// SPDX-License-Identifier: MIT
#include "turns.h"

#include <system_error>
#include <thread>
#include <utility>

namespace
{

/* What a loop that only looks again spends its time with. */
inline void rest()
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

} // namespace

template <class Ready> void turns::await(Ready is_ready)
{
	for (__u32 spins = 0; spins < SPINS; spins++) {
		if (is_ready())
			return;
		rest();
	}
	std::unique_lock<std::mutex> hold(lock);

	changed.wait(hold, is_ready);
}

/* Who waits for room is not woken for each block: while there is none, nobody waits for anything else but the end. */
template <class Change> void turns::change(Change body)
{
	{
		std::lock_guard<std::mutex> hold(lock);

		body();
		if (is_kept && !is_over && !is_ended && !has_room())
			return;
	}
	changed.notify_one();
}

/* True if there is room for another block, which is this thread's then. */
bool turns::take_block(__u32 *number)
{
	std::lock_guard<std::mutex> hold(lock);

	if (is_over || taken - worked >= BATCHES)
		return false;
	*number = taken++;
	return true;
}

/* False if it is behind the last. Whatever becomes of the run, who took a block looks at it. */
bool turns::look_at(__u32 number)
{
	packet_batch *batch = &batches[number % BATCHES];

	looker->load(number, batch);
	await([&] { return looked == number; });
	if (is_over)
		return false;
	looker->look(batch);
	change([&] {
		is_over = batch->is_last;
		looked = number + 1;
	});
	return true;
}

void turns::work_on(__u32 number, const work &work)
{
	after_batch after = after_batch::END;

	try {
		after = work(&batches[number % BATCHES]);
	} catch (...) {
		fault = std::current_exception();
	}
	change([&] {
		is_kept = is_kept || after == after_batch::KEEP;
		if (after == after_batch::END)
			is_ended = true;
		else
			worked = number + 1;
	});
}

void turns::go_on(const work &work, bool is_caller)
{
	auto has_batch = [&] { return is_caller && is_kept && is_turn_of(worked); };
	__u32 number;

	while (!is_ended) {
		if (has_batch()) {
			work_on(worked, work);
		} else if (!take_block(&number)) {
			await([&] { return is_ended || has_batch() || (!is_over && has_room()); });
		} else if (look_at(number) && !is_kept) {
			await([&] { return is_ended || is_kept || is_turn_of(number); });
			if (!is_ended && !is_kept)
				work_on(number, work);
		}
	}
}

/* A thread is worth its begin if there is more than what was looked at before, and a block. */
void turns::run(const work &work)
{
	std::thread other;
	__u32 number;

	is_ended = false;
	while (!is_ended && worked != looked)
		work_on(worked, work);
	if (!is_ended && take_block(&number) && look_at(number))
		work_on(number, work);
	try {
		if (!is_ended)
			other = std::thread([&] { go_on(work, false); });
	} catch (const std::system_error &) {
		/* None is to be had: this one takes all blocks. */
	}
	go_on(work, true);
	if (other.joinable())
		other.join();
	if (fault)
		std::rethrow_exception(std::exchange(fault, nullptr));
}
