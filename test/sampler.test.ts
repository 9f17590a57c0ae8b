// SPDX-License-Identifier: MIT
/** Snapshots into samples, over a source made by hand. Oracle: what the test put into it. */
import { describe, expect, it } from "vitest";
import { type Origin, PAIR_TRAITS } from "../src/native.js";
import { type OwnerFinder, Sampler } from "../src/sampler.js";
import type { Owner } from "../src/stats.js";
import { FakeSource, originOf, pairRecord, streamRecord } from "./records.js";

/** Answers what it is told, and remembers the questions. */
class FakeOwners implements OwnerFinder {
  readonly asked: Origin[][] = [];
  owner: Owner | undefined;

  async find(origins: readonly Origin[]): Promise<(Owner | undefined)[]> {
    this.asked.push([...origins]);
    return origins.map(() => this.owner);
  }
}

const NOT_IDLE = { retireIdle: true };

describe("identity", () => {
  it("asks for an origin once, however often a stream is seen", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    for (let i = 0; i < 5; i++) {
      source.pass(1000);
      source.streams = [streamRecord({ id: 3, packets: 10 + i, lastMs: source.atMs })];
      source.pairs = [pairRecord({ id: 3, lastMs: source.atMs })];
      const { streams, candidatePairs } = await sampler.sample();
      expect([streams.length, candidatePairs.length]).toEqual([1, 1]);
    }
    expect(source.asked).toEqual(["stream 3", "pair 3"]);
  });

  it("an id that is used again is another stream: its origin is asked for, and it has no rates yet", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.streams = [streamRecord({ id: 1, ssrc: 1, firstMs: 100, bytes: 5000 })];
    await sampler.sample();
    source.pass(1000);
    source.origins.set("stream 1", originOf({ srcPort: 9 }));
    source.streams = [streamRecord({ id: 1, ssrc: 2, firstMs: 10_500, bytes: 100 })];
    const [stream] = (await sampler.sample()).streams;
    expect(stream).toMatchObject({ ssrc: 2, srcPort: 9 });
    expect(stream).not.toHaveProperty("bitsPerSecond");
  });

  it("streams are in the order of their first packets, also those found later", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.streams = [streamRecord({ id: 0, ssrc: 30, firstMs: 30 }), streamRecord({ id: 9, ssrc: 10, firstMs: 10 })];
    expect((await sampler.sample()).streams.map((s) => s.ssrc)).toEqual([10, 30]);
    source.streams.push(streamRecord({ id: 4, ssrc: 20, firstMs: 20 }));
    expect((await sampler.sample()).streams.map((s) => s.ssrc)).toEqual([10, 20, 30]);
    source.streams.splice(1, 1);
    expect((await sampler.sample()).streams.map((s) => s.ssrc)).toEqual([20, 30]);
  });
});

describe("rates", () => {
  it("are over the time between two snapshots, on the clock of the records", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.streams = [streamRecord({ bytes: 1000, packets: 10 })];
    await sampler.sample();
    source.atMs += 2000;
    source.epochMs += 60_000; // the wall clock was set: that is no interval
    source.streams = [streamRecord({ bytes: 3000, packets: 30, maxSeq: 129 })];
    const [stream] = (await sampler.sample()).streams;
    expect(stream).toMatchObject({ bitsPerSecond: 8000, packetsPerSecond: 10 });
  });
});

describe("retirement", () => {
  it("a stream that fell silent is told until it is 60 s silent, once more, and then retired", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.streams = [streamRecord({ id: 5, lastMs: source.atMs }), streamRecord({ id: 6, firstMs: 1 })];
    const told: number[] = [];
    for (let second = 0; second < 62; second++) {
      (source.streams[1] as { lastMs: number }).lastMs = source.atMs; // 6 goes on
      told.push((await sampler.sample()).streams.length);
      source.pass(1000);
    }
    // Samples 0 to 60 s leave it alone; that of 61 s tells it and retires it.
    expect(told).toEqual(Array(62).fill(2));
    expect(source.retired).toEqual([["stream", [5]]]);
    source.streams = source.streams.filter((record) => record.id === 6);
    expect((await sampler.sample()).streams.length).toBe(1);
  });

  /** The pair 2, for so long and no longer. */
  async function expectKept(source: FakeSource, sampler: Sampler, ms: number): Promise<void> {
    source.pass(ms);
    await sampler.sample();
    expect(source.retired).toEqual([]);
    source.pass(1);
    await sampler.sample();
    expect(source.retired).toEqual([["pair", [2]]]);
  }

  it("pairs are given 120 s", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.pairs = [pairRecord({ id: 2, lastMs: source.atMs })];
    await expectKept(source, sampler, 120_000);
  });

  it.each([
    ["to a TURN server", { traits: PAIR_TRAITS.turn }, {}],
    ["of a peer behind a relay", {}, { peerAddress: "198.51.100.9", peerPort: 7000, peerName: 3 }],
  ])("a way %s is kept for the ten minutes of an allocation (RFC 8656), and one more", async (_, record, origin) => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.origins.set("pair 2", originOf(origin));
    source.pairs = [pairRecord({ id: 2, lastMs: source.atMs, ...record })];
    await expectKept(source, sampler, 660_000);
  });

  it("a record that was not set free because it changed goes on with its counts", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    source.streams = [streamRecord({ id: 5, lastMs: source.atMs, bytes: 1000 })];
    source.pass(61_000);
    await sampler.sample();
    source.pass(1000);
    source.streams = [streamRecord({ id: 5, lastMs: source.atMs, bytes: 2000 })];
    const [stream] = (await sampler.sample()).streams;
    expect(stream).toHaveProperty("bitsPerSecond", 8000);
    expect(source.asked).toEqual(["stream 5"]);
  });

  it("is not for captures", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, { retireIdle: false });
    source.streams = [streamRecord()];
    source.pass(3_600_000);
    await sampler.sample();
    expect(source.retired).toEqual([]);
  });
});

describe("round trips", () => {
  it("the latest is shown until 15 s brought no other; what was measured in all stays", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    const shown: (number | undefined)[] = [];
    for (let second = 0; second < 24; second++) {
      // One in each of the first three seconds, and one more after 20 s; the other end asks all the time.
      const firstRoundTrips = second < 3 ? second : second < 20 ? 2 : 3;
      source.pairs = [
        pairRecord({ firstRoundTrips, firstRoundTripLastNs: 30e6, secondRequests: second, lastMs: source.atMs }),
      ];
      const [pair] = (await sampler.sample()).candidatePairs;
      shown.push(pair?.currentRoundTripTime);
      expect(pair?.rttSource).toBe(pair?.currentRoundTripTime && "stun");
      expect(pair?.totalRoundTripTime === undefined).toBe(firstRoundTrips === 0);
      source.pass(1000);
    }
    const at = (second: number) => (second === 0 || (second > 17 && second < 20) ? undefined : 0.03);
    expect(shown).toEqual(Array.from({ length: 24 }, (_, second) => at(second)));
  });
});

describe("time", () => {
  it("is the wall clock in ns, decimal, and the same moment in ms", async () => {
    const source = new FakeSource();
    source.epochMs = 1_760_000_000_123.25;
    const sample = await new Sampler(source, NOT_IDLE).sample();
    expect(sample.timeNs).toBe("1760000000123250000");
    expect(sample.timestamp).toBe(1_760_000_000_123.25);
  });

  it("never goes back: after a step back it runs on at half speed until the wall clock has caught up", async () => {
    const source = new FakeSource();
    const sampler = new Sampler(source, NOT_IDLE);
    const times: bigint[] = [];
    const take = async (): Promise<void> => {
      times.push(BigInt((await sampler.sample()).timeNs));
      source.pass(1000);
    };
    await take();
    source.epochMs -= 4500;
    for (let i = 0; i < 12; i++) await take();
    const steps = times.slice(1).map((time, i) => Number(time - (times[i] as bigint)) / 1e9);
    // At sample k the wall clock shows k - 4.5 s after the first, and the samples' time k / 2, until both meet at k = 9.
    expect(steps).toEqual([...Array(9).fill(0.5), 1, 1, 1]);
    expect(sampler.clockSteps).toBe(1);
    expect(times.at(-1)).toBe(BigInt(source.epochMs - 1000) * 1_000_000n);
  });

  it("two samples of one moment have two times", async () => {
    const sampler = new Sampler(new FakeSource(), NOT_IDLE);
    const [first, second] = [await sampler.sample(), await sampler.sample()];
    expect(BigInt(second.timeNs)).toBeGreaterThan(BigInt(first.timeNs));
  });
});

describe("owners", () => {
  it("are looked for once when found", async () => {
    const source = new FakeSource();
    const owners = new FakeOwners();
    owners.owner = { pid: 12, comm: "agent", cgroup: "/" };
    const sampler = new Sampler(source, { ...NOT_IDLE, owners });
    source.streams = [streamRecord()];
    source.pairs = [pairRecord()];
    for (let i = 0; i < 3; i++) await sampler.sample();
    const { streams, candidatePairs } = await sampler.sample();
    expect(streams[0]).toMatchObject({ pid: 12, comm: "agent", cgroup: "/" });
    expect(candidatePairs[0]).toMatchObject({ pid: 12, comm: "agent", cgroup: "/" });
    expect(owners.asked.map((origins) => origins.length)).toEqual([2]);
  });

  it("are looked for three times when not, and keep the cgroup that is known", async () => {
    const source = new FakeSource();
    const owners = new FakeOwners();
    owners.owner = { cgroup: "/a" };
    const sampler = new Sampler(source, { ...NOT_IDLE, owners });
    source.streams = [streamRecord()];
    for (let i = 0; i < 6; i++) expect((await sampler.sample()).streams[0]).toHaveProperty("cgroup", "/a");
    expect(owners.asked.length).toBe(3);
  });
});

describe("cost", () => {
  it("1 000 streams take less than 2 % of a core at one sample per second", async () => {
    const source = new FakeSource();
    source.streams = Array.from({ length: 1000 }, (_, id) => streamRecord({ id, ssrc: id, firstMs: id }));
    const sampler = new Sampler(source, NOT_IDLE);
    const snapshot = source.snapshot();
    source.snapshot = () => snapshot; // the fake's own work is not what is measured
    for (let i = 0; i < 20; i++) await sampler.sample();
    const { user, system } = process.cpuUsage();
    for (let i = 0; i < 50; i++) await sampler.sample();
    const after = process.cpuUsage();
    const msPerSample = (after.user + after.system - user - system) / 1000 / 50;
    expect(msPerSample).toBeLessThan(20);
  });
});
