// SPDX-License-Identifier: MIT
/** The calls of a daemon: those that are on, measured with every sample, and those that are over, until Daily's side is in. */
import { RtcprobeError } from "../errors.js";
import type { Sample } from "../stats.js";
import {
  type Call,
  type CallRequest,
  findCall,
  makeCall,
  type Place,
  parseCallRequest,
  readProcessStart,
} from "./call.js";
import { Followup, type FollowupOptions } from "./followup.js";
import { NetworkMonitor, type NetworkStats } from "./networkstats.js";
import { comparePresence, type PresenceOptions } from "./presence.js";
import { makeReport, type Report } from "./report.js";
import type { CallStore } from "./store.js";
import { findMembers, findPlace, Meter } from "./traffic.js";
import type { EndedMeeting } from "./webhook.js";

/** What the control socket shows and changes of calls. */
export interface Calls {
  /** Newest first. */
  list(): Call[];
  /** @param word - an id, a meeting, or `last` @throws RtcprobeError ERR_CALL */
  get(word: string): Call;
  /** @throws RtcprobeError ERR_USAGE, ERR_CALL, ERR_FILE */
  start(request: unknown): Call;
  /** Idempotent. @throws RtcprobeError ERR_CALL, ERR_FILE */
  stop(word: string): Call;
  /** @throws RtcprobeError ERR_CALL before the first figures, and after the call */
  networkStats(word: string): NetworkStats;
  /** @throws RtcprobeError ERR_CALL, ERR_FILE */
  report(word: string): Report;
}

export interface BookOptions extends FollowupOptions, PresenceOptions {
  /** Milliseconds that an ended call is kept. */
  maxAgeMs: number;
  /** Between two looks at presence, milliseconds; Daily's own is up to 15 s old. */
  presenceMs?: number;
}

const TICK_MS = 250;
const PRESENCE_MS = 15_000;
/** Looks in a row at which a call is not there until it is over: one may be from before it began. */
const MISSING_LOOKS = 2;
/** A call that nobody ended. */
const MAX_CALL_MS = 86_400_000;
const MAX_ACTIVE = 1000;
const PRUNE_MS = 3_600_000;

/** As messages name them. */
const ROWS = "rows of calls";

/** What is kept in memory of a call that is on. */
interface Live {
  meter: Meter;
  monitor: NetworkMonitor;
  missing: number;
}

export class CallBook implements Calls {
  readonly #store: CallStore;
  #options: BookOptions;
  #followup: Followup;
  readonly #live = new Map<string, Live>();
  readonly #due = new Map<string, number>();
  readonly #stop = new AbortController();
  #calls: Call[];
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #isWorking = false;
  #presenceDue = 0;
  #pruneDue = 0;
  #faults = new Map<string, string>();

  /** Takes up what an earlier daemon left. @throws RtcprobeError ERR_FILE */
  constructor(options: BookOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#followup = new Followup(options);
    this.#calls = this.#store.load();
    for (const call of this.#calls) this.#plan(call);
  }

  /** Goes on with other settings; a request that is under way ends as it began. */
  configure(changes: Partial<Omit<BookOptions, "store">>): void {
    this.#options = { ...this.#options, ...changes };
    this.#followup = new Followup(this.#options);
  }

  /** Begins to ask Daily. */
  open(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#working;
    try {
      this.#store.writeRows();
    } catch (error) {
      this.#options.say(`${ROWS}: ${(error as Error).message}; ${this.#store.heldRows} are lost`);
    }
  }

  list(): Call[] {
    return this.#calls;
  }

  get(word: string): Call {
    return findCall(this.#calls, word);
  }

  start(request: unknown): Call {
    return this.#start(parseCallRequest(request), "control");
  }

  stop(word: string): Call {
    const call = this.get(word);
    this.#end(call, "stopped", Date.now());
    return call;
  }

  networkStats(word: string): NetworkStats {
    const call = this.get(word);
    const stats = this.#live.get(call.id)?.monitor.latest;
    if (stats) return stats;
    const why = call.endedAt === undefined ? "has no figures yet" : "is over";
    throw new RtcprobeError("ERR_CALL", `the call ${call.id} ${why}`, "they are new every two seconds of a call");
  }

  report(word: string): Report {
    const call = this.get(word);
    const rows = this.#store.loadRows(call.id);
    return makeReport(call, rows, this.#store.loadMetrics(call.id) ?? [], this.#options.host);
  }

  counts(): { active: number; waiting: number } {
    return { active: this.#active().length, waiting: this.#due.size };
  }

  /** Measures the calls that are on. Never throws. */
  addSample(sample: Sample): void {
    const active = this.#active();
    for (const call of active) this.#guard(`call ${call.id}`, () => this.#measure(call, sample, active));
    this.#guard(ROWS, () => this.#writeRows());
  }

  /** Never throws. */
  endMeeting({ meeting, endedAt }: EndedMeeting): void {
    for (const call of this.#active().filter((c) => c.meeting === meeting)) {
      this.#guard(`call ${call.id}`, () => this.#end(call, "meeting ended", endedAt));
    }
  }

  #active(): Call[] {
    return this.#calls.filter(({ endedAt }) => endedAt === undefined);
  }

  #start(request: CallRequest, source: Call["source"]): Call {
    if (this.#active().length >= MAX_ACTIVE) {
      throw new RtcprobeError("ERR_CALL", `${MAX_ACTIVE} calls are on already`, "stop those that are over");
    }
    const call = makeCall(request, source, Date.now());
    this.#store.save(call);
    this.#calls = [call, ...this.#calls];
    return call;
  }

  #end(call: Call, reason: string, endedAt: number): void {
    if (call.endedAt !== undefined) return;
    const ended = { ...call, endedAt: Math.max(call.startedAt, endedAt), endReason: reason };
    this.#store.save(ended);
    Object.assign(call, ended);
    this.#live.delete(call.id);
    this.#plan(call);
  }

  #plan(call: Call): void {
    const due = this.#followup.firstDue(call);
    if (due !== undefined) this.#due.set(call.id, due);
  }

  #measure(call: Call, sample: Sample, active: readonly Call[]): void {
    const live = this.#live.get(call.id) ?? { meter: new Meter(), monitor: new NetworkMonitor(), missing: 0 };
    this.#live.set(call.id, live);
    const members = findMembers(sample, call, active);
    const row = live.meter.measure(sample, members);
    if (row) {
      this.#store.addRow(call.id, row);
      live.monitor.add(row);
    }
    this.#notePlace(call, findPlace(members));
    const isGone = call.pid !== undefined && readProcessStart(call.pid) !== call.pidStart;
    if (isGone) this.#end(call, "process gone", sample.timestamp);
    else if (sample.timestamp - call.startedAt > MAX_CALL_MS) this.#end(call, "too long", sample.timestamp);
  }

  #writeRows(): void {
    this.#store.writeRows();
    if (!this.#faults.has(ROWS)) return;
    this.#options.say(`${ROWS}: written again; ${this.#store.droppedRows} were dropped so far`);
  }

  #notePlace(call: Call, place: Place | undefined): void {
    if (place === undefined || JSON.stringify(place) === JSON.stringify(call.place)) return;
    // A call moves to another pair seldom, and the first one is as good as the last for a point that has none.
    if (call.place !== undefined) return;
    call.place = place;
    this.#store.save(call);
  }

  #tick(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#working = this.#work().finally(() => {
      this.#isWorking = false;
    });
  }

  /** All that is due, one after another: Daily's limits leave no room for haste. */
  async #work(): Promise<void> {
    if (this.#store.heldRows > 0) await this.#guard(ROWS, () => this.#writeRows());
    const now = Date.now();
    for (const [id, due] of this.#due) {
      const call = this.#calls.find((c) => c.id === id);
      if (due > now || this.#stop.signal.aborted) continue;
      this.#due.delete(id);
      if (call) await this.#guard(`call ${id}`, () => this.#step(call));
    }
    if (now >= this.#presenceDue && this.#wantsPresence()) {
      this.#presenceDue = now + (this.#options.presenceMs ?? PRESENCE_MS);
      await this.#guard("presence", () => this.#look());
    }
    if (now < this.#pruneDue) return;
    this.#pruneDue = now + PRUNE_MS;
    await this.#guard("old calls", () => this.#prune(now));
  }

  async #step(call: Call): Promise<void> {
    // A step that failed is tried again.
    this.#due.set(call.id, Date.now() + this.#options.times.pollInterval);
    const waitMs = await this.#followup.step(call, this.#stop.signal);
    if (waitMs === undefined) this.#due.delete(call.id);
    else this.#due.set(call.id, Date.now() + waitMs);
  }

  #wantsPresence(): boolean {
    if (this.#options.daily === undefined || this.#stop.signal.aborted) return false;
    return (
      this.#options.rooms.length > 0 || this.#active().some((c) => c.room !== undefined && c.meeting === undefined)
    );
  }

  async #look(): Promise<void> {
    const here = (await this.#options.daily?.presence(this.#stop.signal)) ?? [];
    const { start, missing, found } = comparePresence(here, this.#active(), this.#options);
    for (const { call, meeting } of found) {
      call.meeting = meeting;
      this.#store.save(call);
    }
    for (const request of start) this.#start(request, "presence");
    for (const call of this.#active()) {
      const live = this.#live.get(call.id);
      if (live === undefined) continue;
      live.missing = missing.includes(call) ? live.missing + 1 : 0;
      if (live.missing >= MISSING_LOOKS) this.#end(call, "left the room", Date.now());
    }
  }

  #prune(now: number): void {
    const isOld = ({ endedAt }: Call): boolean => endedAt !== undefined && now - endedAt > this.#options.maxAgeMs;
    for (const { id } of this.#calls.filter(isOld)) {
      this.#store.remove(id);
      this.#due.delete(id);
    }
    this.#calls = this.#calls.filter((call) => !isOld(call));
  }

  /** A failure is said once, until the same thing succeeds or fails otherwise. */
  async #guard(what: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
      this.#faults.delete(what);
    } catch (error) {
      const { message } = error as Error;
      if (this.#stop.signal.aborted || this.#faults.get(what) === message) return;
      this.#faults.set(what, message);
      this.#options.say(`${what}: ${message}; trying again`);
    }
  }
}
