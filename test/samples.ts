// SPDX-License-Identifier: MIT
/** Samples made by hand, each figure another, for the tests of what is done with them. */
import type { Datagrams } from "../src/native.js";
import type { RemoteInboundRtpStats, RemoteOutboundRtpStats, RtcpStats } from "../src/rtcp.js";
import type { CandidatePairStats, IceServerStats, InboundRtpStats, OutboundRtpStats, Sample } from "../src/stats.js";

const TIMESTAMP = 1_760_000_000_123;
const OWNER = { pid: 4711, comm: "agent", cgroup: "/system.slice/agent.service" };
const RECEIVED = {
  timestamp: TIMESTAMP,
  srcAddress: "192.0.2.7",
  srcPort: 5004,
  dstAddress: "10.1.2.3",
  dstPort: 40_000,
  ...OWNER,
};
const SENT = {
  timestamp: TIMESTAMP,
  ssrc: 17,
  srcAddress: "2001:db8::1",
  srcPort: 40_001,
  dstAddress: "2001:db8::2",
  dstPort: 5005,
  ...OWNER,
};

export const DATAGRAMS: Datagrams = {
  seen: 136,
  rtp: 16,
  rtcp: 15,
  srtcp: 14,
  stun: 13,
  unconfirmed: 12,
  dtls: 11,
  turn: 10,
  unknown: 9,
  empty: 8,
  truncated: 7,
  fragment: 6,
  segments: 5,
  probeOff: 4,
  tableFull: 3,
  contended: 3,
};

export function inboundStream(changes: Partial<InboundRtpStats> = {}): InboundRtpStats {
  return {
    type: "inbound-rtp",
    ssrc: 3_735_928_559,
    ...RECEIVED,
    payloadType: 111,
    clockRate: 48_000,
    clockRateSource: "inferred",
    packetsDuplicated: 3,
    packetsReordered: 5,
    bitsPerSecond: 32_000,
    packetsPerSecond: 50,
    packetsReceived: 1_000,
    bytesReceived: 80_000,
    headerBytesReceived: 12_001,
    lastPacketReceivedTimestamp: 1_760_000_000_100.5,
    packetsLost: 7,
    fractionLost: 0.0625,
    jitter: 0.0012345678901234,
    jitterRfc3550: 0.25,
    ...changes,
  };
}

export function outboundStream(changes: Partial<OutboundRtpStats> = {}): OutboundRtpStats {
  return {
    type: "outbound-rtp",
    ...SENT,
    payloadType: 96,
    packetsDuplicated: 1,
    packetsReordered: 2,
    bitsPerSecond: 1_500_000.5,
    packetsPerSecond: 150.25,
    packetsSent: 9_007_199_254_740_991,
    bytesSent: 4,
    headerBytesSent: 6,
    lastPacketSentTimestamp: 1_760_000_000_101,
    ...changes,
  };
}

export function candidatePair(changes: Partial<CandidatePairStats> = {}): CandidatePairStats {
  return {
    type: "candidate-pair",
    timestamp: TIMESTAMP,
    srcAddress: "10.1.2.3",
    srcPort: 40_000,
    dstAddress: "192.0.2.7",
    dstPort: 5004,
    ...OWNER,
    requestsSent: 21,
    responsesReceived: 20,
    requestsReceived: 19,
    responsesSent: 18,
    retransmissionsSent: 2,
    requestsUnanswered: 1,
    currentRoundTripTime: 0.0231,
    rttSource: "stun",
    totalRoundTripTime: 0.5,
    roundTripTimeMeasurements: 20,
    minRoundTripTime: 0.02,
    maxRoundTripTime: 1,
    medianRoundTripTime: 0.024,
    p95RoundTripTime: 0.3,
    p99RoundTripTime: 0.9,
    responseDelay: 0.0001,
    totalResponseDelay: 0.002,
    maxResponseDelay: 0.0003,
    medianResponseDelay: 0.00011,
    p95ResponseDelay: 0.00025,
    nominated: true,
    consentRequestsSent: 17,
    consentExpired: false,
    iceRole: "controlling",
    dtlsRole: "server",
    dtlsState: "connected",
    dtlsClientHelloTimestamp: 1_759_999_990_000.5,
    dtlsHandshakeMs: 61.25,
    selectedCandidatePairChanges: 0,
    lastStunTimestamp: 1_760_000_000_099.5,
    ...changes,
  };
}

export function iceServer(changes: Partial<IceServerStats> = {}): IceServerStats {
  return {
    type: "ice-server",
    timestamp: TIMESTAMP,
    srcAddress: "10.1.2.3",
    srcPort: 40_000,
    dstAddress: "203.0.113.1",
    dstPort: 3478,
    ...OWNER,
    serverKind: "turn",
    requestsSent: 9,
    responsesReceived: 8,
    errorResponsesReceived: 1,
    requestsReceived: 0,
    responsesSent: 0,
    retransmissionsSent: 3,
    requestsUnanswered: 0,
    roundTripTimeMeasurements: 5,
    currentRoundTripTime: 0.0101,
    lastStunTimestamp: 1_760_000_000_050.25,
    ...changes,
  };
}

export function remoteInbound(changes: Partial<RemoteInboundRtpStats> = {}): RemoteInboundRtpStats {
  return {
    type: "remote-inbound-rtp",
    ...SENT,
    lastReportTimestamp: 1_760_000_000_097.5,
    packetsLost: -3,
    fractionLost: 0.03125,
    jitter: 0.0021,
    reportsReceived: 31,
    roundTripTime: 0.0412,
    totalRoundTripTime: 1.25,
    roundTripTimeMeasurements: 30,
    minRoundTripTime: 0.0402,
    maxRoundTripTime: 0.0521,
    reportsUnmatched: 1,
    xrLossRate: 0.25,
    xrDiscardRate: 0.125,
    xrBurstDensity: 0.5,
    xrGapDensity: 0.0625,
    xrBurstDuration: 0.12,
    xrGapDuration: 9.5,
    xrRoundTripDelay: 0.045,
    xrEndSystemDelay: 0.06,
    xrJitterBufferDelay: 0.04,
    xrRFactor: 88,
    xrMosListening: 4.2,
    xrMosConversational: 4.1,
    ...changes,
  };
}

export function remoteOutbound(changes: Partial<RemoteOutboundRtpStats> = {}): RemoteOutboundRtpStats {
  return {
    type: "remote-outbound-rtp",
    ssrc: 3_735_928_559,
    ...RECEIVED,
    lastReportTimestamp: 1_760_000_000_096.5,
    packetsSent: 1_010,
    bytesSent: 81_000,
    remoteTimestamp: 1_760_000_000_001.25,
    reportsSent: 12,
    roundTripTime: 0.0432,
    totalRoundTripTime: 0.5,
    roundTripTimeMeasurements: 11,
    minRoundTripTime: 0.0422,
    maxRoundTripTime: 0.0541,
    reportsUnmatched: 2,
    ...changes,
  };
}

export function rtcpOf(changes: Partial<RtcpStats> = {}): RtcpStats {
  return {
    type: "inbound-rtcp",
    ssrc: 4_294_967_295,
    ...RECEIVED,
    lastReportTimestamp: 1_760_000_000_095.5,
    protocol: "srtcp",
    cipher: "AES-CM",
    datagrams: 65,
    senderReports: 1,
    receiverReports: 2,
    sourceDescriptions: 3,
    goodbyes: 4,
    nacks: 5,
    plis: 6,
    firs: 7,
    transportFeedbacks: 8,
    applicationFeedbacks: 9,
    extendedReports: 10,
    otherPackets: 11,
    ...changes,
  };
}

export function makeSample(changes: Partial<Sample> = {}): Sample {
  return {
    timestamp: TIMESTAMP,
    timeNs: "1760000000123456789",
    streams: [inboundStream(), outboundStream()],
    candidatePairs: [candidatePair()],
    iceServers: [],
    reports: [],
    datagrams: DATAGRAMS,
    ...changes,
  };
}
