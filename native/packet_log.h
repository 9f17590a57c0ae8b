// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_PACKET_LOG_H
#define RTCPROBE_NATIVE_PACKET_LOG_H

#include <utility>
#include <vector>

#include "core.h"

#include "../core/trace.h"

/*
 * Every RTP packet as it was accounted for, until somebody takes them away. Those of a stream in probation are held back:
 * they appear once it is confirmed, and never if it is none. Memory grows with the streams and a batch.
 */
class packet_log
{
public:
	struct entry {
		__u32 stream; /* id */
		struct traced_packet packet;
	};

	void add(__u32 stream, const struct stream &s, const struct stream_totals &totals, const struct rtp_header &h)
	{
		if (stream >= streams.size())
			streams.resize(stream + 1);
		struct state &state = streams[stream];
		struct entry added = { stream, trace_packet(&state.trace, &s, &totals, &h) };

		if (added.packet.is_first)
			state.held.clear();
		if (s.evidence < STREAM_EVIDENCE) {
			if (state.held.size() < HELD)
				state.held.push_back(added);
			return;
		}
		batch.insert(batch.end(), state.held.begin(), state.held.end());
		state.held = {};
		batch.push_back(added);
	}

	bool is_full() const { return batch.size() >= BATCH; }
	std::vector<entry> take() { return std::exchange(batch, {}); }

private:
	struct state {
		struct trace trace = {};
		std::vector<entry> held;
	};

	static constexpr size_t BATCH =
		1 << 11; /* more would outlive the young generation of the lines that are made of them */
	static constexpr size_t HELD = 1 << 10; /* endless repetitions of one packet never confirm a stream */

	std::vector<state> streams; /* by id */
	std::vector<entry> batch;
};

#endif
