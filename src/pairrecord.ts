// SPDX-License-Identifier: MIT
/** What one pair counted, as core/pair.h has it: part of the contract of native.ts. */

/** Bits of `traits`. */
export const PAIR_TRAITS = {
  /** ICE checks: Binding requests with a USERNAME. */
  ice: 1,
  /** Binding requests without one: to a STUN server. */
  server: 2,
  /** Requests to a TURN server. */
  turn: 4,
  /** A request with USE-CANDIDATE was answered by success. */
  nominated: 8,
  /** Which end's ClientHello began the DTLS handshake. */
  dtlsFirst: 16,
  dtlsSecond: 32,
  /** It is DTLS 1.3. */
  dtlsUnified: 64,
} as const;

/**
 * One 5-tuple that carries STUN, or one peer behind a TURN relay on it. `first` is the end that `Origin` names as source: this
 * host's, where it is known.
 */
export interface PairRecord {
  id: number;
  /** Bits of PAIR_TRAITS. */
  traits: number;
  /** TURN channel bound to the peer behind the relay; 0 = none is known. */
  channel: number;
  /** Transactions begun by the first end, and requests it sent again. */
  firstRequests: number;
  firstRetransmissions: number;
  /** Success responses to them, and error responses. */
  firstResponses: number;
  firstErrors: number;
  /** No response within 5 s, or eight more began meanwhile; a late answer takes it back. */
  firstUnanswered: number;
  /** Those that began after the pair was nominated. */
  firstConsentRequests: number;
  /** What this end says it is: 0 nothing, 1 controlling, 2 controlled. */
  firstRole: number;
  /** Success responses that gave a round trip. */
  firstRoundTrips: number;
  /** Nanoseconds; last, min and max mean nothing while `firstRoundTrips` is 0. */
  firstRoundTripTotalNs: number;
  firstRoundTripLastNs: number;
  firstRoundTripMinNs: number;
  firstRoundTripMaxNs: number;
  /** How many were in each bucket of `Addon.histogramNs`. */
  firstRoundTripHistogram: Float64Array;
  /** When the latest transaction began, and the latest success came; milliseconds on the snapshot's clock, 0 = never. */
  firstRequestMs: number;
  firstResponseMs: number;
  /** When this end sent its first DTLS record under the new keys; 0 = never. */
  firstProtectedMs: number;
  /** The same for the second end's requests. */
  secondRequests: number;
  secondRetransmissions: number;
  secondResponses: number;
  secondErrors: number;
  secondUnanswered: number;
  secondConsentRequests: number;
  secondRole: number;
  secondRoundTrips: number;
  secondRoundTripTotalNs: number;
  secondRoundTripLastNs: number;
  secondRoundTripMinNs: number;
  secondRoundTripMaxNs: number;
  secondRoundTripHistogram: Float64Array;
  secondRequestMs: number;
  secondResponseMs: number;
  secondProtectedMs: number;
  /** When the DTLS handshake began; means nothing without dtlsFirst or dtlsSecond. */
  helloMs: number;
  contended: number;
  firstMs: number;
  lastMs: number;
}
