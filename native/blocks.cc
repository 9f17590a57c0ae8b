// SPDX-License-Identifier: MIT
#include "blocks.h"

#include <utility>

read_ahead::read_ahead(block_ring *blocks, std::function<size_t(__u8 *)> function)
	: ring(blocks), read(std::move(function)), thread([this] { run(); })
{
}

read_ahead::~read_ahead()
{
	{
		std::lock_guard<std::mutex> hold(lock);

		is_ending = true;
	}
	changed.notify_all();
	thread.join();
}

void read_ahead::run()
{
	std::unique_lock<std::mutex> hold(lock);

	while (!is_over) {
		/* The block that was taken last, and the one before it, are the reader's. */
		changed.wait(hold, [this] { return is_ending || filled - taken < BLOCKS - 2; });
		if (is_ending)
			return;
		size_t size = 0;
		std::exception_ptr thrown;

		hold.unlock();
		try {
			size = read(ring->at(filled + 1));
		} catch (...) {
			thrown = std::current_exception();
		}
		hold.lock();
		filled++;
		sizes[filled % BLOCKS] = size;
		fault = thrown;
		is_over = size == 0;
		changed.notify_all();
	}
}

struct block read_ahead::next()
{
	std::unique_lock<std::mutex> hold(lock);

	changed.wait(hold, [this] { return is_over || filled > taken; });
	if (filled == taken)
		return { nullptr, 0 };
	if (fault && filled == taken + 1)
		std::rethrow_exception(fault);
	taken++;
	changed.notify_all();
	return { ring->at(taken), sizes[taken % BLOCKS] };
}
