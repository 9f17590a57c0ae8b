// SPDX-License-Identifier: MIT
#include "columns.h"

namespace
{

/* The fields of a ReportRecord, in the order of src/reportrecord.ts. */
template <class Field> void report_fields(Field field, __u32 id, const struct report &r)
{
	field("id", id);
	field("ssrc", r.ssrc);
	field("encrypted", r.encrypted);
	field("cipher", r.cipher);
	field("datagrams", r.datagrams);
	field("senderReports", r.packets[RTCP_SR]);
	field("receiverReports", r.packets[RTCP_RR]);
	field("descriptions", r.packets[RTCP_SDES]);
	field("goodbyes", r.packets[RTCP_BYE]);
	field("applications", r.packets[RTCP_APP]);
	field("nacks", r.packets[RTCP_NACK]);
	field("transportFeedbacks", r.packets[RTCP_TRANSPORT_FEEDBACK]);
	field("plis", r.packets[RTCP_PLI]);
	field("firs", r.packets[RTCP_FIR]);
	field("applicationFeedbacks", r.packets[RTCP_APPLICATION_FEEDBACK]);
	field("extendedReports", r.packets[RTCP_XR]);
	field("others", r.packets[RTCP_OTHER]);
	field("ntpSec", r.ntp_sec);
	field("ntpFrac", r.ntp_frac);
	field("psent", r.psent);
	field("osent", r.osent);
	field("clockRate", r.clock_rate);
	field("mentions", r.mentions);
	field("reporter", r.reporter);
	field("fraction", r.fraction);
	field("lost", r.lost);
	field("lastSeq", r.last_seq);
	field("jitter", r.jitter);
	field("nacksAbout", r.nacks);
	field("plisAbout", r.plis);
	field("firsAbout", r.firs);
	field("lsrTrips", r.by_lsr.count);
	field("lsrUnmatched", r.by_lsr.unmatched);
	field("lsrTripTotalNs", r.by_lsr.total_ns);
	field("lsrTripLastNs", r.by_lsr.last_ns);
	field("lsrTripMinNs", r.by_lsr.min_ns);
	field("lsrTripMaxNs", r.by_lsr.max_ns);
	field("dlrrTrips", r.by_dlrr.count);
	field("dlrrUnmatched", r.by_dlrr.unmatched);
	field("dlrrTripTotalNs", r.by_dlrr.total_ns);
	field("dlrrTripLastNs", r.by_dlrr.last_ns);
	field("dlrrTripMinNs", r.by_dlrr.min_ns);
	field("dlrrTripMaxNs", r.by_dlrr.max_ns);
	field("voipReports", r.voip_reports);
	field("voipLossRate", r.voip.loss_rate);
	field("voipDiscardRate", r.voip.discard_rate);
	field("voipBurstDensity", r.voip.burst_density);
	field("voipGapDensity", r.voip.gap_density);
	field("voipBurstDuration", r.voip.burst_duration);
	field("voipGapDuration", r.voip.gap_duration);
	field("voipRoundTripDelay", r.voip.round_trip_delay);
	field("voipEndSystemDelay", r.voip.end_system_delay);
	field("voipJitterBuffer", r.voip.jitter_buffer);
	field("voipRFactor", r.voip.r_factor);
	field("voipMosLq", r.voip.mos_lq);
	field("voipMosCq", r.voip.mos_cq);
	field("contended", r.contended);
	field("firstMs", milliseconds(r.first_ns));
	field("lastMs", milliseconds(r.last_ns));
}

} // namespace

void report_row(struct record_rows *rows, __u32 id, const struct report &r)
{
	if (report_evidence(&r) < REPORT_EVIDENCE)
		return;
	add_row(rows, [&](auto field) { report_fields(field, id, r); });
}

Napi::Object reports_value(Napi::Env env, const struct record_rows &rows)
{
	return columns_value(env, columns_of([](auto field) { report_fields(field, 0, {}); }), rows);
}
