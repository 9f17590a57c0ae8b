// SPDX-License-Identifier: MIT
/** How the datagrams of a transport cross a TURN relay: RFC 8656 sections 11 and 12. */
import { attribute, type Ends, stun, u16 } from "../packets.js";
import type { Random } from "../random.js";
import { DATA, dataAttribute, type Peer, peerAddress, peerText, SEND } from "../turn.js";

/** A channel that nobody saw bound; one that was; or indications, all the way. */
export type Way = "channel" | "bound channel" | "indications";

/** What streams and pairs that went this way must say of it, in the names of src/origin.ts. */
export interface Via {
  turnChannel?: number;
  turnPeer?: string;
  relay?: string;
}

export interface Wrapped {
  /** The first bytes of the datagram. */
  bytes: Buffer;
  size: number;
}

const FIRST_INDICATION = 0x5000_0000;
/** RFC 8489 section 14.14: what comes before the rest must be stepped over. */
const SOFTWARE = attribute(0x8022, Buffer.from("seed"));

export class Relay {
  readonly channel: number;
  readonly peer: Peer;
  #id = FIRST_INDICATION;

  constructor(
    readonly way: Way,
    readonly random: Random,
    isIpv6: boolean,
  ) {
    this.channel = 0x4000 + random.between(0, 0xfff);
    this.peer = { address: isIpv6 ? "2001:db8::99" : "203.0.113.9", port: random.between(1024, 65_535) };
  }

  /** @param ends - of the transport: from the relay to us */
  via({ src, srcPort }: Ends): Via {
    return {
      relay: peerText({ address: src, port: srcPort }),
      ...(this.way === "indications" ? {} : { turnChannel: this.channel }),
      ...(this.way === "channel" ? {} : { turnPeer: peerText(this.peer) }),
    };
  }

  /** @param size - of what goes inside, whose first bytes alone are given */
  wrap(isOurs: boolean, bytes: Buffer, size: number): Wrapped {
    return this.way === "indications" ? this.#indication(isOurs, bytes, size) : this.#channelData(bytes, size);
  }

  /** Section 12.4: over UDP the padding may be left out. */
  #channelData(bytes: Buffer, size: number): Wrapped {
    const padding = this.random.happens(0.5) ? -size & 3 : 0;
    return { bytes: Buffer.concat([u16(this.channel), u16(size), bytes]), size: 4 + size + padding };
  }

  /** DATA before or behind the address; in front of it all must be there. */
  #indication(isOurs: boolean, bytes: Buffer, size: number): Wrapped {
    const { random } = this;
    const id = this.#id++;
    const whole = dataAttribute(Buffer.concat([bytes, Buffer.alloc(size - bytes.length, 0x5a)]));
    const peer = peerAddress(this.peer, id);
    const isFirst = random.happens(0.2);
    const attributes = isFirst ? [whole, peer] : [peer, whole];
    if (random.happens(0.3)) attributes.unshift(SOFTWARE);
    const message = stun(isOurs ? SEND : DATA, id, ...attributes);
    const unseen = isFirst ? 0 : whole.length - 4 - bytes.length;
    return { bytes: message.subarray(0, message.length - unseen), size: message.length };
  }
}
