// SPDX-License-Identifier: MIT
#include "ahead.h"

#include <system_error>

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

read_ahead::read_ahead(packet_looker *from) : looker(from)
{
	try {
		thread = std::thread([this] { run(); });
	} catch (const std::system_error &) {
		/* All batches are filled when they are needed. */
	}
}

read_ahead::~read_ahead()
{
	if (!thread.joinable())
		return;
	is_ending = true;
	released += BATCHES; /* whatever it waits for is there */
	released.notify_one();
	thread.join();
}

void read_ahead::run()
{
	while (!is_ending && !is_over) {
		__u32 free = released;

		if (claimed - free < BATCHES)
			fill_next();
		else
			released.wait(free);
	}
}

/* Blocks are read side by side, and looked at in their order. */
void read_ahead::fill_next()
{
	__u32 number = claimed++;
	packet_batch *batch = &batches[number % BATCHES];

	looker->load(number, batch);
	await_turn(number);
	if (is_over)
		return;
	looker->look(batch);
	is_over = batch->is_last;
	filled = number + 1;
	filled.notify_all();
}

void read_ahead::await_turn(__u32 number)
{
	__u32 turn = filled;

	for (__u32 spins = 0; turn != number; turn = filled) {
		if (spins++ < SPINS)
			rest();
		else
			filled.wait(turn);
	}
}

/* While nothing is filled the thread is filling one at the most, so that another is free. */
packet_batch *read_ahead::next()
{
	release();
	while (filled == given)
		fill_next();
	return &batches[given++ % BATCHES];
}

/* All batches but those that were not given yet. */
void read_ahead::release()
{
	if (given % LOT)
		return;
	released = given;
	released.notify_one();
}
