// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_DUMP_H
#define RTCPROBE_NATIVE_DUMP_H

#include <string_view>
#include <vector>

#include "captured.h"

/* Files of other tools that hold the RTP and RTCP of a call without the packets they came in. */

/* A file of rtptools' rtpdump, in its binary form: rtpdump.h there. */
class rtpdump_reader
{
public:
	/* True if the file begins as one. */
	static bool recognizes(input *file);
	/* Reads the file's header. */
	explicit rtpdump_reader(input *file);

	bool peek(struct captured_packet *packet);
	void next() { in->skip(size); }
	bool is_truncated() const { return truncated; }

private:
	bool at_end();

	input *in;
	struct endpoints ends = {};
	__u64 start_ns;
	__u32 size = 0;
	bool truncated = false;
};

/* A line that holds a packet: "… I 12:34:56.789012 000000 80 60 …". */
struct packet_line {
	char direction; /* I or O */
	std::string_view time;
	std::string_view remainder; /* behind the offset */
};

/*
 * A log with a line of hexadecimal bytes per packet, as text2pcap takes it, and Firefox (RtpLogger) and Chromium
 * (WebRTC-Debugging-RtpDump) write it before encryption and after decryption:
 *
 *	… I 12:34:56.789012 000000 80 60 … # RTP_PACKET
 *
 * All other lines are left out. Only the time of day is told, so the packets are of the first of January 1970.
 */
class text_log_reader
{
public:
	/* True if there is such a line near its begin. */
	static bool recognizes(input *file);
	explicit text_log_reader(input *file);

	/* The bytes of a packet stay for three more. */
	bool peek(struct captured_packet *packet);
	void next();
	bool is_truncated() const { return false; }

private:
	static constexpr __u32 TURNS = 4;

	bool read_line(struct bytes *line);
	void read_packet(const struct packet_line &line, struct captured_packet *packet);
	__u64 time_of(std::string_view stamp);

	input *in;
	struct endpoints inbound = {}, outbound = {};
	std::vector<__u8> packets[TURNS]; /* in turn */
	__u32 turn = 0;
	__u32 size = 0;    /* of the line */
	__u64 day_ns = 0;  /* midnight before it */
	__u64 time_ns = 0; /* of the packet at hand, and of the one before */
	__u64 last_ns = 0;
	bool is_in_microseconds = false;
};

#endif
