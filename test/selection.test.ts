// SPDX-License-Identifier: MIT
/**
 * Which pair carries a transport's media. Oracle: W3C webrtc-stats, selectedCandidatePairChanges: how often another pair was selected;
 * a stream that has not come over yet, or fell silent before, tells of no change back.
 */
import { expect, it } from "vitest";
import { type Carried, Selection } from "../src/selection.js";

const on = (key: string, pair: string, lastMs: number): Carried<string> => ({ key, pair, lastMs });

it.each([
  ["audio first", 0],
  ["video first", 1],
])("a transport whose audio moved before its video changed once: %s", (_, turn) => {
  const selection = new Selection<string>();
  const update = (...streams: Carried<string>[]) => [...selection.update(turn === 0 ? streams : streams.toReversed())];
  expect(update(on("audio", "A", 1000), on("video", "A", 990))).toEqual([["A", 0]]);
  // The latest packet of video is older than that of audio on the new pair.
  expect(update(on("audio", "B", 2000), on("video", "A", 1500))).toEqual([["B", 1]]);
  expect(update(on("audio", "B", 3000), on("video", "A", 1500))).toEqual([["B", 1]]);
  expect(update(on("audio", "B", 4000), on("video", "B", 3990))).toEqual([["B", 1]]);
});

it("a transport that goes back changed twice", () => {
  const selection = new Selection<string>();
  const changes = (pair: string, lastMs: number) => [...selection.update([on("audio", pair, lastMs)])];
  expect(changes("A", 1000)).toEqual([["A", 0]]);
  expect(changes("B", 2000)).toEqual([["B", 1]]);
  expect(changes("A", 3000)).toEqual([["A", 2]]);
});

it("two transports change by themselves", () => {
  const selection = new Selection<string>();
  selection.update([on("one", "A", 1000), on("two", "C", 1000)]);
  const changes = selection.update([on("one", "B", 2000), on("two", "C", 2000)]);
  expect(changes).toEqual(
    new Map([
      ["B", 1],
      ["C", 0],
    ]),
  );
});
