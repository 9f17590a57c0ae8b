// SPDX-License-Identifier: MIT
/** What is remembered of series. Oracle: the tags that are made anew for each sample. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { samplePoints } from "../src/point.js";
import { SeriesBook } from "../src/tag.js";
import { candidatePair, inboundStream, makeSample, outboundStream } from "./samples.js";

const OPTIONS = { host: "h1", perStream: true };
const refuse = (error: unknown): never => {
  throw error;
};

describe("the book of series", () => {
  it("gives the tags that would be made, whatever the names, through any number of samples", () => {
    // Few letters, so that names are often parts of each other.
    const name = fc.option(fc.string({ unit: fc.constantFrom("a", " ", "1", "\n", "undefined"), maxLength: 3 }), {
      nil: undefined,
    });
    const owner = fc.record({ comm: name, cgroup: name });
    const property = fc.property(fc.array(fc.array(owner, { maxLength: 6 }), { maxLength: 200 }), (samples) => {
      const book = new SeriesBook();
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
        expect(samplePoints(sample, OPTIONS, refuse, book)).toEqual(samplePoints(sample, OPTIONS));
      }
    });
    fc.assert(property, { numRuns: 50 });
  });

  it("is the same object while the stream is there, and forgets one that is gone", () => {
    const book = new SeriesBook();
    const stream = inboundStream();
    const make = () => ({ ssrc: "1" });
    const first = book.find(stream, 1, make);
    for (let n = 0; n < 300; n++) {
      book.turn();
      expect(book.find(stream, 1, make)).toBe(first);
    }
    for (let n = 0; n < 120; n++) book.turn();
    expect(book.find(stream, 1, make)).not.toBe(first);
  });
});
