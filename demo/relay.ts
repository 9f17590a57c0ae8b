// SPDX-License-Identifier: MIT
/**
 * The bad network between the two ends, a process of its own: `relay.ts PLAN`. What comes in at one socket goes out at the
 * other when its impairment says, and the moment it really did is written down: timers are a millisecond coarse, and what
 * the probe measures is what happened. The order "report" gets one report per end, left first.
 */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { monotonicNs } from "./clock.js";
import { Impairment } from "./impairment.js";
import { type RelayPlan, type RelayReport, readOrders, tell } from "./messages.js";
import { parseRtp } from "./rtp.js";
import { parseStun } from "./stun.js";

interface Waiting {
  /** Milliseconds of the monotonic clock. */
  due: number;
  data: Buffer;
}

/** Datagrams on their way to one end, and what was sent to it. */
class Line {
  readonly #socket: Socket;
  readonly #impairment: Impairment;
  /** By rising `due`. */
  readonly #waiting: Waiting[] = [];
  readonly #report: RelayReport = { packets: [], responses: [], datagrams: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, impairment: Impairment) {
    this.#socket = socket;
    this.#impairment = impairment;
  }

  report(): RelayReport {
    return this.#report;
  }

  accept(data: Buffer): void {
    for (const due of this.#impairment.decide(monotonicNs() / 1e6)) {
      let at = this.#waiting.length;
      while (at > 0 && (this.#waiting[at - 1] as Waiting).due > due) at--;
      this.#waiting.splice(at, 0, { due, data });
    }
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const [next] = this.#waiting;
    if (next) this.#timer = setTimeout(() => this.#sendDue(), Math.max(0, next.due - monotonicNs() / 1e6));
  }

  #sendDue(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (!next || next.due > monotonicNs() / 1e6) break;
      this.#waiting.shift();
      this.#sendNow(next.data);
    }
    this.#wait();
  }

  #sendNow(data: Buffer): void {
    const rtp = parseRtp(data);
    const stun = parseStun(data);
    const at = monotonicNs();
    this.#socket.send(data);
    this.#report.datagrams++;
    if (rtp) this.#report.packets.push([rtp.ssrc, rtp.sequence, rtp.timestamp, at]);
    else if (stun?.kind === "success") this.#report.responses.push([stun.id, at]);
  }
}

async function openSocket({ local, remote }: RelayPlan["left"]): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(local.port, local.address);
  await once(socket, "listening");
  socket.connect(remote.port, remote.address);
  await once(socket, "connect");
  return socket;
}

const plan = JSON.parse(process.argv[2] ?? "") as RelayPlan;
const [left, right] = await Promise.all([openSocket(plan.left), openSocket(plan.right)]);
const toLeft = new Line(left, new Impairment(plan.left.impairment));
const toRight = new Line(right, new Impairment(plan.right.impairment));
left.on("message", (data) => toRight.accept(data));
right.on("message", (data) => toLeft.accept(data));
readOrders(() => tell([toLeft.report(), toRight.report()]));
tell({ ready: true });
