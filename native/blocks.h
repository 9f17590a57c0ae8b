// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_BLOCKS_H
#define RTCPROBE_NATIVE_BLOCKS_H

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
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

/* The blocks of a file in their order, some ahead, each read by whoever of two threads has time for it. */
class block_queue
{
public:
	/* `read` reads the block of this number, for as long as all before it were whole. */
	block_queue(block_pool *memory, std::function<size_t(__u64 number, __u8 *to)> function)
		: pool(memory), read(std::move(function))
	{
	}

	/* The next block, for one of the threads. Throws what its reading threw. */
	struct block next();
	/* Read one ahead; false if that was done. */
	bool help();

private:
	/* With two, who waits for packets often finds nothing to read. */
	static constexpr __u64 AHEAD = 4;

	struct place {
		struct block block;
		std::exception_ptr fault;
		bool is_read;
	};

	bool help(std::unique_lock<std::mutex> *hold);

	block_pool *pool;
	std::function<size_t(__u64, __u8 *)> read;
	std::mutex lock; /* of all below */
	std::condition_variable changed;
	struct place places[AHEAD] = {};
	__u64 begun = 0; /* blocks so far */
	__u64 taken = 0;
	bool is_over = false; /* nothing is behind those that were begun */
};

#endif
