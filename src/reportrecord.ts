// SPDX-License-Identifier: MIT
/** RTCP as the core counted it; part of the contract in native.ts. */

/** What one SSRC said in RTCP, and what the other end said of it. Totals since it was first heard of, or latest values. */
export interface ReportRecord {
  id: number;
  ssrc: number;
  /** 1 = SRTCP: only the first header of each datagram is in the clear. */
  encrypted: number;
  /** 0 not known, 1 AES-CM (RFC 3711), 2 AES-GCM (RFC 7714); told by where the index stands. */
  cipher: number;
  /** Datagrams whose first packet it said. */
  datagrams: number;
  /** Packets that it said, by type; under SRTCP those that lead a datagram. */
  senderReports: number;
  receiverReports: number;
  descriptions: number;
  goodbyes: number;
  applications: number;
  nacks: number;
  /** Transport-wide feedback and RFC 8888. */
  transportFeedbacks: number;
  plis: number;
  firs: number;
  /** RFC 4585 section 6.4, REMB among them. */
  applicationFeedbacks: number;
  extendedReports: number;
  others: number;
  /** Its latest sender report (RFC 3550 section 6.4.1): NTP seconds since 1900 and 2^-32 s; packets and bytes it sent. */
  ntpSec: number;
  ntpFrac: number;
  psent: number;
  osent: number;
  /** Hz, by the slope of its sender reports' RTP timestamps; 0 = not known. */
  clockRate: number;
  /** Report blocks about it, and the latest: who said it, 1/256 lost, packets lost, extended highest number, RTP ticks. */
  mentions: number;
  reporter: number;
  fraction: number;
  lost: number;
  lastSeq: number;
  jitter: number;
  /** NACK, PLI and FIR packets about it; FIR by entry. */
  nacksAbout: number;
  plisAbout: number;
  firsAbout: number;
  /** Round trips from its sender reports to report blocks about it; those that answered nothing we saw; nanoseconds. */
  lsrTrips: number;
  lsrUnmatched: number;
  lsrTripTotalNs: number;
  lsrTripLastNs: number;
  lsrTripMinNs: number;
  lsrTripMaxNs: number;
  /** The same from the other end's reference times to its DLRR blocks (RFC 3611 section 4.5). */
  dlrrTrips: number;
  dlrrUnmatched: number;
  dlrrTripTotalNs: number;
  dlrrTripLastNs: number;
  dlrrTripMinNs: number;
  dlrrTripMaxNs: number;
  /** VoIP metrics about it (RFC 3611 section 4.7), in its units: 1/256, milliseconds, R, MOS × 10; 127 = unavailable. */
  voipReports: number;
  voipLossRate: number;
  voipDiscardRate: number;
  voipBurstDensity: number;
  voipGapDensity: number;
  voipBurstDuration: number;
  voipGapDuration: number;
  voipRoundTripDelay: number;
  voipEndSystemDelay: number;
  voipJitterBuffer: number;
  voipRFactor: number;
  voipMosLq: number;
  voipMosCq: number;
  /** Items of a datagram that found the record locked; in no other figure. */
  contended: number;
  firstMs: number;
  lastMs: number;
}
