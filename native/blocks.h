// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_BLOCKS_H
#define RTCPROBE_NATIVE_BLOCKS_H

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <linux/types.h>

enum : size_t {
	BLOCK_SIZE = 1 << 19, /* bytes of a read: small enough to be in the cache still when they are looked at */
	BLOCK_LEAD = 1 << 19, /* room before them, for what is left of the block before */
	BLOCKS = 4,           /* that is looked at, the one before it, of which the rest is moved, and two read ahead */
};

/* What one read brought; size 0 is the end. */
struct block {
	__u8 *bytes;
	size_t size;
};

/* Blocks in turn, each allocated when its turn first comes. */
class block_ring
{
public:
	/* Where the block of this number has its bytes, behind the lead. */
	__u8 *at(__u64 number)
	{
		std::unique_ptr<__u8[]> &memory = blocks[number % BLOCKS];

		if (!memory)
			memory = std::make_unique_for_overwrite<__u8[]>(BLOCK_LEAD + BLOCK_SIZE);
		return memory.get() + BLOCK_LEAD;
	}

private:
	std::unique_ptr<__u8[]> blocks[BLOCKS];
};

/* Reads the blocks of a file in a thread of its own, while those before them are worked on. */
class read_ahead
{
public:
	/* `read` fills a block and returns its size, 0 at the end. Throws std::system_error if no thread is to be had. */
	read_ahead(block_ring *ring, std::function<size_t(__u8 *)> read);
	read_ahead(const read_ahead &) = delete;
	read_ahead &operator=(const read_ahead &) = delete;
	~read_ahead();

	/* Waits for the next block. Throws what its reading threw. */
	struct block next();

private:
	void run();

	block_ring *ring;
	std::function<size_t(__u8 *)> read;
	std::mutex lock; /* of all below but the thread */
	std::condition_variable changed;
	size_t sizes[BLOCKS] = {};
	__u64 filled = 0; /* blocks so far */
	__u64 taken = 0;
	std::exception_ptr fault;
	bool is_over = false; /* nothing more is filled */
	bool is_ending = false;
	std::thread thread;
};

#endif
