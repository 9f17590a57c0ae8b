/* SPDX-License-Identifier: MIT */
/* The records of RTCP as JSON, in the names of src/reportrecord.ts. */
#include "harness.h"

static void print_trips(const char *name, const struct round_trips *t)
{
	printf("\"%sTrips\":%u,\"%sUnmatched\":%u,\"%sTripTotalNs\":%llu,\"%sTripLastNs\":%llu,\"%sTripMinNs\":%llu,"
	       "\"%sTripMaxNs\":%llu,",
	       name, t->count, name, t->unmatched, name, t->total_ns, name, t->last_ns, name, t->min_ns, name,
	       t->max_ns);
}

static void print_report(const struct report *r)
{
	const struct voip_metrics *v = &r->voip;

	printf("{\"ssrc\":%u,\"encrypted\":%u,\"cipher\":%u,\"datagrams\":%u,\"senderReports\":%u,"
	       "\"receiverReports\":%u,\"descriptions\":%u,\"goodbyes\":%u,\"applications\":%u,\"nacks\":%u,"
	       "\"transportFeedbacks\":%u,\"plis\":%u,\"firs\":%u,\"applicationFeedbacks\":%u,\"extendedReports\":%u,"
	       "\"others\":%u,",
	       r->ssrc, r->encrypted, r->cipher, r->datagrams, r->packets[RTCP_SR], r->packets[RTCP_RR],
	       r->packets[RTCP_SDES], r->packets[RTCP_BYE], r->packets[RTCP_APP], r->packets[RTCP_NACK],
	       r->packets[RTCP_TRANSPORT_FEEDBACK], r->packets[RTCP_PLI], r->packets[RTCP_FIR],
	       r->packets[RTCP_APPLICATION_FEEDBACK], r->packets[RTCP_XR], r->packets[RTCP_OTHER]);
	printf("\"ntpSec\":%u,\"ntpFrac\":%u,\"psent\":%u,\"osent\":%u,\"clockRate\":%u,\"mentions\":%u,"
	       "\"reporter\":%u,\"fraction\":%u,\"lost\":%d,\"lastSeq\":%u,\"jitter\":%u,\"nacksAbout\":%u,"
	       "\"plisAbout\":%u,\"firsAbout\":%u,",
	       r->ntp_sec, r->ntp_frac, r->psent, r->osent, r->clock_rate, r->mentions, r->reporter, r->fraction,
	       r->lost, r->last_seq, r->jitter, r->nacks, r->plis, r->firs);
	print_trips("lsr", &r->by_lsr);
	print_trips("dlrr", &r->by_dlrr);
	printf("\"voipReports\":%u,\"voipLossRate\":%u,\"voipDiscardRate\":%u,\"voipBurstDensity\":%u,"
	       "\"voipGapDensity\":%u,\"voipBurstDuration\":%u,\"voipGapDuration\":%u,\"voipRoundTripDelay\":%u,"
	       "\"voipEndSystemDelay\":%u,\"voipJitterBuffer\":%u,\"voipRFactor\":%u,\"voipMosLq\":%u,"
	       "\"voipMosCq\":%u,\"contended\":%u,\"firstMs\":%.17g,\"lastMs\":%.17g}",
	       r->voip_reports, v->loss_rate, v->discard_rate, v->burst_density, v->gap_density, v->burst_duration,
	       v->gap_duration, v->round_trip_delay, v->end_system_delay, v->jitter_buffer, v->r_factor, v->mos_lq,
	       v->mos_cq, r->contended, milliseconds(r->first_ns), milliseconds(r->last_ns));
}

void print_reports(struct probe *skeleton, __u32 slots)
{
	static struct report report;
	const char *separator = "";

	printf("\"reports\":[");
	for (__u32 slot = 0; slot < slots; slot++) {
		if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.reports), &slot, &report))
			fail("lookup");
		if (report.tag == 0 || report_evidence(&report) < REPORT_EVIDENCE)
			continue;
		printf("%s", separator);
		print_report(&report);
		separator = ",";
	}
	printf("],");
}
