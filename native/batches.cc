// SPDX-License-Identifier: MIT
#include "batches.h"

#include <utility>

read_ahead::read_ahead(std::function<void(packet_batch *)> function)
	: fill(std::move(function)), thread([this] { run(); })
{
}

read_ahead::~read_ahead()
{
	is_ending = true;
	released += BATCHES; /* whatever it waits for is there */
	released.notify_one();
	thread.join();
}

void read_ahead::run()
{
	for (__u32 number = 0;; number++) {
		packet_batch *batch = &batches[number % BATCHES];
		__u32 free = released;

		for (; number - free >= BATCHES; free = released)
			released.wait(free);
		if (is_ending)
			return;
		fill(batch);
		bool is_last = batch->is_last; /* it may be gone once it is handed over */

		filled = number + 1;
		filled.notify_one();
		if (is_last)
			return;
	}
}

/* All batches but those that were not given yet. */
void read_ahead::release()
{
	if (given % LOT)
		return;
	released = given;
	released.notify_one();
}
