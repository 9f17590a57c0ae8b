// SPDX-License-Identifier: MIT
/** Text for a terminal. Oracle: Unicode's East Asian widths of the characters used, and columns counted by hand. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutText, makePrintable, renderTable, textWidth } from "../src/table.js";
import { formatDatagrams, viewSample } from "../src/view.js";
import { DATAGRAMS, inboundStream } from "./samples.js";

describe("width", () => {
  it.each([
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["語", 2],
    ["한글", 4],
    ["🎉x", 3],
    ["\x1b[1mbold\x1b[0m", 4],
  ])("%j takes %i cells", (text, cells) => expect(textWidth(text)).toBe(cells));

  it("a cut text is no wider than asked, and whole if it fits", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (given, width) => {
        const text = makePrintable(given);
        expect(textWidth(cutText(text, width))).toBeLessThanOrEqual(width);
        if (textWidth(text) <= width) expect(cutText(text, width)).toBe(text);
      }),
    );
  });
});

describe("what comes from outside", () => {
  it.each([
    ["\x1b[2Jx", "\\x1b[2Jx"],
    ["a\nb", "a\\x0ab"],
    ["\u009b31m", "\\x9b31m"],
    ["\u202eabc", "\\u{202e}abc"],
    ["\ud800", "\\u{d800}"],
    ["tag\u{e0041}", "tag\\u{e0041}"],
  ])("%j is shown as %j", (text, shown) => expect(makePrintable(text)).toBe(shown));

  it("a process cannot break out of its cell", () => {
    const lines = viewSample({
      timestamp: 0,
      streams: [inboundStream({ comm: "\x1b]0;evil\x07\nrow" })],
      candidatePairs: [],
      iceServers: [],
      reports: [],
      datagrams: DATAGRAMS,
    });
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
  });
});

describe("table", () => {
  it("aligns columns by cells", () => {
    const columns = [{ title: "NAME" }, { title: "N", align: "right" as const }];
    expect(
      renderTable(columns, [
        ["語語語", "1"],
        ["a", "100"],
      ]),
    ).toEqual(["NAME      N", "語語語    1", "a       100"]);
  });

  it("tells what was not measured by a dash, not by 0", () => {
    const stream = inboundStream();
    delete stream.jitter;
    delete stream.jitterRfc3550;
    delete stream.clockRate;
    const [, row = ""] = viewSample({
      timestamp: 0,
      streams: [stream],
      candidatePairs: [],
      iceServers: [],
      reports: [],
      datagrams: DATAGRAMS,
    });
    expect(row.match(/ - /g)).toHaveLength(4);
  });

  it("shows the sum of the datagrams without what is 0", () => {
    const datagrams = { ...DATAGRAMS, seen: 31, rtp: 16, rtcp: 15 };
    for (const name of Object.keys(datagrams) as (keyof typeof datagrams)[]) {
      if (!["seen", "rtp", "rtcp"].includes(name)) datagrams[name] = 0;
    }
    expect(formatDatagrams(datagrams)).toBe("31 datagrams seen = 16 rtp + 15 rtcp");
  });
});
