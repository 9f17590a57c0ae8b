// SPDX-License-Identifier: MIT
/**
 * The demo. Oracles: for its arithmetic the worked examples below, by hand from RFC 3550 A.8, and RFC 5769's test vector
 * of STUN; for the whole, that it says so itself, with exit code 0, and leaves nothing behind.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { findDisagreements, formatComparisons } from "../demo/comparison.js";
import { Impairment } from "../demo/impairment.js";
import { makeMedia } from "../demo/media.js";
import { seedRandom } from "../demo/random.js";
import { buildRtp, parseRtp } from "../demo/rtp.js";
import { buildRequest, buildResponse, parseStun } from "../demo/stun.js";
import { findPairTruth, findStreamTruth } from "../demo/truth.js";
import { findCgroupRoot } from "../src/cgroup.js";
import { asNobody, can, nobodyHasAccess } from "./capability.js";

const ROOT = join(import.meta.dirname, "..");

describe("truth of a stream", () => {
  const packet = (sequence: number, timestamp: number, milliseconds: number) => ({
    sequence,
    timestamp,
    at: milliseconds / 1e3,
  });

  it("loss, duplicates and reordering over the wrap of the sequence number", () => {
    const order = [65534, 1, 65535, 65535, 4, 65533, 3, 3];
    const truth = findStreamTruth(
      order.map((sequence, i) => packet(sequence, 0, i)),
      8000,
    );
    // 65533 to 65536 + 4 are eight numbers; 0 and 2 never came.
    expect(truth).toMatchObject({ packets: 8, lost: 2, duplicated: 2, reordered: 3 });
  });

  it("both jitters, by hand", () => {
    // At 8 kHz 160 ticks are 20 ms.
    const packets = [packet(1, 0, 0), packet(3, 320, 44), packet(2, 160, 48), packet(4, 480, 60)];
    // RFC 3550: |D| = 4, 24, 28 ms → J = 0.25, then 0.25 + 23.75/16 = 1.734375, then + 26.265625/16 = 3.3759765625.
    // In order 1, 3, 4: |D| = 4, then |16 − 20| = 4 ms → J = 0.25, then 0.25 + 3.75/16 = 0.484375.
    const truth = findStreamTruth(packets, 8000);
    expect(truth.jitterRfc3550 * 1e3).toBeCloseTo(3.3759765625, 9);
    expect(truth.jitter * 1e3).toBeCloseTo(0.484375, 9);
  });

  it("packets of one frame: only the change of the timestamp counts in order", () => {
    const packets = [packet(1, 0, 0), packet(2, 0, 8), packet(3, 90, 9)];
    // 90 kHz: 90 ticks are 1 ms. |D| = 8, then 0 → J = 0.5, then 0.5 − 0.5/16; in order |D| = 0 against packet 2.
    const truth = findStreamTruth(packets, 90_000);
    expect(truth.jitterRfc3550 * 1e3).toBeCloseTo(0.46875, 9);
    expect(truth.jitter).toBeCloseTo(0, 9);
  });

  it("round trips: to the first answer, none without one", () => {
    const requests: [string, number][] = [
      ["a", 1e6],
      ["b", 2e6],
      ["c", 3e6],
    ];
    const responses: [string, number][] = [
      ["c", 9e6],
      ["a", 5e6],
      ["a", 6e6],
      ["x", 7e6],
    ];
    const truth = findPairTruth(requests, responses);
    expect(truth).toEqual({ requests: 3, responses: 2, roundTrips: [0.004, 0.006] });
  });
});

describe("the bad network", () => {
  const options = { seed: 5, delay: 20, jitter: 5, loss: 0.03, lossBurst: 2, duplicate: 0.02, reorder: 0.01, hold: 50 };

  it("the same seed decides the same", () => {
    const decide = (seed: number) => {
      const network = new Impairment({ ...options, seed });
      return Array.from({ length: 500 }, (_, i) => network.decide(i * 10));
    };
    expect(decide(5)).toEqual(decide(5));
    expect(decide(5)).not.toEqual(decide(6));
  });

  it("loses, duplicates and delays as often and as long as it was told", () => {
    const network = new Impairment(options);
    const fates = Array.from({ length: 100_000 }, (_, i) => ({ at: i * 20, leaves: network.decide(i * 20) }));
    const share = (n: number) => fates.filter(({ leaves }) => leaves.length === n).length / fates.length;
    expect(share(0)).toBeCloseTo(options.loss, 2);
    expect(share(2)).toBeCloseTo(options.duplicate, 2);
    expect(fates.every(({ at, leaves }) => leaves.every((time) => time >= at + options.delay))).toBe(true);
  });
});

describe("media and datagrams of the demo", () => {
  it("audio falls silent for 400 ms and goes on in step with its clock", () => {
    const audio = makeMedia("audio", seedRandom(1));
    const packets = Array.from({ length: 2000 }, () => audio.next().value);
    const steps = packets.slice(1).map((packet, i) => packet.at - (packets[i]?.at ?? 0));
    expect(new Set(steps)).toEqual(new Set([20, 400]));
    expect(packets.every(({ at, timestamp }) => timestamp === at * 48)).toBe(true);
  });

  it("every frame of video has several packets of one timestamp, and the marker on the last", () => {
    const video = makeMedia("video", seedRandom(1));
    const packets = Array.from({ length: 1000 }, () => video.next().value);
    packets.slice(0, -1).forEach((packet, i) => {
      expect(packet.marker).toBe(packets[i + 1]?.timestamp !== packet.timestamp);
    });
  });

  it("RTP says what it was built of", () => {
    const fields = { sequence: 70_000, timestamp: 2 ** 32 + 5, ssrc: 0xfedcba98 };
    const rest = { payloadType: 111, marker: true, audioLevel: 30, sendTime: 1.5, transportSequence: 9, size: 100 };
    const { datagram, headerBytes } = buildRtp({ ...fields, ...rest }, seedRandom(1));
    expect(parseRtp(datagram)).toEqual({ sequence: 70_000 - 65_536, timestamp: 5, ssrc: 0xfedcba98 });
    expect(datagram.subarray(0, 2)).toEqual(Buffer.from([0x90, 0x80 | 111]));
    expect(datagram.length - headerBytes).toBe(110);
    // RFC 8285: audio level 30 with voice, abs-send-time 1.5 s = 0x060000, transport sequence 9, one byte of padding.
    expect(datagram.subarray(12, headerBytes).toString("hex")).toBe("bede0003109e2206000031000900".padEnd(32, "0"));
  });

  it("STUN carries a fingerprint that holds (RFC 8489 section 14.7)", () => {
    const id = "00112233445566778899aabb";
    const request = buildRequest(id, "a:b", "secret");
    const response = buildResponse(id, "192.0.2.1", 32_853, "secret");
    expect(parseStun(request)).toEqual({ kind: "request", id });
    expect(parseStun(response)).toEqual({ kind: "success", id });
    for (const message of [request, response]) {
      const fingerprint = (crc32(message.subarray(0, -8)) ^ 0x5354554e) >>> 0;
      expect(message.readUInt32BE(message.length - 4)).toBe(fingerprint);
      expect(message.readUInt16BE(2)).toBe(message.length - 20);
    }
    // RFC 5769 section 2.2: 192.0.2.1 port 32853 is written as a147, e112a643.
    expect(response.toString("hex", 20, 32)).toBe("002000080001a147e112a643");
  });
});

describe("the table of the demo", () => {
  const row = (probe: object | undefined) => ({ subject: "audio", truth: { packets: 10, jitter: 1 }, probe });

  it("counts must be equal, times nearly", () => {
    expect(findDisagreements([row({ packets: 10, jitter: 1.1 })])).toEqual([]);
    expect(findDisagreements([row({ packets: 11, jitter: 1.1 })])).toEqual([
      expect.stringContaining("packets is 1 off"),
    ]);
    expect(findDisagreements([row({ packets: 10, jitter: 1.5 })])).toEqual([
      expect.stringContaining("jitter is 0.500"),
    ]);
    expect(findDisagreements([row({ packets: 10 })])).toEqual([expect.stringContaining("has no jitter")]);
    expect(findDisagreements([row(undefined)])).toEqual([expect.stringContaining("did not see")]);
  });

  it("shows truth, probe and difference", () => {
    const [, truth, probe, difference] = formatComparisons([row({ packets: 11, jitter: 0.9 })]).split("\n");
    expect(truth).toMatch(/^audio +truth +10 +1\.000$/);
    expect(probe).toMatch(/^ +probe +11 +0\.900$/);
    expect(difference).toMatch(/^ +difference +\+1 +-0\.100$/);
  });
});

/** What a demo may leave behind: namespaces, cgroups, processes. */
async function remains(demo: ChildProcess): Promise<string[]> {
  const name = `rtcprobe-demo-${demo.pid}`;
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
  const namespaces = execFileSync("ip", ["netns", "list"], { encoding: "utf8", env: { ...process.env, PATH: path } });
  const cgroups = readdirSync(await findCgroupRoot());
  return [...namespaces.split("\n"), ...cgroups].filter((entry) => entry.startsWith(name));
}

function startDemo(environment: NodeJS.ProcessEnv, prefix: readonly string[] = []) {
  const [program = "", ...args] = [...prefix, process.execPath, "--import", "tsx", join(ROOT, "demo", "main.ts")];
  const demo = spawn(program, args, { cwd: ROOT, env: { ...process.env, ...environment } });
  const output = { out: "", err: "" };
  demo.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.out += text;
  });
  demo.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.err += text;
  });
  return { demo, output };
}

const why = [can.bpf, can.netns].find((capability) => !capability.ok)?.why ?? "";

describe.skipIf(why !== "")(`make demo — ${why || "eBPF and namespaces"}`, () => {
  it("agrees with its truth, exits 0 and leaves nothing behind", { timeout: 60_000 }, async () => {
    const { demo, output } = startDemo({ DEMO_SECONDS: "8" });
    const [code] = await once(demo, "close");
    expect(output.err + output.out).toContain("the probe agrees with the truth");
    expect(code).toBe(0);
    expect(output.out.split("\n")[0]).toMatch(/packets +lost +dupl\. +reord\. +jitter ms +RFC 3550 ms/);
    expect(await remains(demo)).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("%s in the middle: one line, exit 1, nothing left", async (signal) => {
    const { demo, output } = startDemo({ DEMO_SECONDS: "60" });
    while (!output.err.includes("a call of 60 s") && demo.exitCode === null) await sleep(50);
    expect(await remains(demo)).not.toEqual([]);
    demo.kill(signal);
    const [code] = await once(demo, "close");
    expect(output.err).toContain(`rtcprobe: stopped by ${signal}\n`);
    expect(code).toBe(1);
    expect(await remains(demo)).toEqual([]);
  });

  const needs = nobodyHasAccess();
  it.skipIf(!needs.ok)(`not root: one line — ${needs.why || "as nobody"}`, async () => {
    const nobody = startDemo({}, asNobody());
    expect(await once(nobody.demo, "close")).toEqual([1, null]);
    expect(nobody.output.err).toBe("rtcprobe: the demo makes network namespaces and loads eBPF; run it as root\n");
  });

  it("a bad variable: one line", async () => {
    const typo = startDemo({ DEMO_SECONDS: "12abc" });
    expect(await once(typo.demo, "close")).toEqual([2, null]);
    expect(typo.output.err).toBe("rtcprobe: DEMO_SECONDS=12abc cannot be used; give a whole number from 5 to 3600\n");
  });
});
