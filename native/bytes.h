// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_BYTES_H
#define RTCPROBE_NATIVE_BYTES_H

#include <cstring>

#include <linux/types.h>

/* Bytes of one packet, of which a capture may have kept only the first. */
struct bytes {
	const __u8 *data;
	__u32 size;
};

/* In network byte order, and as they stand. */
inline __u16 load_u16(const __u8 *at)
{
	return static_cast<__u16>(at[0] << 8 | at[1]);
}

inline __u32 load_u32(const __u8 *at)
{
	return static_cast<__u32>(load_u16(at)) << 16 | load_u16(at + 2);
}

inline __u16 load_raw_u16(const __u8 *at)
{
	__u16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

inline __u32 load_raw_u32(const __u8 *at)
{
	__u32 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Leave out the first n bytes, which are there. */
inline void strip(struct bytes *b, __u32 n)
{
	b->data += n;
	b->size -= n;
}

#endif
