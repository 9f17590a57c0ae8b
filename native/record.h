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
	return static_cast<double>(static_cast<__s64>(ns / 1000000)) + static_cast<__s32>(ns % 1000000) / 1e6;
}

/* One field of a record: a number, or an array of `width` of them. */
struct column {
	const char *name;
	size_t width;
};

/*
 * Records on their way to JavaScript: names and integers, no arithmetic but nanoseconds to milliseconds. They are written
 * where they stay, a column behind the other: into the memory of a snapshot that is spent, or into memory of their own where
 * that is missing or too small.
 */
struct record_rows {
	Napi::ArrayBuffer spent; /* may be empty */
	std::unique_ptr<double[]> own;
	std::vector<double *> columns; /* where each begins, in the order of the interface in src/native.ts */
	size_t count = 0;
	size_t capacity = 0; /* rows that there is room for */

	/* Make room for more rows. */
	void grow(const std::vector<column> &fields);
};

/* Adds a consistent copy of a stream; nothing while it is in probation. */
void stream_row(struct record_rows *rows, __u32 id, const struct stream &s, const struct stream_totals &t);
/* `now` is the time of the snapshot. */
void pair_row(struct record_rows *rows, __u32 id, const struct pair &p, __u64 now);
/* Nothing while too little says that the SSRC exists. */
void report_row(struct record_rows *rows, __u32 id, const struct report &r);

/*
 * Adds what the depth probe measured of the stream and of its bundle; nothing while it is in probation, or where that is
 * another's.
 */
void depth_row(struct record_rows *rows, __u32 id, const struct stream &s, const struct stream_totals &t,
	       const struct stream_detail &detail, const struct stream_depth &d, const struct bundle &b);

/* Everything a source knows at one moment: what becomes a Snapshot. */
struct snapshot {
	snapshot() = default;
	/* Into the memory of `spent`: a Snapshot, or undefined. */
	explicit snapshot(const Napi::Value &spent);

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
