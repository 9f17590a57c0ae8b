// SPDX-License-Identifier: MIT
#include "columns.h"

#include <algorithm>
#include <iterator>
#include <string>

#include <arpa/inet.h>

namespace
{

/* The fields of a StreamRecord: field(name, value), one line each, in the order of src/native.ts. */
template <class Field> void stream_fields(Field field, __u32 id, const struct stream &s, const struct stream_totals &t)
{
	field("id", id);
	field("ssrc", s.ssrc);
	field("packets", stream_packets(&s, &t));
	field("bytes", stream_bytes(&s, &t));
	field("headerBytes", stream_header_bytes(&s, &t));
	field("baseSeq", t.base_seq);
	field("maxSeq", s.max_seq);
	field("expectedBefore", t.expected_before);
	field("duplicated", t.duplicated);
	field("reordered", t.reordered);
	field("stray", t.stray);
	field("contended", t.contended);
	field("payloadType", s.payload_type);
	field("clockRate", s.clock_rate);
	field("clockSource", s.clock_source);
	field("jitterNsQ8", s.jitter);
	field("jitterRfc3550NsQ8", s.jitter_rfc3550);
	field("lastTimestamp", s.last_ts);
	field("firstMs", milliseconds(t.first_ns));
	field("lastMs", milliseconds(s.last_ns));
}

/* The fields of a PairRecord. */
template <class Field> void pair_fields(Field field, __u32 id, const struct pair &p, __u64 now)
{
	field("id", id);
	field("traits", p.traits);
	field("channel", p.channel);
	field("firstRequests", p.sides[0].requests);
	field("firstRetransmissions", p.sides[0].retransmissions);
	field("firstResponses", p.sides[0].responses);
	field("firstErrors", p.sides[0].errors);
	field("firstUnanswered", pair_unanswered(&p.sides[0], now));
	field("firstConsentRequests", p.sides[0].consent_requests);
	field("firstRole", p.sides[0].role);
	field("firstRoundTrips", p.sides[0].round_trips);
	field("firstRoundTripTotalNs", p.sides[0].round_trip_total_ns);
	field("firstRoundTripLastNs", p.sides[0].round_trip_last_ns);
	field("firstRoundTripMinNs", p.sides[0].round_trip_min_ns);
	field("firstRoundTripMaxNs", p.sides[0].round_trip_max_ns);
	field("firstRoundTripHistogram", p.sides[0].histogram);
	field("firstRequestMs", milliseconds(p.sides[0].request_ns));
	field("firstResponseMs", milliseconds(p.sides[0].response_ns));
	field("firstProtectedMs", milliseconds(p.sides[0].protected_ns));
	field("secondRequests", p.sides[1].requests);
	field("secondRetransmissions", p.sides[1].retransmissions);
	field("secondResponses", p.sides[1].responses);
	field("secondErrors", p.sides[1].errors);
	field("secondUnanswered", pair_unanswered(&p.sides[1], now));
	field("secondConsentRequests", p.sides[1].consent_requests);
	field("secondRole", p.sides[1].role);
	field("secondRoundTrips", p.sides[1].round_trips);
	field("secondRoundTripTotalNs", p.sides[1].round_trip_total_ns);
	field("secondRoundTripLastNs", p.sides[1].round_trip_last_ns);
	field("secondRoundTripMinNs", p.sides[1].round_trip_min_ns);
	field("secondRoundTripMaxNs", p.sides[1].round_trip_max_ns);
	field("secondRoundTripHistogram", p.sides[1].histogram);
	field("secondRequestMs", milliseconds(p.sides[1].request_ns));
	field("secondResponseMs", milliseconds(p.sides[1].response_ns));
	field("secondProtectedMs", milliseconds(p.sides[1].protected_ns));
	field("helloMs", milliseconds(p.hello_ns));
	field("contended", p.contended);
	field("firstMs", milliseconds(p.first_ns));
	field("lastMs", milliseconds(p.last_ns));
}

/* Names of enum outcome, in its order. */
constexpr const char *outcome_names[] = {
	"seen",    "rtp",   "rtcp",      "srtcp",    "stun",     "unconfirmed", "dtls",      "turn",
	"unknown", "empty", "truncated", "fragment", "segments", "probeOff",    "tableFull", "contended",
};
static_assert(std::size(outcome_names) == DATAGRAM_OUTCOMES, "every outcome has a name");

constexpr const char *direction_names[] = { "in", "out", "unknown" };
static_assert(DIRECTION_IN == 0 && DIRECTION_OUT == 1 && DIRECTION_UNKNOWN == 2, "names are in the order of the enum");

std::string address_text(const void *address, bool is_ipv6)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
	return text;
}

/*
 * Room for so many rows: columns begin at an odd multiple of a cache line from each other, or all of a row's cells would
 * contend for the same places of the cache.
 */
size_t room_for(size_t rows)
{
	return ((rows + 7) / 8 | 1) * 8;
}

size_t cells_of(const std::vector<column> &fields)
{
	size_t cells = 0;

	for (const column &field : fields)
		cells += field.width;
	return cells;
}

std::vector<double *> columns_at(double *memory, const std::vector<column> &fields, size_t capacity)
{
	std::vector<double *> columns;

	for (const column &field : fields) {
		columns.push_back(memory);
		memory += capacity * field.width;
	}
	return columns;
}

void copy_columns(const std::vector<double *> &to, const struct record_rows &from, const std::vector<column> &fields)
{
	for (size_t i = 0; i < from.columns.size(); i++)
		std::copy_n(from.columns[i], from.count * fields[i].width, to[i]);
}

/* What of a Snapshot's table is to be written again; empty if nothing is. */
Napi::ArrayBuffer memory_of(const Napi::Value &snapshot, const char *table)
{
	Napi::Value columns = snapshot.IsObject() ? snapshot.As<Napi::Object>().Get(table) : Napi::Value();
	Napi::Value id = columns.IsObject() ? columns.As<Napi::Object>().Get("id") : Napi::Value();

	return id.IsTypedArray() ? id.As<Napi::TypedArray>().ArrayBuffer() : Napi::ArrayBuffer();
}

} // namespace

void stream_row(struct record_rows *rows, __u32 id, const struct stream &s, const struct stream_totals &t)
{
	if (s.evidence < STREAM_EVIDENCE)
		return;
	add_row(rows, [&](auto field) { stream_fields(field, id, s, t); });
}

void pair_row(struct record_rows *rows, __u32 id, const struct pair &p, __u64 now)
{
	add_row(rows, [&](auto field) { pair_fields(field, id, p, now); });
}

void record_rows::grow(const std::vector<column> &fields)
{
	constexpr size_t least = 64;
	size_t cells = cells_of(fields);

	if (capacity == 0 && !spent.IsEmpty() && spent.ByteLength() >= cells * sizeof(double)) {
		capacity = spent.ByteLength() / sizeof(double) / cells;
		columns = columns_at(static_cast<double *>(spent.Data()), fields, capacity);
		return;
	}
	size_t larger = room_for(std::max(least, count * 2));
	auto memory = std::make_unique_for_overwrite<double[]>(larger * cells);
	std::vector<double *> moved = columns_at(memory.get(), fields, larger);

	copy_columns(moved, *this, fields);
	own = std::move(memory);
	columns = std::move(moved);
	capacity = larger;
}

Napi::Object columns_value(Napi::Env env, const std::vector<column> &fields, const struct record_rows &rows)
{
	constexpr size_t waste = 4; /* rows of room per row that are not worth a copy */
	Napi::Object value = Napi::Object::New(env);
	Napi::ArrayBuffer buffer = rows.spent;
	size_t capacity = rows.capacity;

	if (rows.own || buffer.IsEmpty() || capacity == 0 || capacity > room_for(waste * rows.count)) {
		capacity = room_for(rows.count + rows.count / waste);
		buffer = Napi::ArrayBuffer::New(env, capacity * cells_of(fields) * sizeof(double));
		copy_columns(columns_at(static_cast<double *>(buffer.Data()), fields, capacity), rows, fields);
	}
	size_t begin = 0;

	for (const column &field : fields) {
		value.Set(field.name, Napi::Float64Array::New(env, rows.count * field.width, buffer, begin));
		begin += capacity * field.width * sizeof(double);
	}
	return value;
}

snapshot::snapshot(const Napi::Value &spent)
{
	streams.spent = memory_of(spent, "streams");
	depths.spent = memory_of(spent, "depths");
	pairs.spent = memory_of(spent, "pairs");
	reports.spent = memory_of(spent, "reports");
}

Napi::Object snapshot_value(Napi::Env env, const struct snapshot &s)
{
	Napi::Object value = Napi::Object::New(env);
	Napi::Object datagrams = Napi::Object::New(env);

	for (size_t i = 0; i < DATAGRAM_OUTCOMES; i++)
		datagrams.Set(outcome_names[i], static_cast<double>(s.tallies[i]));
	value.Set("atMs", milliseconds(s.at_ns));
	value.Set("epochMs", milliseconds(s.epoch_ns));
	value.Set("streams",
		  columns_value(env, columns_of([](auto field) { stream_fields(field, 0, {}, {}); }), s.streams));
	value.Set("pairs", columns_value(env, columns_of([](auto field) { pair_fields(field, 0, {}, 0); }), s.pairs));
	value.Set("reports", reports_value(env, s.reports));
	value.Set("depths", depths_value(env, s.depths));
	value.Set("datagrams", datagrams);
	return value;
}

Napi::Object origin_value(Napi::Env env, const struct endpoints &e, __u64 cgroup_id, __u32 pid)
{
	Napi::Object value = Napi::Object::New(env);

	value.Set("srcAddress", address_text(e.src, e.is_ipv6));
	value.Set("srcPort", static_cast<double>(ntohs(e.src_port)));
	value.Set("dstAddress", address_text(e.dst, e.is_ipv6));
	value.Set("dstPort", static_cast<double>(ntohs(e.dst_port)));
	value.Set("direction", direction_names[e.direction]);
	if (e.channel)
		value.Set(e.channel & ENDPOINTS_RELAYED ? "peerName" : "channel", static_cast<double>(e.channel));
	if (cgroup_id)
		value.Set("cgroupId", std::to_string(cgroup_id));
	if (pid)
		value.Set("pid", static_cast<double>(pid));
	return value;
}

Napi::Object origin_value(Napi::Env env, const struct pair &p)
{
	Napi::Object value = origin_value(env, p.endpoints, p.cgroup_id, p.pid);

	if (!(p.endpoints.channel & ENDPOINTS_RELAYED))
		return value;
	value.Set("peerAddress", address_text(p.peer.words, p.peer.is_ipv6));
	value.Set("peerPort", static_cast<double>(ntohs(p.peer.port)));
	return value;
}

Napi::Float64Array histogram_value(Napi::Env env)
{
	Napi::Float64Array value = Napi::Float64Array::New(env, HISTOGRAM_BUCKETS + 1);

	for (__u32 bucket = 0; bucket <= HISTOGRAM_BUCKETS; bucket++)
		value[bucket] = static_cast<double>(histogram_least(bucket));
	return value;
}
