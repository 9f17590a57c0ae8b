// SPDX-License-Identifier: MIT
/** What is remembered of series. Oracle: the lines of an encoder that remembers nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineEncoder } from "../src/encoder.js";
import { SeriesBook } from "../src/series.js";
import { candidatePair, inboundStream, makeSample, outboundStream } from "./samples.js";

const OPTIONS = { host: "h1", perStream: true };

describe("the book of series", () => {
  it("changes no line, whatever the names, through any number of samples", () => {
    // Few letters, so that names are often parts of each other, or the same once they are harmless.
    const name = fc.option(
      fc.string({ unit: fc.constantFrom("a", " ", "1", "\n", "\ufffd", "undefined"), maxLength: 3 }),
      {
        nil: undefined,
      },
    );
    const owner = fc.record({ comm: name, cgroup: name });
    const property = fc.property(fc.array(fc.array(owner, { maxLength: 6 }), { maxLength: 200 }), (samples) => {
      const encoder = new LineEncoder(OPTIONS);
      for (const owners of samples) {
        const named = owners.map(({ comm, cgroup }) => ({
          ...(comm === undefined ? {} : { comm }),
          ...(cgroup === undefined ? {} : { cgroup }),
        }));
        const { comm, cgroup, ...inbound } = inboundStream();
        const { comm: _, cgroup: __, ...pair } = candidatePair();
        const sample = makeSample({
          streams: [...named.map((one) => ({ ...inbound, ...one })), outboundStream()],
          candidatePairs: named.map((one) => ({ ...pair, ...one })),
        });
        const lines = encoder.encode(sample);
        expect([...lines]).toEqual([...new LineEncoder(OPTIONS).encode(sample)]);
        expect(new Set([...lines].map((_, i) => lines.seriesOf(i))).size).toBe(lines.length);
      }
    });
    fc.assert(property, { numRuns: 50 });
  });

  it("is the same object while the stream is there, and forgets one that is gone", () => {
    const book = new SeriesBook();
    const stream = inboundStream();
    const find = () => book.find("inbound_rtp", stream.ssrc, stream, () => ({ ssrc: "1" }));
    const first = find();
    for (let n = 0; n < 300; n++) {
      book.turn();
      expect(find()).toBe(first);
    }
    for (let n = 0; n < 120; n++) book.turn();
    expect(find()).not.toBe(first);
  });
});
