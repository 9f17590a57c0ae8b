// SPDX-License-Identifier: MIT
/** The captures that are sent through the kernel program, as `harness replay` takes them. */

/** Captures and the end that is ours in each. */
export const CAPTURES: readonly [file: string, local: string][] = [
  ["aiortc/receiver.pcap", "10.99.1.2"],
  ["chromium-impaired/receiver.pcap", "10.99.1.2"],
  ["chromium-impaired/sender.pcap", "10.99.1.1"],
  ["chromium-turn/client.pcap", "10.99.1.1"],
  ["chromium-turn/peer.pcap", "10.99.2.1"],
  ["plain-rtp/receiver.pcap", "10.99.1.2"],
];

/** The same capture with every packet at its original length, zeros where the snapshot length cut it. */
export function padCapture(pcap: Buffer): Buffer {
  const parts: Buffer[] = [pcap.subarray(0, 24)];
  for (let at = 24; at < pcap.length; ) {
    const captured = pcap.readUInt32LE(at + 8);
    const length = pcap.readUInt32LE(at + 12);
    const header = Buffer.from(pcap.subarray(at, at + 16));
    header.writeUInt32LE(length, 8);
    parts.push(header, pcap.subarray(at + 16, at + 16 + captured), Buffer.alloc(length - captured));
    at += 16 + captured;
  }
  return Buffer.concat(parts);
}
