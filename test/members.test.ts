// SPDX-License-Identifier: MIT
/**
 * README's table of W3C members is true: what it says can be filled is emitted, and what it says cannot is not. Oracle: the table,
 * against the stats of captures made from seeds, which have everything in them, and the schema of InfluxDB.
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { CodecTable } from "../src/codec.js";
import { addon } from "../src/native.js";
import { SCHEMA } from "../src/point.js";
import { Sampler } from "../src/sampler.js";
import { withFile } from "./analysis.js";
import { makeScenario } from "./scenario/scenario.js";

const SEEDS = 40;

interface Row {
  type: string;
  members: string[];
  how: string;
  canBeFilled: boolean;
}

/** `mimeType` (as `codec`) is called codec here. */
const namesIn = (cell: string): string[] =>
  [...cell.matchAll(/`(\w+)`(?: \(as `(\w+)`\))?/g)].map(([, name, ours]) => ours ?? name ?? "");

function table(): Row[] {
  const readme = readFileSync("README.md", "utf8");
  const section = readme.slice(readme.indexOf("### W3C members"), readme.indexOf("## Commands"));
  const lines = section.split("\n").filter((line) => /^\| (`|\|)/.test(line));
  let type = "";
  return lines.map((line) => {
    const [, first = "", members = "", how = ""] = line.split("|").map((cell) => cell.trim());
    type = first === "" ? type : first.replaceAll("`", "");
    return { type, members: namesIn(members), how, canBeFilled: !how.startsWith("no") };
  });
}

const ROWS = table();

/** Where each type's members are: those without an object of their own are in others. */
const PLACES: Record<string, string[]> = {
  "inbound-rtp": ["inbound-rtp"],
  "outbound-rtp": ["outbound-rtp"],
  "remote-inbound-rtp": ["remote-inbound-rtp"],
  "remote-outbound-rtp": ["remote-outbound-rtp"],
  "candidate-pair": ["candidate-pair"],
  transport: ["candidate-pair"],
  codec: ["inbound-rtp", "outbound-rtp"],
};

/** Payload types of test/scenario, the repairs once as RTX and once as FEC. */
const tableWith = (repair: "rtx" | "fec"): CodecTable => ({
  payloadTypes: {
    96: { mimeType: "video/VP8", clockRate: 90_000 },
    97: { mimeType: repair === "rtx" ? "video/rtx" : "video/flexfec-03", clockRate: 90_000, repair },
    111: { mimeType: "audio/opus", clockRate: 48_000, channels: 2 },
  },
  sources: {},
  repairs: {},
});

/** Captures, and the end that is ours: from seeds, and of a call of two browsers, which has ICE's roles and a whole handshake. */
function captures(): [capture: Buffer, local: string][] {
  const made = Array.from({ length: SEEDS }, (_, i) => makeScenario(i + 1));
  const call = readFileSync("test/captures/chromium-impaired/sender.pcap");
  return [...made.map(({ capture, local }): [Buffer, string] => [capture, local]), [call, "10.99.1.1"]];
}

/** Names that the stats of each type ever had. */
async function emitted(): Promise<Map<string, Set<string>>> {
  const names = new Map<string, Set<string>>();
  const add = (stats: { type: string }): void => {
    const known = names.get(stats.type) ?? new Set<string>();
    for (const [name, value] of Object.entries(stats)) if (value !== undefined) known.add(name);
    names.set(stats.type, known);
  };
  for (const [i, [capture, local]] of captures().entries()) {
    await withFile(capture, async (path) => {
      const source = addon.openCapture(path, { local: [local], clockRates: {} });
      const codecs = tableWith(i % 2 ? "rtx" : "fec");
      const sampler = new Sampler(source, { retireIdle: false, codecs });
      const more = await source.read(0);
      const begin = source.frames().nextMs;
      for (let afterMs = 1000; more && afterMs <= 64_000; afterMs *= 2) {
        await source.read(begin + afterMs);
        const { streams, candidatePairs, reports } = await sampler.sample();
        for (const stats of [...streams, ...candidatePairs, ...reports]) add(stats);
      }
      source.close();
    });
  }
  return names;
}

const measurementOf = (type: string): string => type.replaceAll("-", "_");
/** What says which stream it is, or is a tag: no field of InfluxDB. */
const fieldsOf = (type: string): Set<string> => {
  const { fields = {} } = SCHEMA.find(({ measurement }) => measurement === measurementOf(type)) ?? {};
  return new Set(Object.keys(fields));
};

describe("README's table of W3C members", () => {
  let names = new Map<string, Set<string>>();

  beforeAll(async () => {
    names = await emitted();
  }, 60_000);

  it("has all types of webrtc-stats that are about the network", () => {
    expect(new Set(ROWS.map(({ type }) => type))).toEqual(
      new Set([
        ...Object.keys(PLACES),
        "local-candidate, remote-candidate",
        "media-source, media-playout, data-channel, certificate, …",
      ]),
    );
    expect(ROWS.filter(({ members }) => members.length > 0).length).toBeGreaterThan(20);
  });

  it.each(ROWS.filter(({ canBeFilled }) => canBeFilled))(
    "$type: $members are filled, and stored",
    ({ type, members }) => {
      const places = PLACES[type] ?? [];
      for (const member of members) {
        expect(
          places.filter((place) => names.get(place)?.has(member)),
          member,
        ).toEqual(places);
        for (const place of places) expect(fieldsOf(place), member).toContain(member);
      }
    },
  );

  it.each(ROWS.filter(({ canBeFilled }) => !canBeFilled))("$type: $members are not filled", ({ type, members }) => {
    for (const place of PLACES[type] ?? []) {
      for (const member of members) expect(names.get(place), member).not.toContain(member);
    }
  });
});
