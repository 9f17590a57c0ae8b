// SPDX-License-Identifier: MIT
/** The call of the demo: who is in it, over what network, and what must be found of it. Pure. */
import type { CandidatePairStats, Sample, StreamStats } from "../src/stats.js";
import type { Comparison, Figures } from "./comparison.js";
import type { ImpairmentOptions } from "./impairment.js";
import { CLOCK_RATES } from "./media.js";
import type { EndpointPlan, EndpointReport, Place, RelayPlan, RelayReport, SentStream } from "./messages.js";
import { findPairTruth, findStreamTruth } from "./truth.js";

/** The bad network, one per direction: the way up is the worse one. */
const UPLINK = { delay: 28, jitter: 6, loss: 0.02, lossBurst: 2, duplicate: 0.01, reorder: 0.01, hold: 60 };
const DOWNLINK = { delay: 22, jitter: 3, loss: 0.01, lossBurst: 1.5, duplicate: 0.005, reorder: 0.01, hold: 40 };
const CONSENT_INTERVAL_MS = 2_500;

/** Addresses for documentation (RFC 5737): only the namespaces of the demo know them. */
export const CALLER: Place = { address: "192.0.2.1", port: 50_000 };
export const RELAY_TO_CALLER: Place = { address: "192.0.2.2", port: 40_000 };
export const RELAY_TO_AGENT: Place = { address: "198.51.100.2", port: 40_000 };
export const AGENT: Place = { address: "198.51.100.1", port: 50_000 };

export interface CallPlan {
  caller: EndpointPlan;
  agent: EndpointPlan;
  relay: RelayPlan;
}

/** A person with a camera calls a voice agent. */
export function planCall(seed: number, seconds: number): CallPlan {
  const impair = (options: Omit<ImpairmentOptions, "seed">, n: number) => ({ ...options, seed: seed + n });
  const common = { seconds, consentInterval: CONSENT_INTERVAL_MS };
  return {
    caller: {
      ...common,
      seed: seed + 1,
      local: CALLER,
      remote: RELAY_TO_CALLER,
      streams: [
        { kind: "audio", ssrc: 0x0a11ce01 },
        { kind: "video", ssrc: 0x0a11ce02 },
      ],
    },
    agent: {
      ...common,
      seed: seed + 2,
      local: AGENT,
      remote: RELAY_TO_AGENT,
      streams: [{ kind: "audio", ssrc: 0x0b0b0b01 }],
    },
    relay: {
      left: { local: RELAY_TO_CALLER, remote: CALLER, impairment: impair(DOWNLINK, 3) },
      right: { local: RELAY_TO_AGENT, remote: AGENT, impairment: impair(UPLINK, 4) },
    },
  };
}

/** One end of the call after it: what it sent, and what the relay sent to it. */
export interface EndReport {
  name: string;
  sent: EndpointReport;
  received: RelayReport;
}

const milliseconds = (seconds: number): number => seconds * 1e3;

function definedFigures(figures: Record<keyof Figures, number | undefined> | object): Figures {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}

function findStream(sample: Sample, type: StreamStats["type"], ssrc: number): StreamStats | undefined {
  return sample.streams.find((stream) => stream.type === type && stream.ssrc === ssrc);
}

function compareSent(end: EndReport, stream: SentStream, sample: Sample): Comparison {
  const seen = findStream(sample, "outbound-rtp", stream.ssrc);
  return {
    subject: `${stream.kind} sent by the ${end.name}`,
    truth: { packets: stream.packets, duplicated: 0, reordered: 0 },
    probe:
      seen?.type === "outbound-rtp"
        ? { packets: seen.packetsSent, duplicated: seen.packetsDuplicated, reordered: seen.packetsReordered }
        : undefined,
  };
}

function compareReceived(end: EndReport, { kind, ssrc }: SentStream, sample: Sample): Comparison {
  const packets = end.received.packets
    .filter(([of]) => of === ssrc)
    .map(([, sequence, timestamp, at]) => ({ sequence, timestamp, at: at / 1e9 }));
  const truth = findStreamTruth(packets, CLOCK_RATES[kind]);
  const seen = findStream(sample, "inbound-rtp", ssrc);
  return {
    subject: `${kind} received by the ${end.name}`,
    truth: {
      ...truth,
      jitter: milliseconds(truth.jitter),
      jitterRfc3550: milliseconds(truth.jitterRfc3550),
    },
    probe:
      seen?.type === "inbound-rtp"
        ? definedFigures({
            packets: seen.packetsReceived,
            lost: seen.packetsLost,
            duplicated: seen.packetsDuplicated,
            reordered: seen.packetsReordered,
            jitter: seen.jitter === undefined ? undefined : milliseconds(seen.jitter),
            jitterRfc3550: seen.jitterRfc3550 === undefined ? undefined : milliseconds(seen.jitterRfc3550),
          })
        : undefined,
  };
}

function pairFigures(pair: CandidatePairStats): Figures {
  const { requestsSent, responsesReceived, totalRoundTripTime, roundTripTimeMeasurements } = pair;
  const mean = totalRoundTripTime === undefined ? undefined : totalRoundTripTime / roundTripTimeMeasurements;
  return definedFigures({
    checks: requestsSent,
    answered: responsesReceived,
    roundTrip: mean === undefined ? undefined : milliseconds(mean),
  });
}

function comparePair(end: EndReport, local: Place, sample: Sample): Comparison {
  const { requests, responses, roundTrips } = findPairTruth(end.sent.requests, end.received.responses);
  const mean =
    roundTrips.length === 0 ? undefined : roundTrips.reduce((sum, time) => sum + time, 0) / roundTrips.length;
  const pair = sample.candidatePairs.find((p) => p.srcAddress === local.address && p.srcPort === local.port);
  return {
    subject: `pair of the ${end.name}`,
    truth: definedFigures({
      checks: requests,
      answered: responses,
      roundTrip: mean === undefined ? undefined : milliseconds(mean),
    }),
    probe: pair && pairFigures(pair),
  };
}

/** `sample` is the probe's last. */
export function compareCall(caller: EndReport, agent: EndReport, sample: Sample): Comparison[] {
  return [
    ...caller.sent.streams.map((stream) => compareSent(caller, stream, sample)),
    ...caller.sent.streams.map((stream) => compareReceived(agent, stream, sample)),
    ...agent.sent.streams.map((stream) => compareSent(agent, stream, sample)),
    ...agent.sent.streams.map((stream) => compareReceived(caller, stream, sample)),
    comparePair(caller, CALLER, sample),
    comparePair(agent, AGENT, sample),
  ];
}

/** The conservation law: what the two ends and the relay know of, what the probe saw, and what it says became of it. */
export function checkDatagrams(ends: EndReport[], sample: Sample): { line: string; holds: boolean } {
  const { seen, ...outcomes } = sample.datagrams;
  const made = ends.reduce((sum, { sent, received }) => sum + sent.datagrams + received.datagrams, 0);
  const counted = Object.values(outcomes).reduce((sum, n) => sum + n, 0);
  const parts = Object.entries(outcomes).filter(([, n]) => n > 0);
  const shown = parts.map(([name, n]) => `${n} ${name}`).join(" + ");
  return {
    line: `datagrams: ${made} made, ${seen} seen = ${shown}`,
    holds: made === seen && seen === counted,
  };
}
