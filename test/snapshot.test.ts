// SPDX-License-Identifier: MIT
/**
 * Snapshots into the memory of one that is spent, and slots of the kernel's table that are used again. Oracles: the same source
 * without spent memory, and the streams that test/traffic/ sends.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addon, type Capture, type Probe, rowAt, rowCount, type Snapshot } from "../src/native.js";
import { can } from "./capability.js";
import { Lab, RECEIVER, SENDER, type Truth } from "./traffic/lab.js";

const TABLES = ["streams", "pairs", "reports", "depths"] as const;
const CAPTURE = join(import.meta.dirname, "captures/chromium-turn/client.pcap");
const STEP_MS = 1000;

/** Everything of a snapshot, as rows. */
function rowsOf(snapshot: Snapshot): unknown {
  const tables = TABLES.map((table) => {
    const columns = snapshot[table] as Snapshot["streams"];
    return Array.from(columns.id, (_, i) => rowAt(columns, i));
  });
  return [snapshot.atMs, snapshot.epochMs, snapshot.datagrams, tables];
}

/** Two captures of the same file, at the end of each second. */
async function inSteps(look: (one: Capture, other: Capture) => void): Promise<void> {
  const open = () => addon.openCapture(CAPTURE, { local: [], clockRates: {} });
  const [one, other] = [open(), open()];
  try {
    await one.read(0);
    let untilMs = one.frames().nextMs;
    for (let more = true; more; untilMs += STEP_MS) {
      more = await one.read(untilMs);
      await other.read(untilMs);
      look(one, other);
    }
  } finally {
    one.close();
    other.close();
  }
}

describe("a snapshot into spent memory", () => {
  it("is the same as one into fresh memory, while tables grow", async () => {
    let spent: Snapshot | undefined;
    const again: boolean[] = [];
    const rows: number[] = [];
    await inSteps((one, other) => {
      const before = spent?.streams.id.buffer;
      spent = one.snapshot(spent);
      expect(rowsOf(spent)).toEqual(rowsOf(other.snapshot()));
      again.push(spent.streams.id.buffer === before);
      rows.push(TABLES.reduce((sum, table) => sum + rowCount((spent as Snapshot)[table]), 0));
    });
    expect(rows.at(-1)).toBeGreaterThan(rows[1] as number);
    expect(again.at(-1), "its memory was used again").toBe(true);
  });

  it("leaves a snapshot alone that was not handed back", async () => {
    let kept: Snapshot | undefined;
    let rows: unknown;
    await inSteps((one) => {
      if (kept) expect(rowsOf(kept)).toEqual(rows);
      kept = one.snapshot();
      rows = rowsOf(kept);
    });
  });

  it("gives memory back when few rows are left of many", async () => {
    await inSteps((one, other) => {
      const large = one.snapshot();
      const memory = { id: new Float64Array(1e6) } as unknown as Snapshot["streams"];
      const { streams } = one.snapshot({ ...large, streams: memory });
      expect(streams.id.buffer).not.toBe(memory.id.buffer);
      expect(streams).toEqual(other.snapshot().streams);
    });
  });

  it.each([
    ["nothing", {}],
    ["null", null],
    ["a number", 7],
    ["tables that are none", { streams: 1, pairs: null, reports: { id: 3 }, depths: {} }],
    ["memory that is too small", { streams: { id: new Float64Array(1) }, pairs: { id: new Float64Array(0) } }],
    ["memory of other numbers", { streams: { id: new Uint8Array(7) }, depths: { id: new Uint16Array(77_777) } }],
  ])("takes %s for no memory", async (_, spent) => {
    await inSteps((one, other) => {
      expect(rowsOf(one.snapshot(spent as unknown as Snapshot))).toEqual(rowsOf(other.snapshot()));
    });
  });

  it("takes memory that has gone for none", async () => {
    await inSteps((one, other) => {
      const gone = one.snapshot();
      structuredClone(gone.streams.id.buffer, { transfer: [gone.streams.id.buffer as ArrayBuffer] });
      expect(rowsOf(one.snapshot(gone))).toEqual(rowsOf(other.snapshot()));
    });
  });
});

const why = [can.bpf, can.netns].find((capability) => !capability.ok)?.why ?? "";

describe.skipIf(why !== "")(`slots of the kernel's table — ${why || "eBPF and namespaces"}`, () => {
  const STREAMS = 40;
  let lab: Lab;
  let probe: Probe;

  beforeAll(async () => {
    lab = await Lab.open("slots");
    const tables = { maxStreams: 1024, maxPairs: 16 };
    probe = addon.openProbe({ cgroup: lab.cgroup, ...tables, clockRates: {}, probes: ["rtp"] });
  });
  afterAll(async () => {
    probe?.close();
    await lab?.close();
  });

  async function send(): Promise<Truth> {
    const receiver = await lab.receive({ source: RECEIVER.v4, "source-port": 50_000 });
    const path = { source: SENDER.v4, "source-port": 40_000, to: RECEIVER.v4, port: 50_000 };
    const truth = await lab.send<Truth>("send", { ...path, ssrc: 5000, seed: 5, streams: STREAMS, packets: 20 });
    await receiver.finish();
    return truth;
  }

  it("are seen when a stream begins, not once it is retired, and again when they are used again", async () => {
    const sent = new Set((await send()).streams.map(({ ssrc }) => ssrc));
    const first = probe.snapshot();
    expect(new Set(first.streams.ssrc)).toEqual(sent);
    expect(rowCount(first.streams)).toBe(2 * STREAMS);

    const ids = first.streams.id.slice();
    probe.retire("stream", ids.subarray(0, STREAMS));
    const second = probe.snapshot(first);
    expect([...second.streams.id]).toEqual([...ids.subarray(STREAMS)]);
    probe.retire("stream", ids);
    expect(rowCount(probe.snapshot(second).streams)).toBe(0);

    await send();
    const { streams } = probe.snapshot();
    expect(new Set(streams.ssrc)).toEqual(sent);
    expect(rowCount(streams)).toBe(2 * STREAMS);
  });

  it("are two per stream that was asked for; more streams have none, and their packets say so", async () => {
    const tables = { maxStreams: 8, maxPairs: 16 };
    const small = addon.openProbe({ cgroup: lab.cgroup, ...tables, clockRates: {}, probes: ["rtp"] });
    try {
      const { streams } = await send();
      const snapshot = small.snapshot();
      const { seen, rtp, unconfirmed, tableFull } = snapshot.datagrams;
      const sent = streams.reduce((sum, { packets }) => sum + packets, 0);
      expect(seen).toBe(2 * sent);
      expect(rtp + unconfirmed + tableFull).toBe(seen);
      // Each of them is in a record, or finds none: no more than sixteen have one, no fewer than the first eight.
      const found = rowCount(snapshot.streams);
      expect(found).toBeGreaterThanOrEqual(8);
      expect(found).toBeLessThanOrEqual(16);
      expect(tableFull).toBeGreaterThan(0);
      expect(snapshot.streams.packets.reduce((sum, packets) => sum + packets, 0)).toBe(rtp);
    } finally {
      small.close();
    }
  });
});
