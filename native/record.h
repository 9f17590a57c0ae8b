// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_RECORD_H
#define RTCPROBE_NATIVE_RECORD_H

#include <memory>
#include <vector>

#include <napi.h>

#include "core.h"

/* Whole milliseconds and their fraction apart: a double does not hold the nanoseconds since 1970. */
inline double milliseconds(__u64 ns)
{
	return static_cast<double>(ns / 1000000) + static_cast<double>(ns % 1000000) / 1e6;
}

/*
 * Records on their way to JavaScript: names and integers, no arithmetic but nanoseconds to milliseconds. Rows are
 * collected without an environment, from any thread; they become columns of one ArrayBuffer.
 */
struct record_rows {
	static constexpr size_t PIECE = 128; /* rows that stay in the cache until they are columns */

	std::vector<std::unique_ptr<double[]>>
		pieces; /* row after row, in the order of the interface in src/native.ts */
	size_t count = 0;

	/* Room for one more row of so many cells, which is the same for all. */
	double *add(size_t width)
	{
		if (count % PIECE == 0)
			pieces.push_back(std::make_unique_for_overwrite<double[]>(PIECE * width));
		return pieces.back().get() + count++ % PIECE * width;
	}
};

/* Adds a consistent copy of a stream; nothing while it is in probation. */
void stream_row(struct record_rows *rows, __u32 id, const struct stream &s);
void pair_row(struct record_rows *rows, __u32 id, const struct pair &p);
/* Nothing while too little says that the SSRC exists. */
void report_row(struct record_rows *rows, __u32 id, const struct report &r);

/*
 * Adds what the depth probe measured of the stream and of its bundle; nothing while it is in probation, or where that is
 * another's.
 */
void depth_row(struct record_rows *rows, __u32 id, const struct stream &s, const struct stream_depth &d,
	       const struct bundle &b);

/* Everything a source knows at one moment: what becomes a Snapshot. */
struct snapshot {
	__u64 at_ns = 0;    /* on the clock of the records */
	__u64 epoch_ns = 0; /* the same moment on the wall clock */
	struct record_rows streams;
	struct record_rows depths;
	struct record_rows pairs;
	struct record_rows reports;
	__u64 tallies[DATAGRAM_OUTCOMES] = {};
};

Napi::Object snapshot_value(Napi::Env env, const struct snapshot &s);

/* An Origin. Absent is what is 0: channel, cgroup and pid. */
Napi::Object origin_value(Napi::Env env, const struct endpoints &e, __u64 cgroup_id, __u32 pid);
/* Of a pair: also who is behind the relay, where it is that. */
Napi::Object origin_value(Napi::Env env, const struct pair &p);

/* The least nanoseconds of each bucket of a histogram, and where the last one would end. */
Napi::Float64Array histogram_value(Napi::Env env);

#endif
