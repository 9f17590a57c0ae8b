// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_BLOCKS_H
#define RTCPROBE_NATIVE_BLOCKS_H

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include <linux/types.h>

enum : size_t {
	BLOCK_SIZE = 1 << 18, /* bytes of a read: they are in a cache still when they are looked at */
	BLOCK_LEAD = 1 << 19, /* room before them, for what is left of the block before */
};

/* Memory for a block. What was shown of it stays as it is while somebody has a share. */
using block_share = std::shared_ptr<__u8[]>;

/* What one read brought; size 0 is the end. */
struct block {
	block_share memory;
	size_t size;

	__u8 *bytes() const { return memory.get() + BLOCK_LEAD; }
};

/* Memory is used again when all shares of it were given back. From any thread. */
class block_pool
{
public:
	block_share take();
	void give_back(block_share *share);

private:
	std::mutex lock;
	std::vector<block_share> blocks;
};

#endif
