// SPDX-License-Identifier: MIT
/**
 * When a sink waits, and for how long. Oracles: full jitter, which is a random part of a ceiling that doubles; RFC 9110 section 10.2.3,
 * whose patience is kept, up to five minutes; the clock; and the writes that the target was handed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Verdict } from "../src/answer.js";
import { DELIVERY_LIMITS, Delivery, type DeliveryLimits } from "../src/delivery.js";
import { Outage } from "../src/outage.js";
import { MemoryFeed } from "./feeds.js";
import { makeSample } from "./samples.js";

afterEach(() => vi.restoreAllMocks());

/** What Math.random gives: 0 at least, and less than 1. */
const chance = (value: number) => vi.spyOn(Math, "random").mockReturnValue(value);

describe("an outage", () => {
  const LIMITS = { backoffMinMs: 500, backoffMaxMs: 60_000, holdMs: 60_000 };
  const waits = (random: number, retryAfterMs?: number, count = 9): number[] => {
    chance(random);
    const outage = new Outage(LIMITS, () => {});
    return Array.from({ length: count }, () => outage.retry("down", retryAfterMs));
  };

  it("waits for a random part of a ceiling that doubles up to the bound", () => {
    expect(waits(0.5)).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].map((ms) => ms + 1));
    expect(waits(0)).toEqual(Array(9).fill(1));
  });

  it("waits no less than the server asks for, and hosts that it asked together come apart", () => {
    expect(waits(0, 10_000, 2)).toEqual([10_001, 10_001]);
    expect(waits(0.5, 10_000, 2)).toEqual([10_251, 10_501]);
  });

  it("waits for five minutes at most, whatever the server asks for", () => {
    expect(waits(0, 300_000, 1)).toEqual([300_001]);
    expect(waits(0, 86_400_000, 1)).toEqual([300_001]);
  });

  it("is over with a success: the next one begins with the first ceiling", () => {
    chance(0.5);
    const outage = new Outage(LIMITS, () => {});
    for (let i = 0; i < 5; i++) outage.retry("down", undefined);
    outage.end();
    expect(outage.retry("down", undefined)).toBe(251);
  });
});

/** Soon on an idle machine, later on a busy one. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

function deliver(verdict: Verdict, limits: Partial<DeliveryLimits>) {
  const feed = new MemoryFeed();
  /** Milliseconds after the beginning of each write. */
  const writes: number[] = [];
  const begin = performance.now();
  const target = {
    place: "nowhere",
    write: async (): Promise<Verdict> => {
      writes.push(performance.now() - begin);
      return verdict;
    },
    close: () => {},
  };
  const options = { name: "x", feed, target, host: "h1", perStream: true, say: () => {} };
  const delivery = new Delivery({ ...options, limits: { ...DELIVERY_LIMITS, ...limits } });
  feed.write(makeSample());
  return { delivery, writes };
}

const DOWN: Verdict = { kind: "retry", reason: "down" };

describe("the first batch", () => {
  it("waits for a random part of the time of a batch, so that hosts come apart", async () => {
    chance(0.5);
    const { delivery, writes } = deliver({ kind: "done" }, { batchMs: 600 });
    await eventually(() => expect(writes).toHaveLength(1));
    expect(writes[0]).toBeGreaterThanOrEqual(295);
    await delivery.close(1_000);
  });

  it("may come at once", async () => {
    chance(0);
    const { delivery, writes } = deliver({ kind: "done" }, { batchMs: 60_000 });
    await eventually(() => expect(writes).toHaveLength(1));
    await delivery.close(1_000);
  });
});

describe("at the end, a target", () => {
  it("that was down before gets one attempt more", async () => {
    chance(0.99);
    const { delivery, writes } = deliver(DOWN, { batchMs: 0, backoffMinMs: 60_000 });
    await eventually(() => expect(writes).toHaveLength(1));
    await delivery.close(10_000);
    expect(writes).toHaveLength(2);
  });

  it("that fails then gets two", async () => {
    chance(0.99);
    const { delivery, writes } = deliver(DOWN, { batchMs: 60_000, backoffMinMs: 20 });
    await delay(20);
    expect(writes).toEqual([]);
    await delivery.close(10_000);
    expect(writes).toHaveLength(2);
    expect((writes[1] as number) - (writes[0] as number)).toBeGreaterThanOrEqual(15);
  });
});
