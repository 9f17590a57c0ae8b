// SPDX-License-Identifier: MIT
/**
 * One end of a call with RTCP in the clear, a process of its own: `reporter.ts PLAN`. Who speaks sends RTP and sender reports; who listens
 * answers with receiver reports, after a while, and asks for round trips of its own by XR. Each says at the order "report" what it said, and the
 * round trips by its own clock: from before it sent to after it received, less what the other end says that it waited.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { monotonicNs } from "../../demo/clock.js";
import { type Place, readOrders, tell } from "../../demo/messages.js";
import { rtcp, rtp } from "../packets.js";

export interface ReporterPlan {
  role: "speaks" | "listens";
  local: Place;
  remote: Place;
  ssrc: number;
  /** That the other end has. */
  about: number;
}

export interface ReporterReport {
  /** By its own clock; nanoseconds. */
  trips: number[];
  packetsSent: number;
  bytesSent: number;
  reportsSent: number;
  reportsReceived: number;
  /** What its latest report said; of who listens. */
  said?: { fraction: number; lost: number; jitter: number };
}

/** PCMU: 20 ms of it. */
const PTIME_MS = 20;
const TICKS = 160;
const PAYLOAD = 160;
const CLOCK_RATE = 8000;
const REPORT_MS = 300;
const NTP_BEGIN_S = 3_950_000_000;

const { role, local, remote, ssrc, about } = JSON.parse(process.argv[2] ?? "") as ReporterPlan;
const socket = createSocket("udp4").bind(local.port, local.address);
await once(socket, "listening");

const report: ReporterReport = { trips: [], packetsSent: 0, bytesSent: 0, reportsSent: 0, reportsReceived: 0 };
/** When each of its times was sent, by the middle of the NTP timestamp. */
const sentAt = new Map<number, number>();
let heard: { middle: number; atNs: number } | undefined;

/** Its clock: monotonic, from a second of its own. */
function ntp(ns: number): [seconds: number, fraction: number, middle: number] {
  const seconds = NTP_BEGIN_S + Math.floor(ns / 1e9);
  const fraction = Math.floor(((ns % 1e9) / 1e9) * 2 ** 32);
  return [seconds, fraction, (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0];
}

const send = (bytes: Buffer): void => socket.send(bytes, remote.port, remote.address);

/** LSR and DLSR, or LRR and DLRR. */
function answer(now: number): [middle: number, delay: number] {
  return heard ? [heard.middle, Math.round(((now - heard.atNs) * 65_536) / 1e9)] : [0, 0];
}

function speakReport(): void {
  const now = monotonicNs();
  const [seconds, fraction, middle] = ntp(now);
  const timestamp = Math.round((now / 1e9) * CLOCK_RATE) % 2 ** 32;
  const info = rtcp(200, 0, ssrc, seconds, fraction, timestamp, report.packetsSent, report.bytesSent);
  const delay = heard ? [rtcp(207, 0, ssrc, (5 << 24) | 3, about, ...answer(now))] : [];
  sentAt.set(middle, now);
  report.reportsSent++;
  send(Buffer.concat([info, ...delay]));
}

function listenReport(): void {
  const now = monotonicNs();
  const [seconds, fraction, middle] = ntp(now);
  const n = ++report.reportsSent;
  report.said = { fraction: (n * 37) & 255, lost: 3 * n, jitter: 11 * n };
  const { fraction: share, lost, jitter } = report.said;
  const block = [about, ((share << 24) | lost) >>> 0, 1000, jitter, ...answer(now)];
  sentAt.set(middle, now);
  send(Buffer.concat([rtcp(201, 1, ssrc, ...block), rtcp(207, 0, ssrc, (4 << 24) | 2, seconds, fraction)]));
}

/** Of a report block, or a DLRR sub-block: A - LSR - DLSR. */
function complete(now: number, middle: number, delay: number): void {
  const at = sentAt.get(middle);
  if (at !== undefined && delay > 0) report.trips.push(now - at - (delay * 1e9) / 65_536);
}

/** Reads what the other end wrote above: an SR, or an RR with a block, and behind it XR. */
function hear(bytes: Buffer): void {
  const now = monotonicNs();
  const type = bytes[1];
  if (type !== 200 && type !== 201) return;
  report.reportsReceived++;
  if (type === 200) {
    heard = { middle: bytes.readUInt32BE(10), atNs: now };
    if (bytes.length > 28) complete(now, bytes.readUInt32BE(28 + 16), bytes.readUInt32BE(28 + 20));
    return;
  }
  complete(now, bytes.readUInt32BE(24), bytes.readUInt32BE(28));
  heard = { middle: bytes.readUInt32BE(32 + 14), atNs: now };
}

function speak(): void {
  send(rtp({ seq: report.packetsSent, timestamp: report.packetsSent * TICKS, ssrc, payloadType: 0, payload: PAYLOAD }));
  report.packetsSent++;
  report.bytesSent += PAYLOAD;
}

socket.on("message", (bytes: Buffer, _: RemoteInfo) => hear(bytes));
let timers: NodeJS.Timeout[] = [];
readOrders((order) => {
  for (const timer of timers) clearInterval(timer);
  if (order === "start") {
    timers = role === "speaks" ? [setInterval(speak, PTIME_MS), setInterval(speakReport, REPORT_MS)] : [];
    if (role === "listens") timers = [setInterval(listenReport, REPORT_MS * 1.1)];
  }
  if (order === "report") tell(report);
});
tell({ ready: true });
