// SPDX-License-Identifier: MIT
/** Whose a stream or pair is and between which ends, in stats. */
import type { Origin } from "./native.js";

/** The process behind a socket, as far as the host tells. */
export interface Owner {
  pid?: number;
  comm?: string;
  /** Path of the cgroup below the cgroup v2 root, "/" for the root itself. */
  cgroup?: string;
}

export interface Endpoints {
  srcAddress: string;
  srcPort: number;
  dstAddress: string;
  dstPort: number;
  /** TURN channel number (RFC 8656), when the datagrams came inside ChannelData. */
  turnChannel?: number;
  /** Ours: who is behind the relay, "address:port", where the TURN messages told. */
  turnPeer?: string;
  /** Ours: the relay itself, "address:port": the end of this 5-tuple that is the TURN server. */
  relay?: string;
}

/** When a snapshot was taken. */
export interface Moment {
  /** Clock of the records at the snapshot, and the wall clock at the same moment; milliseconds. */
  atMs: number;
  epochMs: number;
  /** Since the previous snapshot; milliseconds. */
  intervalMs: number;
}

/** What a conversion needs to know beside the record. */
export interface StatsContext extends Moment {
  origin: Origin;
  owner: Owner;
}

/** "192.0.2.1:5004" or "[2001:db8::1]:5004". */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function endpoints(origin: Origin): Endpoints {
  const { srcAddress, srcPort, dstAddress, dstPort, channel, peerAddress, peerPort } = origin;
  return {
    srcAddress,
    srcPort,
    dstAddress,
    dstPort,
    ...(channel === undefined ? {} : { turnChannel: channel }),
    ...(peerAddress === undefined ? {} : { turnPeer: formatEndpoint(peerAddress, peerPort ?? 0) }),
  };
}
