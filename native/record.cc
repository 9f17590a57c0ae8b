// SPDX-License-Identifier: MIT
#include "columns.h"

#include <algorithm>
#include <iterator>
#include <string>

#include <arpa/inet.h>

namespace
{

/* The fields of a StreamRecord: field(name, value), one line each, in the order of src/native.ts. */
template <class Field> void stream_fields(Field field, __u32 id, const struct stream &s)
{
	field("id", id);
	field("ssrc", s.ssrc);
	field("packets", s.packets);
	field("bytes", s.bytes);
	field("headerBytes", s.header_bytes);
	field("baseSeq", s.sequence.base_seq);
	field("maxSeq", s.sequence.max_seq);
	field("expectedBefore", s.expected_before);
	field("duplicated", s.duplicated);
	field("reordered", s.reordered);
	field("stray", s.stray);
	field("contended", s.contended);
	field("payloadType", s.payload_type);
	field("clockRate", s.clock_rate);
	field("clockSource", s.clock_source);
	field("jitterNsQ8", s.jitter);
	field("jitterRfc3550NsQ8", s.jitter_rfc3550);
	field("lastTimestamp", s.last_ts);
	field("firstMs", milliseconds(s.first_ns));
	field("lastMs", milliseconds(s.last_ns));
}

/* The fields of a PairRecord. */
template <class Field> void pair_fields(Field field, __u32 id, const struct pair &p)
{
	field("id", id);
	field("traits", p.traits);
	field("channel", p.channel);
	field("firstRequests", p.sides[0].requests);
	field("firstRetransmissions", p.sides[0].retransmissions);
	field("firstResponses", p.sides[0].responses);
	field("firstErrors", p.sides[0].errors);
	field("firstUnanswered", p.sides[0].unanswered);
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
	field("secondUnanswered", p.sides[1].unanswered);
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

/* Piece by piece, for a pass over all rows per column would fetch every row from memory that often. */
void fill_columns(double *cells, const std::vector<column> &columns, size_t per_row, const struct record_rows &rows)
{
	for (size_t first = 0; first < rows.count; first += record_rows::PIECE) {
		const double *row = rows.pieces[first / record_rows::PIECE].get();
		size_t count = std::min(record_rows::PIECE, rows.count - first);
		size_t begin = 0; /* of the column in a row */

		for (const column &c : columns) {
			double *cell = cells + begin * rows.count + first * c.width;

			for (size_t i = 0; i < count; i++)
				for (size_t element = 0; element < c.width; element++)
					*cell++ = row[i * per_row + begin + element];
			begin += c.width;
		}
	}
}

} // namespace

void stream_row(struct record_rows *rows, __u32 id, const struct stream &s)
{
	if (s.evidence < STREAM_EVIDENCE)
		return;
	add_row(rows, [&](auto field) { stream_fields(field, id, s); });
}

void pair_row(struct record_rows *rows, __u32 id, const struct pair &p)
{
	add_row(rows, [&](auto field) { pair_fields(field, id, p); });
}

Napi::Object columns_value(Napi::Env env, const std::vector<column> &columns, const struct record_rows &rows)
{
	Napi::Object value = Napi::Object::New(env);
	size_t per_row = 0;

	for (const column &c : columns)
		per_row += c.width;
	Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, rows.count * per_row * sizeof(double));
	size_t begin = 0;

	fill_columns(static_cast<double *>(buffer.Data()), columns, per_row, rows);
	for (const column &c : columns) {
		value.Set(c.name, Napi::Float64Array::New(env, rows.count * c.width, buffer,
							  begin * rows.count * sizeof(double)));
		begin += c.width;
	}
	return value;
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
		  columns_value(env, columns_of([](auto field) { stream_fields(field, 0, {}); }), s.streams));
	value.Set("pairs", columns_value(env, columns_of([](auto field) { pair_fields(field, 0, {}); }), s.pairs));
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
