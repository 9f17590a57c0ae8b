// SPDX-License-Identifier: MIT
/* Records whose every field holds a different number, through native/record.cc: for test/boundary.test.ts. */
#include "error.h"
#include "record.h"

#include <cerrno>
#include <string>

namespace
{

constexpr __u64 WIDE = 1ULL << 40; /* more than 32 bits hold */
constexpr __u32 NARROW = 1U << 31; /* more than 31 bits hold */

struct stream make_stream()
{
	struct stream s = {};

	s.tag = WIDE + 1;
	s.version = NARROW + 2;
	s.ssrc = NARROW + 3;
	s.fresh_bytes = NARROW;
	s.fresh_header_bytes = NARROW;
	s.last_ns = 7123456;
	s.jitter_rfc3550 = WIDE + 8;
	s.jitter = WIDE + 9;
	s.last_ts = NARROW + 12;
	s.clock_rate = NARROW + 14;
	s.payload_type = 220;
	s.clock_source = 221;
	s.evidence = STREAM_EVIDENCE;
	s.max_seq = NARROW + 27;
	return s;
}

/* Of the figures that make_stream() adds to, what is missing. */
struct stream_totals make_totals()
{
	struct stream_totals t = {};

	t.packets = WIDE + 4 - 2;
	t.bytes = WIDE + 5 - NARROW;
	t.header_bytes = WIDE + 6 - NARROW;
	t.first_ns = 11123456;
	t.duplicated = NARROW + 15;
	t.reordered = NARROW + 16;
	t.stray = NARROW + 17;
	t.expected_before = NARROW + 18;
	t.contended = NARROW + 19;
	t.base_seq = NARROW + 26;
	t.max_seq = NARROW + 27 - 2;
	return t;
}

struct stream_detail make_detail()
{
	struct stream_detail d = {};

	d.sequence.base_seq = NARROW + 26;
	d.sequence.max_seq = NARROW + 27 - 2;
	return d;
}

/* Arrays hold the number of their field, and one more in each place. */
template <class Number> void fill_array(Number *values, size_t count, __u64 from)
{
	for (size_t i = 0; i < count; i++)
		values[i] = static_cast<Number>(from + i);
}

struct stream_depth make_depth()
{
	struct stream_depth d = {};

	d.tag = WIDE + 1;
	d.packets_before = 3;
	d.extended = WIDE + 101;
	d.encrypted = WIDE + 102;
	d.gap_max_ns = WIDE + 103;
	fill_array(d.gaps, GAPS, NARROW + 110);
	fill_array(d.gap_ns, GAPS, WIDE + 120);
	fill_array(d.variation, VARIATION_BUCKETS, NARROW + 200);
	d.drift.windows = NARROW + 130;
	fill_array(d.windows.at_ms, DRIFT_WINDOWS, NARROW + 300);
	for (int i = 0; i < DRIFT_WINDOWS; i++)
		d.windows.least[i] = -400 - i;
	fill_array(d.loss.runs, LOSS_RUNS, NARROW + 170);
	d.loss.numbers = NARROW + 180;
	d.loss.bursts = NARROW + 181;
	d.loss.burst_numbers = NARROW + 182;
	d.loss.burst_lost = NARROW + 183;
	d.loss.gap_lost = NARROW + 184;
	d.loss.next = NARROW + 28; /* all is told up to the highest number of make_stream() */
	d.frames.frames = NARROW + 131;
	d.begin_ns = 11123456;
	d.frame_ns = 11123456 + 1000 * (WIDE + 132);
	d.frames.interval_squares = WIDE + 133;
	d.frames.packets_max = NARROW + 134;
	d.frames.bytes_max = NARROW + 135;
	d.frames.freezes = NARROW + 136;
	d.frames.freeze_us = WIDE + 137;
	d.frames.pauses = NARROW + 138;
	d.frames.pause_us = WIDE + 139;
	d.send_time_id = 140;
	d.transit_variation = WIDE + 141;
	d.level_id = 142;
	d.level = 143;
	d.levels = NARROW + 144;
	d.voices = NARROW + 145;
	d.energy = WIDE + 146;
	d.level_ticks = WIDE + 147;
	d.frame_id = 148;
	d.key_frames = NARROW + 149;
	d.text_ids = 65000;
	fill_array(d.text, ELEMENT_TEXT_SIZE, 150);
	return d;
}

struct bundle make_bundle()
{
	struct bundle b = {};

	b.evidence = BUNDLE_EVIDENCE;
	b.id = 160;
	b.packets = NARROW + 161;
	b.sequence.base_seq = NARROW + 162;
	b.sequence.max_seq = NARROW + 163;
	b.expected_before = NARROW + 164;
	b.duplicated = NARROW + 165;
	b.stray = NARROW + 166;
	b.contended = NARROW + 167;
	return b;
}

void fill_side(struct pair_side *side, __u32 from)
{
	side->round_trip_total_ns = WIDE + from;
	side->round_trip_last_ns = WIDE + from + 1;
	side->round_trip_min_ns = WIDE + from + 2;
	side->round_trip_max_ns = WIDE + from + 3;
	side->requests = NARROW + from + 4;
	side->retransmissions = NARROW + from + 5;
	side->responses = NARROW + from + 6;
	side->round_trips = NARROW + from + 7;
	side->unmatched = NARROW + from + 8;
	side->next = NARROW + from + 9;
	side->errors = NARROW + from + 10;
	side->forgotten = NARROW + from + 11;
	side->consent_requests = NARROW + from + 12;
	side->role = NARROW + from + 13;
	side->request_ns = from * 1000000ULL + 14;
	side->response_ns = from * 1000000ULL + 15;
	side->protected_ns = from * 1000000ULL + 16;
	for (__u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		side->histogram[i] = NARROW + 1000 * from + i;
}

struct pair make_pair()
{
	struct pair p = {};

	p.tag = WIDE + 41;
	p.version = NARROW + 42;
	p.contended = NARROW + 43;
	p.first_ns = 44123456;
	p.last_ns = 45123456;
	p.hello_ns = 46123456;
	p.traits = NARROW + 47;
	p.channel = NARROW + 48;
	fill_side(&p.sides[0], 50);
	fill_side(&p.sides[1], 80);
	return p;
}

void fill_trips(struct round_trips *t, __u32 from)
{
	t->count = NARROW + from;
	t->unmatched = NARROW + from + 1;
	t->total_ns = WIDE + from + 2;
	t->last_ns = WIDE + from + 3;
	t->min_ns = WIDE + from + 4;
	t->max_ns = WIDE + from + 5;
}

struct report make_report()
{
	struct report r = {};

	r.tag = WIDE + 101;
	r.version = NARROW + 102;
	r.ssrc = NARROW + 103;
	r.first_ns = 104123456;
	r.last_ns = 105123456;
	r.contended = NARROW + 106;
	for (__u32 i = 0; i < RTCP_PACKETS; i++)
		r.packets[i] = NARROW + 110 + i;
	r.datagrams = 130;
	r.mentions = 131;
	r.ntp_sec = NARROW + 132;
	r.ntp_frac = NARROW + 133;
	r.rtp_ts = NARROW + 134;
	r.psent = NARROW + 135;
	r.osent = NARROW + 136;
	r.clock_rate = NARROW + 137;
	r.base_ntp = WIDE + 138;
	r.base_rtp = NARROW + 139;
	r.reporter = NARROW + 140;
	r.last_seq = NARROW + 141;
	r.jitter = NARROW + 142;
	r.lost = -145;
	r.fraction = NARROW + 146;
	r.nacks = NARROW + 147;
	r.plis = NARROW + 148;
	r.firs = NARROW + 149;
	r.voip_reports = NARROW + 150;
	r.voip = { 60151, 60152, 60153, 60154, 60155, 156, 157, 158, 159, 160, 161, 162, {} };
	r.next_mark = NARROW + 163;
	fill_trips(&r.by_lsr, 170);
	fill_trips(&r.by_dlrr, 180);
	r.index_cm = NARROW + 190;
	r.index_gcm = NARROW + 191;
	r.run_cm = 192;
	r.run_gcm = 193;
	r.cipher = 194;
	r.encrypted = 195;
	return r;
}

Napi::Value snapshot(const Napi::CallbackInfo &info)
{
	struct stream in_probation = make_stream();
	struct stream_depth of_another = make_depth();
	struct report hardly_heard = make_report();
	struct snapshot s;

	in_probation.evidence = STREAM_EVIDENCE - 1;
	s.at_ns = 71123456;
	s.epoch_ns = 1700000000072123456;
	stream_row(&s.streams, 1, in_probation, make_totals());
	stream_row(&s.streams, 2, make_stream(), make_totals());
	of_another.tag++;
	depth_row(&s.depths, 1, in_probation, make_totals(), make_detail(), make_depth(), make_bundle());
	depth_row(&s.depths, 2, make_stream(), make_totals(), make_detail(), make_depth(), make_bundle());
	depth_row(&s.depths, 3, make_stream(), make_totals(), make_detail(), of_another, make_bundle());
	pair_row(&s.pairs, 3, make_pair(), s.at_ns);
	report_row(&s.reports, 4, make_report());
	hardly_heard.datagrams = REPORT_EVIDENCE - 1;
	hardly_heard.mentions = 0;
	report_row(&s.reports, 5, hardly_heard);
	for (__u32 i = 0; i < DATAGRAM_OUTCOMES; i++)
		s.tallies[i] = WIDE + i;
	return snapshot_value(info.Env(), s);
}

/* [everything there is, nothing that may be absent, a peer behind a relay] */
Napi::Value origins(const Napi::CallbackInfo &info)
{
	struct endpoints e = {};
	Napi::Array both = Napi::Array::New(info.Env());
	const __u8 bytes[] = { 192, 0, 2, 1, 198, 51, 100, 2 };

	__builtin_memcpy(e.src, bytes, 4);
	__builtin_memcpy(e.dst, bytes + 4, 4);
	e.src_port = __builtin_bswap16(1);
	e.dst_port = __builtin_bswap16(65535);
	e.channel = 0x4fff;
	e.direction = DIRECTION_OUT;
	both.Set(0u, origin_value(info.Env(), e, ~0ULL, NARROW));
	e = {};
	e.is_ipv6 = 1;
	e.direction = DIRECTION_UNKNOWN;
	both.Set(1u, origin_value(info.Env(), e, 0, 0));
	struct pair p = {};

	p.endpoints.channel = ENDPOINTS_RELAYED | 0x1234;
	p.peer.is_ipv6 = 1;
	p.peer.port = __builtin_bswap16(65534);
	for (int i = 0; i < 4; i++)
		p.peer.words[i] = __builtin_bswap32(0x20010db8 + i);
	both.Set(2u, origin_value(info.Env(), p));
	return both;
}

/* What is kept of a log of the verifier. */
Napi::Value log_of(const Napi::CallbackInfo &info)
{
	std::string log = info[0].As<Napi::String>();

	return Napi::String::New(info.Env(), load_failure(-EACCES, log.c_str()).log);
}

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	exports.Set("snapshot", Napi::Function::New<snapshot>(env));
	exports.Set("log", Napi::Function::New<log_of>(env));
	exports.Set("origins", Napi::Function::New<origins>(env));
	return exports;
}

} // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)
