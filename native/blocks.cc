// SPDX-License-Identifier: MIT
#include "blocks.h"

#include <new>
#include <utility>

namespace
{

/*
 * The page cache is copied with `rep movsb`, which is three times as slow on AMD's Zen 3 where the two addresses differ by a few
 * bytes within their pages, as those of malloc() do.
 */
constexpr std::align_val_t PAGE{ 4096 };

block_share allocate_block()
{
	return { static_cast<__u8 *>(operator new[](BLOCK_LEAD + BLOCK_SIZE, PAGE)),
		 [](__u8 *bytes) { operator delete[](bytes, PAGE); } };
}

} // namespace

block_share block_pool::take()
{
	std::lock_guard<std::mutex> hold(lock);

	for (const block_share &block : blocks)
		if (block.use_count() == 1)
			return block;
	blocks.push_back(allocate_block());
	return blocks.back();
}

void block_pool::give_back(block_share *share)
{
	std::lock_guard<std::mutex> hold(lock);

	share->reset();
}

bool block_queue::help(std::unique_lock<std::mutex> *hold)
{
	if (is_over || begun - taken >= AHEAD)
		return false;
	__u64 number = begun++;
	struct place *place = &places[number % AHEAD];

	*place = {};
	hold->unlock();
	try {
		place->block.memory = pool->take();
		place->block.size = read(number, place->block.bytes());
	} catch (...) {
		place->fault = std::current_exception();
	}
	hold->lock();
	place->is_read = true;
	is_over = is_over || place->block.size < BLOCK_SIZE;
	changed.notify_one();
	return true;
}

bool block_queue::help()
{
	std::unique_lock<std::mutex> hold(lock);

	return help(&hold);
}

struct block block_queue::next()
{
	std::unique_lock<std::mutex> hold(lock);

	for (;;) {
		struct place *place = &places[taken % AHEAD];

		if (begun > taken && place->is_read) {
			if (place->fault)
				std::rethrow_exception(place->fault);
			taken++;
			if (place->block.size < BLOCK_SIZE)
				begun = taken; /* a file that grows may have had more when the next one was read */
			return std::exchange(place->block, {});
		}
		if (begun == taken && is_over)
			return {};
		if (!help(&hold))
			changed.wait(hold, [&] { return place->is_read; });
	}
}
