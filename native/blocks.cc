// SPDX-License-Identifier: MIT
#include "blocks.h"

#include <new>

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
