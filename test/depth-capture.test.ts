// SPDX-License-Identifier: MIT
/**
 * The depth probe on real calls. Oracles: tshark's own dissection of the header extensions and timestamps, from which each
 * figure is computed here in floating point; and test/captures/truth.json's losses.
 */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { depthAt } from "../src/depthrecord.js";
import { addon } from "../src/native.js";
import { Sampler } from "../src/sampler.js";
import type { StreamStats } from "../src/stats.js";
import { can } from "./capability.js";

const CAPTURE = "test/captures/chromium-impaired/receiver.pcap";
const AUDIO = 0x897f189d;
const VIDEO = 0x120aebba;
const RTX = 0x1362806d;

interface Packet {
  ssrc: number;
  seconds: number;
  seq: number;
  timestamp: number;
  elements: Map<number, Buffer>;
}

/** What tshark says of the packets to our end. */
function dissect(): Packet[] {
  const names = ["frame.time_epoch", "rtp.ssrc", "rtp.seq", "rtp.timestamp"];
  const lists = ["rtp.ext.rfc5285.id", "rtp.ext.rfc5285.data"];
  const text = execFileSync(
    "tshark",
    ["-r", CAPTURE, "-d", "udp.port==0-65535,rtp", "-Y", "rtp.ssrc && ip.dst==10.99.1.2", "-T", "fields"].concat(
      [...names, ...lists].flatMap((name) => ["-e", name]),
    ),
    { encoding: "utf8", maxBuffer: 2 ** 26, stdio: ["ignore", "pipe", "ignore"] },
  );
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [time = "", ssrc = "", seq = "", timestamp = "", ids = "", data = ""] = line.split("\t");
      const values = data.split(",");
      const seconds = Number(time.slice(6)); // the nanoseconds fit a double without the leading digits
      return {
        ssrc: Number(ssrc),
        seconds,
        seq: Number(seq),
        timestamp: Number(timestamp),
        elements: new Map(ids.split(",").map((id, i) => [Number(id), Buffer.from(values[i] ?? "", "hex")])),
      };
    });
}

/** Packets that are ahead of all before them. */
function inOrder(packets: Packet[]): Packet[] {
  let highest: number | undefined;
  return packets.filter(({ seq }) => {
    const ahead = highest === undefined ? 1 : (seq - highest) & 0xffff;
    if (ahead === 0 || ahead >= 0x8000) return false;
    highest = seq;
    return true;
  });
}

const sendTime = ({ elements }: Packet): number => (elements.get(2) ?? Buffer.alloc(3)).readUIntBE(0, 3) / 2 ** 18;

async function analyze(): Promise<{
  streams: StreamStats[];
  ids: Map<number, readonly number[]>;
  levels: Map<number, number>;
}> {
  const capture = addon.openCapture(CAPTURE, { local: ["10.99.1.2"], clockRates: {} });
  try {
    await capture.read();
    const { streams: rows, depths } = capture.snapshot();
    const ids = Array.from(depths.id, (id, i) => {
      const { levelId, sendTimeId, frameId, textIds, transportId } = depthAt(depths, i);
      return [rows.ssrc[rows.id.indexOf(id)] as number, [levelId, sendTimeId, frameId, textIds, transportId]] as const;
    });
    const { streams } = await new Sampler(capture, { retireIdle: false }).sample();
    const levels = new Map(
      Array.from(depths.id, (id, i) => [rows.ssrc[rows.id.indexOf(id)] as number, depthAt(depths, i).levels]),
    );
    return { streams, ids: new Map(ids), levels };
  } finally {
    capture.close();
  }
}

describe.skipIf(!can.tshark.ok)(`the depth of a Chromium call — ${can.tshark.why || "tshark"}`, async () => {
  const packets = can.tshark.ok ? dissect() : [];
  const { streams, ids, levels } = await analyze();
  const of = (ssrc: number): Packet[] => packets.filter((packet) => packet.ssrc === ssrc);
  const stats = (ssrc: number): StreamStats => streams.find((stream) => stream.ssrc === ssrc) as StreamStats;

  it("knows the ids of audio level, abs-send-time, transport-wide sequence and mid, and no others", () => {
    // The SDP's: 1 audio level, 2 abs-send-time, 3 transport-wide sequence, 4 mid; no dependency descriptor.
    expect(ids.get(AUDIO)).toEqual([1, 2, 0, 1 << 4, 3]);
    expect(ids.get(VIDEO)).toEqual([0, 2, 0, 1 << 4, 3]);
    expect(stats(AUDIO).mid).toBe("0");
    expect(stats(VIDEO).mid).toBe("1");
  });

  it("counts what the whole bundle lost, retransmissions too", () => {
    const numbers = packets
      .filter(({ ssrc }) => [AUDIO, VIDEO, RTX].includes(ssrc))
      .map(({ elements }) => elements.get(3));
    const seen = new Set(numbers.filter((bytes) => bytes?.length === 2).map((bytes) => bytes?.readUInt16BE(0)));
    const [low, high] = [Math.min(...(seen as Set<number>)), Math.max(...(seen as Set<number>))];
    for (const ssrc of [AUDIO, VIDEO, RTX]) {
      expect(stats(ssrc).transportPacketsExpected).toBe(high - low + 1);
      expect(stats(ssrc).transportPacketsLost).toBe(high - low + 1 - seen.size);
    }
  });

  it("has the transit variation: A.8 over arrivals and abs-send-time", () => {
    for (const ssrc of [AUDIO, VIDEO]) {
      let filter = 0;
      const ordered = inOrder(of(ssrc));
      ordered.forEach((packet, i) => {
        const before = ordered[i - 1];
        if (before === undefined) return;
        const sent = ((((sendTime(packet) - sendTime(before)) % 64) + 96) % 64) - 32;
        filter += (Math.abs(packet.seconds - before.seconds - sent) - filter) / 16;
      });
      // It begins when the id is believed, a second late: what came before has faded.
      expect(stats(ssrc).transitVariation).toBeCloseTo(filter, 6);
    }
  });

  it("has the audio level, and the energy of all packets whose duration is known", () => {
    const ordered = inOrder(of(AUDIO));
    const level = (packet: Packet): number => packet.elements.get(1)?.[0] ?? 127;
    const last = level(ordered.at(-1) as Packet);
    const found = stats(AUDIO);
    expect(found.audioLevel).toBeCloseTo((last & 127) === 127 ? 0 : 10 ** (-(last & 127) / 20), 12);
    expect(found.voiceActivity).toBe(last >> 7);
    // Believed 64 packets after the clock rate is known, which tells audio from video: the first 2.5 s tell nothing.
    const told = ordered.slice(-(levels.get(AUDIO) as number));
    expect(told.length).toBeGreaterThan(ordered.length - 125);
    expect(found.packetsWithVoice).toBe(told.filter((packet) => level(packet) >= 128).length);
    let [energy, duration] = [0, 0];
    told.forEach((packet, i) => {
      const next = told[i + 1];
      const ticks = next ? (next.timestamp - packet.timestamp) >>> 0 : 0;
      if (next === undefined || ((next.seq - packet.seq) & 0xffff) !== 1 || ticks > 6000) return;
      energy += ((level(packet) & 127) === 127 ? 0 : 10 ** (-(level(packet) & 127) / 10)) * (ticks / 48_000);
      duration += ticks / 48_000;
    });
    expect(found.totalAudioLevelDuration).toBeCloseTo(duration, 9);
    expect(found.totalAudioEnergyEstimate).toBeCloseTo(energy, 6);
  });

  it("counts frames, their intervals and the quantiles of their delay variation", () => {
    const starts = inOrder(of(VIDEO)).filter((packet, i, all) => packet.timestamp !== all[i - 1]?.timestamp);
    const found = stats(VIDEO);
    expect(found.type === "inbound-rtp" && found.framesReceived).toBe(starts.length);
    const gaps = starts.slice(1).map((packet, i) => packet.seconds - (starts[i] as Packet).seconds);
    expect(found.totalFrameInterval).toBeCloseTo(
      gaps.reduce((sum, gap) => sum + gap, 0),
      2,
    );
    expect(found.totalSquaredFrameInterval).toBeCloseTo(
      gaps.reduce((sum, gap) => sum + gap * gap, 0),
      3,
    );
    const variations = starts
      .slice(1)
      .map((packet, i) => {
        const before = starts[i] as Packet;
        return Math.abs(packet.seconds - before.seconds - ((packet.timestamp - before.timestamp) | 0) / 90_000);
      })
      .sort((a, b) => a - b);
    for (const [name, q] of [
      ["delayVariationP50", 0.5],
      ["delayVariationP95", 0.95],
    ] as const) {
      const exact = variations[Math.floor(q * variations.length)] as number;
      // A bucket is a quarter of its octave; the first second, before the clock is known, is left out.
      expect(Math.abs((found[name] as number) - exact)).toBeLessThan(exact / 8);
    }
  });

  it("tells no timing of a stream that retransmits", () => {
    expect(stats(RTX)).not.toHaveProperty("framesReceived");
    expect(stats(RTX)).not.toHaveProperty("delayVariationP50");
  });
});
