// SPDX-License-Identifier: MIT
/**
 * What a probe at the receiving end must have found, from the list of what was sent to it. Pure; written from RFC 3550 and
 * the definitions in the README, in floating point, and with nothing of the probe's own code.
 */

export interface SentPacket {
  sequence: number;
  timestamp: number;
  /** Seconds. */
  at: number;
}

export interface StreamTruth {
  packets: number;
  lost: number;
  duplicated: number;
  reordered: number;
  /** Seconds: in-order packets, only when the timestamp changes. */
  jitter: number;
  /** Seconds: every packet in order of arrival. */
  jitterRfc3550: number;
}

/** The number that `bits` bits of a counter stand for, nearest to `near`. */
function extend(value: number, near: number, bits: number): number {
  const span = 2 ** bits;
  return value + Math.round((near - value) / span) * span;
}

/** RFC 3550 appendix A.8. */
class JitterFilter {
  readonly #clockRate: number;
  #last: SentPacket | undefined;
  /** Ticks. */
  #jitter = 0;

  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  get seconds(): number {
    return this.#jitter / this.#clockRate;
  }

  get lastTimestamp(): number | undefined {
    return this.#last?.timestamp;
  }

  /** Take the packet as the one to compare the next with. */
  follow(packet: SentPacket): void {
    this.#last = packet;
  }

  step(packet: SentPacket): void {
    const last = this.#last;
    this.#last = packet;
    if (last === undefined) return;
    const ticks = extend(packet.timestamp, last.timestamp, 32) - last.timestamp;
    const change = Math.abs((packet.at - last.at) * this.#clockRate - ticks);
    this.#jitter += (change - this.#jitter) / 16;
  }
}

/** `packets` in order of arrival. */
export function findStreamTruth(packets: SentPacket[], clockRate: number): StreamTruth {
  const everyPacket = new JitterFilter(clockRate);
  const inOrder = new JitterFilter(clockRate);
  const seen = new Set<number>();
  let highest: number | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  let duplicated = 0;
  let reordered = 0;
  for (const packet of packets) {
    const number = extend(packet.sequence, highest ?? packet.sequence, 16);
    everyPacket.step(packet);
    if (seen.has(number)) duplicated++;
    else if (highest !== undefined && number < highest) reordered++;
    else if (packet.timestamp === inOrder.lastTimestamp) inOrder.follow(packet);
    else inOrder.step(packet);
    seen.add(number);
    highest = Math.max(highest ?? number, number);
    lowest = Math.min(lowest, number);
  }
  const lost = highest === undefined ? 0 : highest - lowest + 1 - seen.size;
  const { seconds: jitter } = inOrder;
  return { packets: packets.length, lost, duplicated, reordered, jitter, jitterRfc3550: everyPacket.seconds };
}

export interface PairTruth {
  requests: number;
  responses: number;
  /** Seconds, of each answered request in order of sending. */
  roundTrips: number[];
}

/**
 * Round trips as an end sees them: from its request to the first response that was sent to it. `requests` and `responses`
 * are transaction ids with the time of sending, ns.
 */
export function findPairTruth(requests: [string, number][], responses: [string, number][]): PairTruth {
  const answered = new Map<string, number>();
  for (const [id, at] of responses) if (!answered.has(id)) answered.set(id, at);
  const roundTrips = requests.flatMap(([id, at]) => {
    const back = answered.get(id);
    return back === undefined ? [] : [(back - at) / 1e9];
  });
  return { requests: requests.length, responses: roundTrips.length, roundTrips };
}
