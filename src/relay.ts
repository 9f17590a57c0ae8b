// SPDX-License-Identifier: MIT
/** Who is behind a TURN relay, and which end the relay is: from what the TURN messages on the same 5-tuple told. */
import { type Origin, PAIR_TRAITS, type PairRecord } from "./native.js";
import { type Endpoints, formatEndpoint } from "./origin.js";

type Label = Pick<Endpoints, "turnPeer" | "relay">;

const NO_LABEL: Label = {};

/** The same of both directions, and of a capture that does not know them. */
function endsKey(source: string, destination: string): string {
  return source < destination ? `${source} ${destination}` : `${destination} ${source}`;
}

function endsOf({ srcAddress, srcPort, dstAddress, dstPort }: Origin): [source: string, destination: string] {
  return [formatEndpoint(srcAddress, srcPort), formatEndpoint(dstAddress, dstPort)];
}

/** The far end where it is known which that is: a relay's client asks it. */
function farEnd({ direction }: Origin, [source, destination]: [string, string]): string | undefined {
  if (direction === "unknown") return undefined;
  return direction === "in" ? source : destination;
}

/** Names the ends, whichever is told first, and the peer behind a relay. */
export function pairKey(origin: Origin, turnPeer: string | undefined): string {
  return `${endsKey(...endsOf(origin))} ${turnPeer ?? origin.channel}`;
}

export class RelayBook {
  readonly #peers = new Map<string, string>();
  readonly #relays = new Map<string, string>();

  /** @param pairs - all of a snapshot, the first end first */
  constructor(pairs: readonly { origin: Origin; record: PairRecord }[]) {
    for (const { origin, record } of pairs) {
      const { peerAddress, peerPort = 0, peerName } = origin;
      if (peerAddress === undefined && !(record.traits & PAIR_TRAITS.turn)) continue;
      const ends = endsOf(origin);
      const key = endsKey(...ends);
      if (peerAddress !== undefined) {
        const peer = formatEndpoint(peerAddress, peerPort);
        this.#peers.set(`${key} ${peerName}`, peer);
        if (record.channel > 0) this.#peers.set(`${key} ${record.channel}`, peer);
      }
      if (record.traits & PAIR_TRAITS.turn) this.#relays.set(key, ends[record.firstRequests > 0 ? 1 : 0]);
    }
  }

  /** Nothing for what did not come through a relay. */
  label(origin: Origin): Label {
    const { channel, peerName } = origin;
    if (channel === undefined && peerName === undefined) return NO_LABEL;
    const ends = endsOf(origin);
    const key = endsKey(...ends);
    const turnPeer = this.#peers.get(`${key} ${peerName ?? channel}`);
    const relay = this.#relays.get(key) ?? farEnd(origin, ends);
    return { ...(turnPeer === undefined ? {} : { turnPeer }), ...(relay === undefined ? {} : { relay }) };
  }
}
