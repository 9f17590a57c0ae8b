// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_CAPTURED_H
#define RTCPROBE_NATIVE_CAPTURED_H

#include <string>

#include "core.h"

#include "bytes.h"
#include "error.h"
#include "input.h"

/* One packet of a file. Its bytes are valid until the next peek(), but for those of a reader that says otherwise. */
struct captured_packet {
	struct bytes frame;
	__u32 link_type;
	__u64 time_ns; /* since the Unix epoch */
	/* Of a file that holds UDP payloads and no frames: who exchanged this one, and how long it was. Else null. */
	const struct endpoints *ends;
	__u32 size;
};

enum : __u32 {
	CAPTURE_LONGEST = 1 << 18,  /* bytes of a packet: what libpcap, too, takes for the most */
	CAPTURE_RECORD_HEADER = 16, /* bytes that a file of frames has for each beside it, at the least */
};

/* No packet is later, whatever its file says: the year 2262, from which on nanoseconds have no more room in a number with a sign. */
constexpr __u64 CAPTURE_LATEST = 0x7fffffffffffffff;

/* ERR_PCAP_FORMAT: of the file as a whole, and at the byte that is read now. */
native_error file_error(const input &in, const std::string &what);
native_error format_error(const input &in, const std::string &what);

#endif
